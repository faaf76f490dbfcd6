//! Headers that an operator adds to every response (`http.headers`).
//!
//! distribution has no configuration for cross-origin requests of its own: operators set the `Access-Control-*` headers
//! here. These are taken out and obeyed as the Fetch standard means them, see [`cors`](crate::cors).

use std::collections::BTreeMap;

use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE,
};

use crate::cors::{Cors, CorsError};

/// Headers that say how a response is framed or authenticated, which only the registry can know.
const RESERVED: [HeaderName; 5] = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE];

/// What is added to every response.
#[derive(Debug, Clone, Default)]
pub struct CustomHeaders {
    headers: HeaderMap,
    cors: Option<Cors>,
}

/// Why headers cannot be added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The name is not that of a header.
    #[error("`{0}` is not the name of a header")]
    Name(String),
    /// The value has a character that a header cannot have.
    #[error("a value of header `{0}` has a character that a header cannot have")]
    Value(HeaderName),
    /// The registry sets this header itself.
    #[error("header `{0}` is set by the registry itself and cannot be configured")]
    Reserved(HeaderName),
    /// The headers for cross-origin requests contradict each other.
    #[error(transparent)]
    Cors(#[from] CorsError),
}

impl CustomHeaders {
    /// Takes names with their values.
    ///
    /// # Errors
    /// For what cannot stand in a response, and for what the registry alone can know.
    pub fn parse(configured: &BTreeMap<String, Vec<String>>) -> Result<Self, HeaderError> {
        let mut headers = HeaderMap::new();
        for (name, values) in configured {
            let name = name.parse::<HeaderName>().map_err(|_| HeaderError::Name(name.clone()))?;
            if RESERVED.contains(&name) {
                return Err(HeaderError::Reserved(name));
            }
            for value in values {
                let value = HeaderValue::from_str(value).map_err(|_| HeaderError::Value(name.clone()))?;
                headers.append(name.clone(), value);
            }
        }
        let cors = Cors::take_from(&mut headers)?;
        Ok(Self { headers, cors })
    }

    /// Returns the rules for cross-origin requests, if there are any.
    pub fn cors(&self) -> Option<&Cors> {
        self.cors.as_ref()
    }

    /// Adds the headers to the response to a request from `origin`. A header that the response has already stays as it
    /// is, because it is part of the protocol.
    pub fn apply(&self, origin: Option<&HeaderValue>, response: &mut HeaderMap) {
        for name in self.headers.keys().filter(|name| !response.contains_key(*name)).collect::<Vec<_>>() {
            for value in self.headers.get_all(name) {
                response.append(name.clone(), value.clone());
            }
        }
        if let Some(cors) = &self.cors {
            cors.apply(origin, response);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(headers: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        headers.iter().map(|(name, values)| ((*name).to_owned(), owned(values))).collect()
    }

    #[test]
    fn headers_are_added_unless_the_protocol_has_them() {
        let custom = CustomHeaders::parse(&configured(&[
            ("X-Content-Type-Options", &["nosniff"]),
            ("Content-Type", &["text/html"]),
            ("X-Two", &["a", "b"]),
        ]));
        let custom = custom.unwrap();
        let mut response = HeaderMap::new();
        response.insert("content-type", HeaderValue::from_static("application/json"));
        custom.apply(None, &mut response);
        assert_eq!(response["x-content-type-options"], "nosniff");
        assert_eq!(response["content-type"], "application/json");
        assert_eq!(response.get_all("x-two").iter().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn what_cannot_be_added_is_refused() {
        for (name, value) in
            [("a b", "x"), ("X-A", "a\r\nb: c"), ("Content-Length", "0"), ("Transfer-Encoding", "chunked")]
        {
            assert!(CustomHeaders::parse(&configured(&[(name, &[value])])).is_err(), "{name}");
        }
    }
}
