//! Where an object is: from a path of the storage to a name, and to an address.

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use registry_core::store::StoreErrorKind;

use super::config::GcsConfig;
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

/// All but what addresses leave as it is. A name is one segment of an address, so that its `/` are encoded as well.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Turns paths into names and addresses.
#[derive(Debug)]
pub(super) struct Address {
    scheme: Scheme,
    authority: Authority,
    /// The path of the bucket's objects: `/storage/v1/b/<bucket>/o`.
    objects: String,
    /// What every name begins with: nothing, or something that ends with `/`.
    root: String,
}

/// What a request is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Resource<'a> {
    /// The bucket's objects.
    Objects,
    /// The bucket's objects, where content is sent.
    Upload,
    /// One object.
    Object(&'a StoragePath),
    /// What is to be composed to one object.
    Compose(&'a StoragePath),
    /// A copy of the first object in the place of the second.
    Rewrite(&'a StoragePath, &'a StoragePath),
}

impl Address {
    pub(super) fn new(config: &GcsConfig) -> DriverResult<Self> {
        let refused = |why: String| DriverError::new(StoreErrorKind::Other, "use the endpoint", &config.endpoint, why);
        let endpoint: Uri =
            config.endpoint.parse().map_err(|error: http::uri::InvalidUri| refused(error.to_string()))?;
        let parts = endpoint.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(refused("expected a scheme and a host, such as `https://storage.googleapis.com`".into()));
        };
        if parts.path_and_query.is_some_and(|path| path != "/") {
            return Err(refused("expected no path; `rootdirectory` says where in the bucket things are".into()));
        }
        let objects = format!("/storage/v1/b/{}/o", utf8_percent_encode(&config.bucket, VALUE));
        let root = config.root_directory.trim_matches('/');
        let root = if root.is_empty() { String::new() } else { format!("{root}/") };
        Ok(Self { scheme, authority, objects, root })
    }

    pub(super) fn authority(&self) -> String {
        self.authority.to_string()
    }

    /// Returns the name of the object at a path.
    pub(super) fn name(&self, path: &StoragePath) -> String {
        format!("{}{}", self.root, &path.as_str()[1..])
    }

    /// Returns what the names of all that is below a directory begin with.
    pub(super) fn prefix(&self, directory: &StoragePath) -> String {
        format!("{}/", self.name(directory))
    }

    /// Returns the path that has a name, if one can.
    pub(super) fn path(&self, name: &str) -> Option<StoragePath> {
        format!("/{}", name.strip_prefix(&self.root)?).parse().ok()
    }

    /// Returns the address of a resource.
    pub(super) fn uri(&self, resource: Resource<'_>, query: &[(&str, &str)]) -> Uri {
        let name = |path: &StoragePath| utf8_percent_encode(&self.name(path), VALUE).to_string();
        let objects = &self.objects;
        let mut text = match resource {
            Resource::Objects => objects.clone(),
            Resource::Upload => format!("/upload{objects}"),
            Resource::Object(path) => format!("{objects}/{}", name(path)),
            Resource::Compose(path) => format!("{objects}/{}/compose", name(path)),
            Resource::Rewrite(source, path) => {
                let bucket_and_object = &objects["/storage/v1".len()..];
                format!("{objects}/{}/rewriteTo{bucket_and_object}/{}", name(source), name(path))
            }
        };
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
    use super::super::config::GcsCredentials;
    use super::*;

    fn address(endpoint: &str, root: &str) -> DriverResult<Address> {
        let mut config = GcsConfig::new("my-images", GcsCredentials::Anonymous);
        config.endpoint = endpoint.into();
        config.root_directory = root.into();
        Address::new(&config)
    }

    #[test]
    fn a_path_has_a_name_and_an_address() {
        let path: StoragePath = "/a/b_c".parse().unwrap();
        for (root, name, uri) in [
            ("", "a/b_c", "http://h:1/storage/v1/b/my-images/o/a%2Fb_c?x=1%2F2&y="),
            ("/my root/", "my root/a/b_c", "http://h:1/storage/v1/b/my-images/o/my%20root%2Fa%2Fb_c?x=1%2F2&y="),
        ] {
            let address = address("http://h:1", root).unwrap();
            assert_eq!(address.name(&path), name);
            assert_eq!(address.path(name), Some(path.clone()));
            assert_eq!(address.uri(Resource::Object(&path), &[("x", "1/2"), ("y", "")]).to_string(), uri);
        }
    }

    #[test]
    fn each_kind_of_request_has_an_address() {
        let address = address("https://h", "").unwrap();
        let (one, other) = ("/a/1".parse().unwrap(), "/a/2".parse().unwrap());
        for (resource, path) in [
            (Resource::Objects, "/storage/v1/b/my-images/o"),
            (Resource::Upload, "/upload/storage/v1/b/my-images/o"),
            (Resource::Compose(&one), "/storage/v1/b/my-images/o/a%2F1/compose"),
            (Resource::Rewrite(&one, &other), "/storage/v1/b/my-images/o/a%2F1/rewriteTo/b/my-images/o/a%2F2"),
        ] {
            assert_eq!(address.uri(resource, &[]).to_string(), format!("https://h{path}"));
        }
    }

    #[test]
    fn what_is_elsewhere_has_no_path() {
        let address = address("https://h", "root").unwrap();
        for name in ["other/a", "root", "root/a//b", "root/a b", "root/a/"] {
            assert_eq!(address.path(name), None, "{name}");
        }
    }

    #[test]
    fn an_endpoint_is_a_scheme_and_a_host() {
        for endpoint in ["h", "https://h/x", "https://", "http://h?x", "https://a b"] {
            assert!(address(endpoint, "").is_err(), "{endpoint}");
        }
    }
}
