//! Where a blob is: from a path of the storage to a name in the container, and to an address.

use http::Uri;

use super::config::AzureConfig;
use crate::driver::object::address::{Endpoint, Root, encoded, encoded_path};
use crate::error::DriverResult;
use crate::path::StoragePath;

/// Turns paths into addresses.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) endpoint: Endpoint,
    /// The path of the container's address.
    base: String,
    pub(super) root: Root,
    container: String,
}

impl Address {
    pub(super) fn new(config: &AzureConfig) -> DriverResult<Self> {
        let (endpoint, path) = Endpoint::parse(&config.endpoint, "https://images.blob.core.windows.net")?;
        let base = format!("{path}/{}", encoded(&config.container));
        let root = Root::new(&config.root_directory);
        Ok(Self { endpoint, base, root, container: config.container.clone() })
    }

    pub(super) fn container(&self) -> &str {
        &self.container
    }

    /// Returns the address of a blob, or of the container.
    pub(super) fn uri(&self, path: Option<&StoragePath>, query: &[(&str, &str)]) -> Uri {
        let mut text = self.base.clone();
        if let Some(path) = path {
            text.push('/');
            text.extend(encoded_path(&self.root.key(path)));
        }
        self.endpoint.uri(text, query)
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::AzureCredentials;
    use super::*;

    fn address(endpoint: &str, root: &str) -> Address {
        let mut config = AzureConfig::new("images", "registry", AzureCredentials::SharedKey("a2V5".into()));
        config.endpoint = endpoint.into();
        config.root_directory = root.into();
        Address::new(&config).unwrap()
    }

    #[test]
    fn a_path_has_an_address() {
        let path: StoragePath = "/a/b_c".parse().unwrap();
        for (endpoint, root, uri) in [
            ("https://images.blob.h", "", "https://images.blob.h/registry/a/b_c?x=1%2F2&y="),
            ("http://h:1/images/", "/my root/", "http://h:1/images/registry/my%20root/a/b_c?x=1%2F2&y="),
        ] {
            assert_eq!(address(endpoint, root).uri(Some(&path), &[("x", "1/2"), ("y", "")]).to_string(), uri);
        }
        let uri = address("https://h", "root").uri(None, &[("restype", "container")]);
        assert_eq!(uri.to_string(), "https://h/registry?restype=container");
    }
}
