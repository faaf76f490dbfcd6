//! Where a blob is: from a path of the storage to a name in the container, and to an address.

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use registry_core::store::StoreErrorKind;

use super::config::AzureConfig;
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

/// All but what every signature leaves as it is.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const NAME: &AsciiSet = &VALUE.remove(b'/');

/// Turns paths into names and addresses.
#[derive(Debug)]
pub(super) struct Address {
    scheme: Scheme,
    authority: Authority,
    /// The path of the container's address.
    base: String,
    /// What every name begins with: nothing, or something that ends with `/`.
    root: String,
    container: String,
}

impl Address {
    pub(super) fn new(config: &AzureConfig) -> DriverResult<Self> {
        let refused = |why: String| DriverError::new(StoreErrorKind::Other, "use the address", &config.endpoint, why);
        let endpoint: Uri =
            config.endpoint.parse().map_err(|error: http::uri::InvalidUri| refused(error.to_string()))?;
        let parts = endpoint.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            let why = "expected a scheme and a host, such as `https://images.blob.core.windows.net`";
            return Err(refused(why.into()));
        };
        let path = parts.path_and_query.as_ref().map_or("", PathAndQuery::path).trim_end_matches('/');
        let base = format!("{path}/{}", utf8_percent_encode(&config.container, VALUE));
        let root = config.root_directory.trim_matches('/');
        let root = if root.is_empty() { String::new() } else { format!("{root}/") };
        Ok(Self { scheme, authority, base, root, container: config.container.clone() })
    }

    pub(super) fn container(&self) -> &str {
        &self.container
    }

    pub(super) fn authority(&self) -> String {
        self.authority.to_string()
    }

    /// Returns the name of the blob at a path.
    pub(super) fn name(&self, path: &StoragePath) -> String {
        format!("{}{}", self.root, &path.as_str()[1..])
    }

    /// Returns what the names of all that is below a directory begin with.
    pub(super) fn prefix(&self, directory: &StoragePath) -> String {
        format!("{}/", self.name(directory))
    }

    /// Returns the path of the blob that has a name, if one can.
    pub(super) fn path(&self, name: &str) -> Option<StoragePath> {
        format!("/{}", name.strip_prefix(&self.root)?).parse().ok()
    }

    /// Returns the address of a blob, or of the container.
    pub(super) fn uri(&self, path: Option<&StoragePath>, query: &[(&str, &str)]) -> Uri {
        let mut text = self.base.clone();
        if let Some(path) = path {
            text.push('/');
            text.extend(utf8_percent_encode(&self.name(path), NAME));
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
    use super::super::config::AzureCredentials;
    use super::*;

    fn address(endpoint: &str, root: &str) -> DriverResult<Address> {
        let mut config = AzureConfig::new("images", "registry", AzureCredentials::SharedKey("a2V5".into()));
        config.endpoint = endpoint.into();
        config.root_directory = root.into();
        Address::new(&config)
    }

    #[test]
    fn a_path_has_a_name_and_an_address() {
        let path: StoragePath = "/a/b_c".parse().unwrap();
        for (endpoint, root, name, uri) in [
            ("https://images.blob.h", "", "a/b_c", "https://images.blob.h/registry/a/b_c?x=1%2F2&y="),
            (
                "http://h:1/images/",
                "/my root/",
                "my root/a/b_c",
                "http://h:1/images/registry/my%20root/a/b_c?x=1%2F2&y=",
            ),
        ] {
            let address = address(endpoint, root).unwrap();
            assert_eq!(address.name(&path), name);
            assert_eq!(address.path(name), Some(path.clone()));
            assert_eq!(address.uri(Some(&path), &[("x", "1/2"), ("y", "")]).to_string(), uri);
        }
    }

    #[test]
    fn what_is_elsewhere_has_no_path() {
        let address = address("https://h", "root").unwrap();
        for name in ["other/a", "root", "root/a//b", "root/a b", "root/a/"] {
            assert_eq!(address.path(name), None, "{name}");
        }
        let uri = address.uri(None, &[("restype", "container")]);
        assert_eq!(uri.to_string(), "https://h/registry?restype=container");
    }

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        for endpoint in ["", "images", "/images", "https://"] {
            assert!(address(endpoint, "").is_err(), "{endpoint}");
        }
    }
}
