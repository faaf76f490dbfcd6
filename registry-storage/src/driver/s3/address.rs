//! Where an object is: from a path of the storage to a key, and to an address.

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use registry_core::store::StoreErrorKind;

use super::config::S3Config;
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

/// All but what every signature leaves as it is.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const KEY: &AsciiSet = &VALUE.remove(b'/');

/// Turns paths into keys and addresses.
#[derive(Debug)]
pub(super) struct Address {
    scheme: Scheme,
    authority: Authority,
    /// What the path of every address begins with: `/bucket/` or `/`.
    base: String,
    /// What every key begins with: nothing, or something that ends with `/`.
    root: String,
    bucket: String,
}

impl Address {
    pub(super) fn new(config: &S3Config) -> DriverResult<Self> {
        let refused = |why: String| DriverError::new(StoreErrorKind::Other, "use the endpoint", &config.endpoint, why);
        let endpoint: Uri =
            config.endpoint.parse().map_err(|error: http::uri::InvalidUri| refused(error.to_string()))?;
        let parts = endpoint.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(refused("expected a scheme and a host, such as `https://s3.example.com`".into()));
        };
        if parts.path_and_query.is_some_and(|path| path != "/") {
            return Err(refused("expected no path; `rootdirectory` says where in the bucket things are".into()));
        }
        let (authority, base) = if config.path_style {
            (authority, format!("/{}/", utf8_percent_encode(&config.bucket, VALUE)))
        } else {
            let named = format!("{}.{authority}", config.bucket);
            (named.parse().map_err(|error: http::uri::InvalidUri| refused(error.to_string()))?, "/".to_owned())
        };
        let root = config.root_directory.trim_matches('/');
        let root = if root.is_empty() { String::new() } else { format!("{root}/") };
        Ok(Self { scheme, authority, base, root, bucket: config.bucket.clone() })
    }

    pub(super) fn bucket(&self) -> &str {
        &self.bucket
    }

    pub(super) fn authority(&self) -> String {
        self.authority.to_string()
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Returns the key of a path.
    pub(super) fn key(&self, path: &StoragePath) -> String {
        format!("{}{}", self.root, &path.as_str()[1..])
    }

    /// Returns what the keys of all that is below a directory begin with.
    pub(super) fn prefix(&self, directory: &StoragePath) -> String {
        format!("{}/", self.key(directory))
    }

    /// Returns the path that has a key, if one can.
    pub(super) fn path(&self, key: &str) -> Option<StoragePath> {
        format!("/{}", key.strip_prefix(&self.root)?).parse().ok()
    }

    /// Returns how a copy names its source.
    pub(super) fn copy_source(&self, path: &StoragePath) -> String {
        let key = self.key(path);
        format!("/{}/{}", utf8_percent_encode(&self.bucket, VALUE), utf8_percent_encode(&key, KEY))
    }

    /// Returns the address of an object, or of the bucket.
    pub(super) fn uri(&self, path: Option<&StoragePath>, query: &[(&str, &str)]) -> Uri {
        let mut text = self.base.clone();
        if let Some(path) = path {
            text.extend(utf8_percent_encode(&self.key(path), KEY));
        }
        for (index, (name, value)) in query.iter().enumerate() {
            text.push(if index == 0 { '?' } else { '&' });
            text.push_str(name);
            text.push('=');
            text.extend(utf8_percent_encode(value, VALUE));
        }
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(PathAndQuery::try_from(text).expect("all but unreserved characters are encoded"));
        Uri::from_parts(parts).expect("a scheme, an authority and a path make an address")
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::S3Credentials;
    use super::*;

    fn address(endpoint: &str, path_style: bool, root: &str) -> DriverResult<Address> {
        let credentials = S3Credentials::Ambient { variables: Default::default(), home: None };
        let mut config = S3Config::new("bucket", "eu-west-1", credentials);
        config.endpoint = endpoint.into();
        config.path_style = path_style;
        config.root_directory = root.into();
        Address::new(&config)
    }

    #[test]
    fn a_path_has_a_key_and_an_address() {
        let path: StoragePath = "/a/b_c".parse().unwrap();
        for (path_style, root, key, uri) in [
            (true, "", "a/b_c", "http://h:1/bucket/a/b_c?x=1%2F2&y="),
            (false, "", "a/b_c", "http://bucket.h:1/a/b_c?x=1%2F2&y="),
            (true, "/my root/", "my root/a/b_c", "http://h:1/bucket/my%20root/a/b_c?x=1%2F2&y="),
        ] {
            let address = address("http://h:1", path_style, root).unwrap();
            assert_eq!(address.key(&path), key);
            assert_eq!(address.path(key), Some(path.clone()));
            assert_eq!(address.uri(Some(&path), &[("x", "1/2"), ("y", "")]).to_string(), uri);
        }
    }

    #[test]
    fn what_is_elsewhere_has_no_path() {
        let address = address("https://h", true, "root").unwrap();
        for key in ["other/a", "root", "root/a//b", "root/a b", "root/a/"] {
            assert_eq!(address.path(key), None, "{key}");
        }
        assert_eq!(address.uri(None, &[]).to_string(), "https://h/bucket/");
    }

    #[test]
    fn an_endpoint_is_a_scheme_and_a_host() {
        for endpoint in ["h", "https://h/x", "https://", "http://h?x", "https://a b"] {
            assert!(address(endpoint, true, "").is_err(), "{endpoint}");
        }
    }
}
