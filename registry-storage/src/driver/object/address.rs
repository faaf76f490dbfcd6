//! What all addresses of objects have in common: an endpoint, keys below a root, and what is encoded.

use http::Uri;
use http::uri::{Authority, InvalidUri, Parts, PathAndQuery, Scheme};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use registry_core::store::StoreErrorKind;

use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

/// All but unreserved characters (RFC 3986, section 2.3), which every signature leaves as they are.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// Encodes a value, or one segment of a path.
pub(in crate::driver) fn encoded(value: &str) -> PercentEncode<'_> {
    utf8_percent_encode(value, RESERVED)
}

/// Encodes a path, whose `/` stay.
pub(in crate::driver) fn encoded_path(path: &str) -> PercentEncode<'_> {
    utf8_percent_encode(path, RESERVED_IN_PATH)
}

/// Adds a query to a path, which is encoded.
pub(in crate::driver) fn with_query(mut path: String, query: &[(&str, &str)]) -> PathAndQuery {
    for (index, (name, value)) in query.iter().enumerate() {
        path.push(if index == 0 { '?' } else { '&' });
        path.push_str(name);
        path.push('=');
        path.extend(encoded(value));
    }
    PathAndQuery::try_from(path).expect("all but unreserved characters are encoded")
}

/// A scheme and a host.
#[derive(Debug, Clone)]
pub(in crate::driver) struct Endpoint {
    scheme: Scheme,
    authority: Authority,
}

impl Endpoint {
    /// Reads an endpoint, and returns it with the path behind it, of which a `/` at the end does not count. `example` is for
    /// the error.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in crate::driver) fn parse(text: &str, example: &str) -> DriverResult<(Self, String)> {
        let malformed = |error: InvalidUri| refused(text, error.to_string());
        let Parts { scheme, authority, path_and_query, .. } = text.parse::<Uri>().map_err(malformed)?.into_parts();
        let (Some(scheme), Some(authority)) = (scheme, authority) else {
            return Err(refused(text, format!("expected a scheme and a host, such as `{example}`")));
        };
        let path = path_and_query.as_ref().map_or("", PathAndQuery::as_str).trim_end_matches('/');
        Ok((Self { scheme, authority }, path.to_owned()))
    }

    /// Reads an endpoint that has no path.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in crate::driver) fn without_path(text: &str, example: &str) -> DriverResult<Self> {
        match Self::parse(text, example)? {
            (endpoint, path) if path.is_empty() => Ok(endpoint),
            _ => Err(refused(text, "expected no path; `rootdirectory` says where in the bucket things are".into())),
        }
    }

    /// Returns the endpoint at a label more of the host's name.
    ///
    /// # Errors
    /// If that is no name.
    pub(in crate::driver) fn below_host(&self, label: &str) -> DriverResult<Self> {
        let name = format!("{label}.{}", self.authority);
        let authority = name.parse().map_err(|error: InvalidUri| refused(&name, error.to_string()))?;
        Ok(Self { scheme: self.scheme.clone(), authority })
    }

    pub(in crate::driver) fn authority(&self) -> &str {
        self.authority.as_str()
    }

    pub(in crate::driver) fn scheme(&self) -> &str {
        self.scheme.as_str()
    }

    pub(in crate::driver) fn is_encrypted(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Returns the address of an encoded path.
    pub(in crate::driver) fn uri(&self, path: String, query: &[(&str, &str)]) -> Uri {
        let mut parts = Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(with_query(path, query));
        Uri::from_parts(parts).expect("a scheme, an authority and a path make an address")
    }
}

fn refused(endpoint: &str, why: String) -> DriverError {
    DriverError::new(StoreErrorKind::Other, "use the endpoint", endpoint, why)
}

/// What every key begins with: nothing, or something that ends with `/`.
#[derive(Debug, Clone)]
pub(in crate::driver) struct Root(String);

impl Root {
    /// Keeps keys below a directory; a `/` at its ends does not count.
    pub(in crate::driver) fn new(directory: &str) -> Self {
        let directory = directory.trim_matches('/');
        Self(if directory.is_empty() { String::new() } else { format!("{directory}/") })
    }

    pub(in crate::driver) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the key of a path.
    pub(in crate::driver) fn key(&self, path: &StoragePath) -> String {
        format!("{}{}", self.0, &path.as_str()[1..])
    }

    /// Returns what the keys of all that is below a directory begin with.
    pub(in crate::driver) fn prefix(&self, directory: &StoragePath) -> String {
        format!("{}/", self.key(directory))
    }

    /// Returns the path that has a key, if one can.
    pub(in crate::driver) fn path(&self, key: &str) -> Option<StoragePath> {
        format!("/{}", key.strip_prefix(&self.0)?).parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "https://store.example.com";

    #[test]
    fn a_path_has_a_key() {
        let path: StoragePath = "/a/b_c".parse().unwrap();
        for (root, key) in [("", "a/b_c"), ("/", "a/b_c"), ("/my root/", "my root/a/b_c")] {
            let root = Root::new(root);
            assert_eq!(root.key(&path), key);
            assert_eq!(root.prefix(&path), format!("{key}/"));
            assert_eq!(root.path(key), Some(path.clone()));
        }
    }

    #[test]
    fn what_is_elsewhere_has_no_path() {
        let root = Root::new("root");
        for key in ["other/a", "root", "root/a//b", "root/a b", "root/a/"] {
            assert_eq!(root.path(key), None, "{key}");
        }
    }

    #[test]
    fn an_endpoint_is_a_scheme_and_a_host() {
        for endpoint in ["", "h", "/h", "https://", "https://a b"] {
            assert!(Endpoint::parse(endpoint, EXAMPLE).is_err(), "{endpoint}");
        }
        for endpoint in ["https://h/x", "http://h?x"] {
            assert!(Endpoint::without_path(endpoint, EXAMPLE).is_err(), "{endpoint}");
        }
        let (endpoint, path) = Endpoint::parse("http://h:1/account/", EXAMPLE).unwrap();
        assert_eq!((endpoint.authority(), endpoint.is_encrypted(), path.as_str()), ("h:1", false, "/account"));
        let below = endpoint.below_host("bucket").unwrap();
        assert_eq!(below.uri("/k".into(), &[("x", "1/2"), ("y", "")]).to_string(), "http://bucket.h:1/k?x=1%2F2&y=");
    }

    #[test]
    fn what_is_reserved_is_encoded() {
        assert_eq!(encoded("a/b c~").to_string(), "a%2Fb%20c~");
        assert_eq!(encoded_path("a/b c+").to_string(), "a/b%20c%2B");
    }
}
