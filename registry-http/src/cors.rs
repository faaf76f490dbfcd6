//! Requests that scripts of other origins make in a browser.
//!
//! A browser asks before it sends such a request: a *preflight*, an OPTIONS request without credentials. It is answered
//! before anything is authenticated. Without configuration no other origin is allowed anything.
//!
//! Source: the Fetch standard, "CORS protocol".

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};
use http::{Method, Response, StatusCode};

/// What other origins may do.
#[derive(Debug, Clone)]
pub struct Cors {
    origins: Origins,
    credentials: bool,
    exposed: Option<HeaderValue>,
    /// What only the answer to a preflight has.
    preflight: HeaderMap,
}

#[derive(Debug, Clone)]
enum Origins {
    Any,
    One(HeaderValue),
    Several(Vec<HeaderValue>),
}

/// Why the configuration of cross-origin requests makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CorsError {
    /// Other headers are there, but no origin is allowed.
    #[error("header `{0}` has no effect without `access-control-allow-origin`")]
    NoOrigin(HeaderName),
    /// Something that no browser sends as an origin.
    #[error("`{0}` is not an origin; expected `*` or `scheme://host[:port]` without a path")]
    Origin(String),
    /// The value is not one of the two.
    #[error("`access-control-allow-credentials` is `{0}`; expected `true` or `false`")]
    Credentials(String),
    /// The value is not a number of seconds.
    #[error("`access-control-max-age` is `{0}`; expected a number of seconds")]
    MaxAge(String),
}

impl Cors {
    /// Takes the `Access-Control-*` headers out of configured headers. None if there are none.
    pub(crate) fn take_from(headers: &mut HeaderMap) -> Result<Option<Self>, CorsError> {
        let mut take = |name: HeaderName| {
            let values: Vec<_> = headers.get_all(&name).iter().cloned().collect();
            headers.remove(&name);
            values
        };
        let origins = take(ACCESS_CONTROL_ALLOW_ORIGIN);
        let credentials = take(ACCESS_CONTROL_ALLOW_CREDENTIALS);
        let exposed = take(ACCESS_CONTROL_EXPOSE_HEADERS);
        let mut preflight = HeaderMap::new();
        for name in [ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_MAX_AGE] {
            if let Some(value) = joined(&take(name.clone())) {
                preflight.insert(name, value);
            }
        }
        if let Some(age) = preflight.get(ACCESS_CONTROL_MAX_AGE).filter(|age| text(age).parse::<u32>().is_err()) {
            return Err(CorsError::MaxAge(text(age)));
        }
        if origins.is_empty() {
            let others = [(credentials, ACCESS_CONTROL_ALLOW_CREDENTIALS), (exposed, ACCESS_CONTROL_EXPOSE_HEADERS)];
            let other = others.into_iter().find(|(values, _)| !values.is_empty()).map(|(_, name)| name);
            return other
                .or_else(|| preflight.keys().next().cloned())
                .map_or(Ok(None), |name| Err(CorsError::NoOrigin(name)));
        }
        let origins = Origins::parse(&origins)?;
        let mut credentials = match joined(&credentials).as_ref().map(text).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => return Err(CorsError::Credentials(other.to_owned())),
        };
        if credentials && matches!(origins, Origins::Any) {
            // Browsers refuse the pair, and to name each origin instead would let any page act as its visitor.
            tracing::warn!("access-control-allow-credentials is left out, because every origin is allowed");
            credentials = false;
        }
        Ok(Some(Self { origins, credentials, exposed: joined(&exposed), preflight }))
    }

    /// Tells whether a request is a preflight.
    pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
        method == Method::OPTIONS && headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// Answers a preflight. An origin that is not allowed gets an answer that allows it nothing.
    pub fn preflight<B: Default>(&self, request: &HeaderMap) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let origin = request.get(ORIGIN);
        if self.allowed(origin).is_some() {
            response.headers_mut().extend(self.preflight.clone());
        }
        self.apply(origin, response.headers_mut());
        response
    }

    /// Adds what a browser wants to see in the response to a request from `origin`.
    pub fn apply(&self, origin: Option<&HeaderValue>, response: &mut HeaderMap) {
        if matches!(self.origins, Origins::Several(_)) {
            // The answer differs by origin: a cache must not give one origin what another got.
            response.append(VARY, HeaderValue::from_name(ORIGIN));
        }
        let Some(allowed) = self.allowed(origin) else { return };
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if self.credentials {
            response.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        if let Some(exposed) = &self.exposed {
            response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
        }
    }

    fn allowed(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        match &self.origins {
            Origins::Any => Some(HeaderValue::from_static("*")),
            // Whoever asks is told the one origin; a browser compares it with its own.
            Origins::One(allowed) => Some(allowed.clone()),
            Origins::Several(allowed) => allowed.iter().find(|allowed| Some(*allowed) == origin).cloned(),
        }
    }
}

