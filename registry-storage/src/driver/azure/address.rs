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
    /// What the path of an address has before the container: the account, or nothing.
    account: String,
    /// Where clients find the account, as the two above.
    pub(super) public: (Endpoint, String),
    pub(super) root: Root,
    container: String,
}

impl Address {
    pub(super) fn new(config: &AzureConfig) -> DriverResult<Self> {
        let parse = |endpoint| Endpoint::parse(endpoint, "https://images.blob.core.windows.net");
        let (endpoint, account) = parse(&config.endpoint)?;
        let public = parse(config.public_endpoint.as_ref().unwrap_or(&config.endpoint))?;
        let root = Root::new(&config.root_directory);
        Ok(Self { endpoint, account, public, root, container: config.container.clone() })
    }

    pub(super) fn container(&self) -> &str {
        &self.container
    }

    /// Returns the address of a blob, or of the container.
    pub(super) fn uri(&self, path: Option<&StoragePath>, query: &[(&str, &str)]) -> Uri {
        self.endpoint.uri(format!("{}{}", self.account, self.below_account(path)), query)
    }

    /// Returns the address by which clients find a blob.
    pub(super) fn public_uri(&self, path: &StoragePath) -> Uri {
        let (endpoint, account) = &self.public;
        endpoint.uri(format!("{account}{}", self.below_account(Some(path))), &[])
    }

    /// Returns the address of a blob as if the account were always in the host's name, which is how signatures see it.
    pub(super) fn signed_uri(&self, path: &StoragePath) -> Uri {
        self.endpoint.uri(self.below_account(Some(path)), &[])
    }

    fn below_account(&self, path: Option<&StoragePath>) -> String {
        let mut text = format!("/{}", encoded(&self.container));
        if let Some(path) = path {
            text.push('/');
            text.extend(encoded_path(&self.root.key(path)));
        }
        text
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
        config.public_endpoint = Some("https://cdn.h/public/".into());
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

    #[test]
    fn clients_have_an_address_of_their_own() {
        let path = "/a".parse().unwrap();
        let address = address("http://h:1/images", "root");
        assert_eq!(address.public_uri(&path).to_string(), "https://cdn.h/public/registry/root/a");
        assert_eq!(address.signed_uri(&path).to_string(), "http://h:1/registry/root/a");
    }
}
