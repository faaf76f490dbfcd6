//! Where an object is: from a path of the storage to a key, and to an address.

use http::Uri;

use super::dialect::CopySourceForm;
use crate::driver::object::address::{Endpoint, Root, encoded, encoded_path};
use crate::error::DriverResult;
use crate::path::StoragePath;

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

/// Turns paths into addresses.
#[derive(Debug)]
pub(in crate::driver) struct Address {
    pub(in crate::driver) endpoint: Endpoint,
    /// What the path of every address begins with: `/bucket/` or `/`.
    base: String,
    pub(in crate::driver) root: Root,
    bucket: String,
}

impl Address {
    /// Returns where a bucket is at an endpoint, which is a scheme and a host, with keys below a root.
    ///
    /// # Errors
    /// What is wrong with the endpoint.
    pub(in crate::driver) fn new(
        endpoint: &str,
        addressing: Addressing,
        bucket: &str,
        root: &str,
    ) -> DriverResult<Self> {
        let endpoint = Endpoint::without_path(endpoint, "https://s3.example.com")?;
        let (endpoint, base) = match addressing {
            Addressing::Path => (endpoint, format!("/{}/", encoded(bucket))),
            Addressing::Host => (endpoint.below_host(bucket)?, "/".to_owned()),
            Addressing::Endpoint => (endpoint, "/".to_owned()),
        };
        Ok(Self { endpoint, base, root: Root::new(root), bucket: bucket.to_owned() })
    }

    pub(in crate::driver) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Returns how a copy names its source.
    pub(in crate::driver) fn copy_source(&self, path: &StoragePath, form: CopySourceForm) -> String {
        let key = self.root.key(path);
        let key = encoded_path(&key);
        match form {
            CopySourceForm::Bucket => format!("/{}/{key}", encoded(&self.bucket)),
            CopySourceForm::Host => format!("{}/{key}", self.endpoint.authority()),
        }
    }

    /// Returns the address of an object, or of the bucket.
    pub(in crate::driver) fn uri(&self, path: Option<&StoragePath>, query: &[(&str, &str)]) -> Uri {
        let mut text = self.base.clone();
        if let Some(path) = path {
            text.extend(encoded_path(&self.root.key(path)));
        }
        self.endpoint.uri(text, query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(addressing: Addressing, root: &str) -> Address {
        Address::new("http://h:1", addressing, "bucket", root).unwrap()
    }

    #[test]
    fn a_path_has_an_address() {
        let path: StoragePath = "/a/b_c".parse().unwrap();
        for (addressing, root, uri) in [
            (Addressing::Path, "", "http://h:1/bucket/a/b_c?x=1%2F2&y="),
            (Addressing::Host, "", "http://bucket.h:1/a/b_c?x=1%2F2&y="),
            (Addressing::Endpoint, "", "http://h:1/a/b_c?x=1%2F2&y="),
            (Addressing::Path, "/my root/", "http://h:1/bucket/my%20root/a/b_c?x=1%2F2&y="),
        ] {
            assert_eq!(address(addressing, root).uri(Some(&path), &[("x", "1/2"), ("y", "")]).to_string(), uri);
        }
        assert_eq!(address(Addressing::Path, "root").uri(None, &[]).to_string(), "http://h:1/bucket/");
    }

    #[test]
    fn a_copy_names_its_source() {
        let path: StoragePath = "/a/b_c".parse().unwrap();
        let address = address(Addressing::Host, "my root");
        assert_eq!(address.copy_source(&path, CopySourceForm::Bucket), "/bucket/my%20root/a/b_c");
        assert_eq!(address.copy_source(&path, CopySourceForm::Host), "bucket.h:1/my%20root/a/b_c");
    }
}
