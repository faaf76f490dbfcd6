//! Where an object is: from a path of the storage to a key, and to an address.

use http::Uri;

use crate::driver::object::address::{Endpoint, Root, encoded, encoded_path};
use crate::error::DriverResult;
use crate::path::StoragePath;

/// Turns paths into addresses.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) endpoint: Endpoint,
    pub(super) root: Root,
    bucket: String,
}

impl Address {
    /// Returns where a bucket is, with keys below a root.
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub(super) fn new(base_url: &str, bucket: &str, root: &str) -> DriverResult<Self> {
        let endpoint = Endpoint::without_path(base_url, "http://my-images.cn-bj.ufileos.com")?;
        Ok(Self { endpoint, root: Root::new(root), bucket: bucket.to_owned() })
    }

    pub(super) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Returns how a copy names its source.
    pub(super) fn copy_source(&self, path: &StoragePath) -> String {
        format!("/{}/{}", self.bucket, self.root.key(path))
    }

    /// Returns the address of an object, or of the bucket. `word` is a parameter that stands before all others, and has no
    /// value.
    pub(super) fn uri(&self, path: Option<&StoragePath>, word: Option<&str>, query: &[(&str, &str)]) -> Uri {
        let mut text = String::from("/");
        if let Some(path) = path {
            text.extend(encoded_path(&self.root.key(path)));
        }
        let pairs = query.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
        let parameters: Vec<_> = word.map(ToOwned::to_owned).into_iter().chain(pairs).collect();
        if !parameters.is_empty() {
            text = format!("{text}?{}", parameters.join("&"));
        }
        self.endpoint.uri(text, &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_an_address() {
        let address = Address::new("http://images.h:1/", "images", "/my root/").unwrap();
        let path: StoragePath = "/a/b_c".parse().unwrap();
        for (path, word, query, uri) in [
            (Some(&path), None, &[][..], "http://images.h:1/my%20root/a/b_c"),
            (Some(&path), Some("uploads"), &[], "http://images.h:1/my%20root/a/b_c?uploads"),
            (None, Some("listobjects"), &[("prefix", "a/b")], "http://images.h:1/?listobjects&prefix=a%2Fb"),
            (
                Some(&path),
                None,
                &[("uploadId", "1"), ("partNumber", "0")],
                "http://images.h:1/my%20root/a/b_c?uploadId=1&partNumber=0",
            ),
        ] {
            assert_eq!(address.uri(path, word, query), uri);
        }
        assert_eq!(address.copy_source(&path), "/images/my root/a/b_c");
    }
}
