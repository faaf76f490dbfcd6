//! Where an object is: from a path of the storage to a key, and to an address.

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use registry_core::store::StoreErrorKind;

use super::dialect::CopySourceForm;
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

/// All but what every signature leaves as it is.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const KEY: &AsciiSet = &VALUE.remove(b'/');

/// Where an address names the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::driver) enum Addressing {
    /// In the path.
    Path,
    /// As the first label of the host's name.
    Host,
    /// Not at all: the endpoint is the bucket's own.
    Endpoint,
}

/// Turns paths into keys and addresses.
#[derive(Debug)]
pub(in crate::driver) struct Address {
    scheme: Scheme,
    authority: Authority,
    /// What the path of every address begins with: `/bucket/` or `/`.
    base: String,
    /// What every key begins with: nothing, or something that ends with `/`.
    root: String,
    bucket: String,
}

impl Address {
    /// Returns where a bucket is at an endpoint, which is a scheme and a host. Every key begins with `root`; a `/` at its
    /// ends does not count.
    ///
    /// # Errors
    /// What is wrong with the endpoint.
    pub(in crate::driver) fn new(
        endpoint: &str,
        addressing: Addressing,
        bucket: &str,
        root: &str,
    ) -> DriverResult<Self> {
        let refused = |why: String| DriverError::new(StoreErrorKind::Other, "use the endpoint", endpoint, why);
        let malformed = |error: http::uri::InvalidUri| refused(error.to_string());
        let parts = endpoint.parse::<Uri>().map_err(malformed)?.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(refused("expected a scheme and a host, such as `https://s3.example.com`".into()));
        };
        if parts.path_and_query.is_some_and(|path| path != "/") {
            return Err(refused("expected no path; `rootdirectory` says where in the bucket things are".into()));
        }
        let (authority, base) = match addressing {
            Addressing::Path => (authority, format!("/{}/", utf8_percent_encode(bucket, VALUE))),
            Addressing::Host => (format!("{bucket}.{authority}").parse().map_err(malformed)?, "/".to_owned()),
            Addressing::Endpoint => (authority, "/".to_owned()),
        };
        let root = root.trim_matches('/');
        let root = if root.is_empty() { String::new() } else { format!("{root}/") };
        Ok(Self { scheme, authority, base, root, bucket: bucket.to_owned() })
    }

    pub(in crate::driver) fn bucket(&self) -> &str {
        &self.bucket
    }

    pub(in crate::driver) fn authority(&self) -> String {
        self.authority.to_string()
    }

    pub(in crate::driver) fn is_encrypted(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Returns the key of a path.
    pub(in crate::driver) fn key(&self, path: &StoragePath) -> String {
        format!("{}{}", self.root, &path.as_str()[1..])
    }

    /// Returns what the keys of all that is below a directory begin with.
    pub(in crate::driver) fn prefix(&self, directory: &StoragePath) -> String {
        format!("{}/", self.key(directory))
    }

    /// Returns the path that has a key, if one can.
    pub(in crate::driver) fn path(&self, key: &str) -> Option<StoragePath> {
        format!("/{}", key.strip_prefix(&self.root)?).parse().ok()
    }

    /// Returns how a copy names its source.
    pub(in crate::driver) fn copy_source(&self, path: &StoragePath, form: CopySourceForm) -> String {
        let key = self.key(path);
        let key = utf8_percent_encode(&key, KEY);
        match form {
            CopySourceForm::Bucket => format!("/{}/{key}", utf8_percent_encode(&self.bucket, VALUE)),
            CopySourceForm::Host => format!("{}/{key}", self.authority),
        }
    }

    /// Returns the address of an object, or of the bucket.
    pub(in crate::driver) fn uri(&self, path: Option<&StoragePath>, query: &[(&str, &str)]) -> Uri {
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
    use super::*;

    fn address(endpoint: &str, addressing: Addressing, root: &str) -> DriverResult<Address> {
        Address::new(endpoint, addressing, "bucket", root)
    }

    #[test]
    fn a_path_has_a_key_and_an_address() {
        let path: StoragePath = "/a/b_c".parse().unwrap();
        for (addressing, root, key, uri) in [
            (Addressing::Path, "", "a/b_c", "http://h:1/bucket/a/b_c?x=1%2F2&y="),
            (Addressing::Host, "", "a/b_c", "http://bucket.h:1/a/b_c?x=1%2F2&y="),
            (Addressing::Endpoint, "", "a/b_c", "http://h:1/a/b_c?x=1%2F2&y="),
            (Addressing::Path, "/my root/", "my root/a/b_c", "http://h:1/bucket/my%20root/a/b_c?x=1%2F2&y="),
        ] {
            let address = address("http://h:1", addressing, root).unwrap();
            assert_eq!(address.key(&path), key);
            assert_eq!(address.path(key), Some(path.clone()));
            assert_eq!(address.uri(Some(&path), &[("x", "1/2"), ("y", "")]).to_string(), uri);
        }
    }

    #[test]
    fn a_copy_names_its_source() {
        let path: StoragePath = "/a/b_c".parse().unwrap();
        let address = address("http://h:1", Addressing::Host, "my root").unwrap();
        assert_eq!(address.copy_source(&path, CopySourceForm::Bucket), "/bucket/my%20root/a/b_c");
        assert_eq!(address.copy_source(&path, CopySourceForm::Host), "bucket.h:1/my%20root/a/b_c");
    }

    #[test]
    fn what_is_elsewhere_has_no_path() {
        let address = address("https://h", Addressing::Path, "root").unwrap();
        for key in ["other/a", "root", "root/a//b", "root/a b", "root/a/"] {
            assert_eq!(address.path(key), None, "{key}");
        }
        assert_eq!(address.uri(None, &[]).to_string(), "https://h/bucket/");
    }

    #[test]
    fn an_endpoint_is_a_scheme_and_a_host() {
        for endpoint in ["h", "https://h/x", "https://", "http://h?x", "https://a b"] {
            assert!(address(endpoint, Addressing::Path, "").is_err(), "{endpoint}");
        }
    }
}