impl Origins {
    fn parse(values: &[HeaderValue]) -> Result<Self, CorsError> {
        let mut origins = Vec::new();
        for value in values.iter().map(text).collect::<Vec<_>>().iter().flat_map(|value| value.split(',')) {
            match value.trim() {
                "*" => return Ok(Self::Any),
                origin if is_origin(origin) => {
                    origins.push(HeaderValue::from_str(origin).map_err(|_| CorsError::Origin(origin.to_owned()))?);
                }
                other => return Err(CorsError::Origin(other.to_owned())),
            }
        }
        Ok(match origins.len() {
            1 => Self::One(origins.remove(0)),
            _ => Self::Several(origins),
        })
    }
}

/// Tells whether a browser could send `text` as an origin.
fn is_origin(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, host)| {
        !scheme.is_empty() && !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ', '*'])
    })
}

/// Joins the values of a header that is a list.
fn joined(values: &[HeaderValue]) -> Option<HeaderValue> {
    let joined = values.iter().map(text).collect::<Vec<_>>().join(", ");
    HeaderValue::from_str(&joined).ok().filter(|value| !value.is_empty())
}

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(headers: &[(&'static str, &'static str)]) -> Result<Option<Cors>, CorsError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let cors = Cors::take_from(&mut map);
        assert!(cors.is_err() || map.is_empty(), "what is obeyed is not added a second time");
        cors
    }

    fn preflight(cors: &Cors, origin: &'static str) -> HeaderMap {
        let mut request = HeaderMap::new();
        request.insert(ORIGIN, HeaderValue::from_static(origin));
        request.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("DELETE"));
        assert!(Cors::is_preflight(&Method::OPTIONS, &request));
        assert!(!Cors::is_preflight(&Method::GET, &request));
        let response: Response<()> = cors.preflight(&request);
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        response.into_parts().0.headers
    }

    #[test]
    fn nothing_is_allowed_by_default() {
        assert!(cors(&[]).unwrap().is_none());
    }

    #[test]
    fn one_origin_is_told_to_everybody() {
        let cors = cors(&[
            ("access-control-allow-origin", "https://ui.example"),
            ("access-control-allow-methods", "HEAD"),
            ("access-control-allow-methods", "DELETE"),
            ("access-control-allow-headers", "Authorization"),
            ("access-control-max-age", "600"),
            ("access-control-allow-credentials", "true"),
            ("access-control-expose-headers", "Docker-Content-Digest"),
        ]);
        let headers = preflight(&cors.unwrap().unwrap(), "https://evil.example");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "https://ui.example");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_METHODS], "HEAD, DELETE");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], "Authorization");
        assert_eq!(headers[ACCESS_CONTROL_MAX_AGE], "600");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        assert_eq!(headers[ACCESS_CONTROL_EXPOSE_HEADERS], "Docker-Content-Digest");
    }

    #[test]
    fn of_several_origins_the_one_that_asks_is_told() {
        let cors = cors(&[
            ("access-control-allow-origin", "https://a.example"),
            ("access-control-allow-origin", "https://b.example"),
            ("access-control-allow-methods", "DELETE"),
        ]);
        let cors = cors.unwrap().unwrap();
        let allowed = preflight(&cors, "https://b.example");
        assert_eq!(allowed[ACCESS_CONTROL_ALLOW_ORIGIN], "https://b.example");
        assert_eq!(allowed[VARY], "origin");
        let refused = preflight(&cors, "https://c.example");
        assert_eq!(refused.keys().collect::<Vec<_>>(), [&VARY], "an unknown origin is allowed nothing");
    }

    #[test]
    fn every_origin_never_comes_with_credentials() {
        for origins in [&["*"][..], &["https://a.example", "*"]] {
            let mut headers = vec![("access-control-allow-credentials", "true")];
            headers.extend(origins.iter().map(|origin| ("access-control-allow-origin", *origin)));
            let headers = preflight(&cors(&headers).unwrap().unwrap(), "https://a.example");
            assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
            assert!(!headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for headers in [
            &[("access-control-allow-methods", "GET")][..],
            &[("access-control-allow-origin", "ui.example")],
            &[("access-control-allow-origin", "https://ui.example/")],
            &[("access-control-allow-origin", "*"), ("access-control-max-age", "long")],
            &[("access-control-allow-origin", "*"), ("access-control-allow-credentials", "yes")],
        ] {
            assert!(cors(headers).is_err(), "{headers:?}");
        }
    }
}
