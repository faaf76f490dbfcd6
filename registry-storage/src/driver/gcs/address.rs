//! Where an object is: from a path of the storage to a name, and to an address.

use http::Uri;

use super::config::GcsConfig;
use crate::driver::object::address::{Endpoint, Root, encoded, encoded_path};
use crate::error::DriverResult;
use crate::path::StoragePath;

/// Turns paths into addresses. A name is one segment of an address, so that its `/` are encoded as well.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) endpoint: Endpoint,
    /// Where clients find the store.
    public: Endpoint,
    bucket: String,
    /// The path of the bucket's objects: `/storage/v1/b/<bucket>/o`.
    objects: String,
    pub(super) root: Root,
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
    /// Several requests in one.
    Batch,
}

impl Address {
    pub(super) fn new(config: &GcsConfig) -> DriverResult<Self> {
        let parse = |endpoint| Endpoint::without_path(endpoint, GcsConfig::DEFAULT_ENDPOINT);
        let endpoint = parse(&config.endpoint)?;
        let public = parse(config.public_endpoint.as_ref().unwrap_or(&config.endpoint))?;
        let bucket = encoded(&config.bucket).to_string();
        let objects = format!("/storage/v1/b/{bucket}/o");
        Ok(Self { endpoint, public, bucket, objects, root: Root::new(&config.root_directory) })
    }

    /// Returns the address by which clients find an object. It is one of the XML API, whose addresses can be signed, and where
    /// the `/` of a name stay.
    pub(super) fn public_uri(&self, path: &StoragePath) -> Uri {
        self.public.uri(format!("/{}/{}", self.bucket, encoded_path(&self.root.key(path))), &[])
    }

    /// Returns the bucket, for errors.
    pub(super) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Returns the address of a resource.
    pub(super) fn uri(&self, resource: Resource<'_>, query: &[(&str, &str)]) -> Uri {
        let name = |path: &StoragePath| encoded(&self.root.key(path)).to_string();
        let objects = &self.objects;
        let path = match resource {
            Resource::Objects => objects.clone(),
            Resource::Upload => format!("/upload{objects}"),
            Resource::Object(path) => format!("{objects}/{}", name(path)),
            Resource::Compose(path) => format!("{objects}/{}/compose", name(path)),
            Resource::Rewrite(source, path) => {
                let bucket_and_object = &objects["/storage/v1".len()..];
                format!("{objects}/{}/rewriteTo{bucket_and_object}/{}", name(source), name(path))
            }
            Resource::Batch => "/batch/storage/v1".to_owned(),
        };
        self.endpoint.uri(path, query)
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::GcsCredentials;
    use super::*;

    fn address(endpoint: &str, root: &str) -> Address {
        let mut config = GcsConfig::new("my-images", GcsCredentials::Anonymous);
        config.endpoint = endpoint.into();
        config.root_directory = root.into();
        Address::new(&config).unwrap()
    }

    #[test]
    fn a_path_has_an_address() {
        let path: StoragePath = "/a/b_c".parse().unwrap();
        for (root, uri) in [
            ("", "http://h:1/storage/v1/b/my-images/o/a%2Fb_c?x=1%2F2&y="),
            ("/my root/", "http://h:1/storage/v1/b/my-images/o/my%20root%2Fa%2Fb_c?x=1%2F2&y="),
        ] {
            let uri_of = address("http://h:1", root).uri(Resource::Object(&path), &[("x", "1/2"), ("y", "")]);
            assert_eq!(uri_of.to_string(), uri);
        }
    }

    #[test]
    fn clients_have_an_address_of_their_own() {
        let mut config = GcsConfig::new("my-images", GcsCredentials::Anonymous);
        config.public_endpoint = Some("https://images.example.com".into());
        config.root_directory = "my root".into();
        let uri = Address::new(&config).unwrap().public_uri(&"/a/b_c".parse().unwrap());
        assert_eq!(uri.to_string(), "https://images.example.com/my-images/my%20root/a/b_c");
    }

    #[test]
    fn each_kind_of_request_has_an_address() {
        let address = address("https://h", "");
        let (one, other) = ("/a/1".parse().unwrap(), "/a/2".parse().unwrap());
        for (resource, path) in [
            (Resource::Objects, "/storage/v1/b/my-images/o"),
            (Resource::Upload, "/upload/storage/v1/b/my-images/o"),
            (Resource::Compose(&one), "/storage/v1/b/my-images/o/a%2F1/compose"),
            (Resource::Rewrite(&one, &other), "/storage/v1/b/my-images/o/a%2F1/rewriteTo/b/my-images/o/a%2F2"),
            (Resource::Batch, "/batch/storage/v1"),
        ] {
            assert_eq!(address.uri(resource, &[]).to_string(), format!("https://h{path}"));
        }
    }
}
