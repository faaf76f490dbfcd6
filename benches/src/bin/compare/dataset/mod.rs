//! The large data sets: repositories with many tags, and many repositories.
//!
//! Every server gets the same names and bytes. Where pushing them one by one would take most of the run, they are
//! written as the server itself would keep them:
//!
//! | server | tags | repositories |
//! |---|---|---|
//! | ours | pushed, many tags at once | pushed |
//! | distribution | [its link files](distribution) | the directories that its catalog looks at |
//! | olareg, zot | [an OCI layout](oci_layout) | an OCI layout for each |
//!
//! What is left out of another server's files is nothing that it reads in a measured case.

pub(crate) mod api;
pub(crate) mod distribution;
pub(crate) mod oci_layout;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use bytes::Bytes;
use registry_core::protocol::digest::{Algorithm, Digest};
use rustix::fs::syncfs;
use serde_json::json;

use crate::content::MANIFEST_TYPE;
use crate::peer::Kind;
use crate::server::Server;

/// How many tags of a repository have a manifest of their own, so that it can be deleted by digest. The others share
/// one.
pub(crate) const OWN_MANIFESTS: usize = 1000;

/// Bytes and their name.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    /// The sha256 of the bytes.
    pub(crate) digest: Digest,
    /// The bytes.
    pub(crate) bytes: Bytes,
}

impl Object {
    fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { digest: Digest::of(Algorithm::Sha256, &bytes), bytes }
    }
}

/// Returns the config that all the images have.
pub(crate) fn config() -> Object {
    Object::new(r#"{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#)
}

/// Returns the only layer that all the images have.
pub(crate) fn layer() -> Object {
    Object::new(benches::content(benches::KIB))
}

/// Returns an image's manifest of about 1 KiB, another one for every name.
pub(crate) fn manifest(name: &str) -> Object {
    let descriptor = |kind: &str, object: &Object| {
        let media_type = format!("application/vnd.oci.image.{kind}");
        json!({ "mediaType": media_type, "digest": object.digest, "size": object.bytes.len() })
    };
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": descriptor("config.v1+json", &config()),
        "layers": [descriptor("layer.v1.tar", &layer())],
        "annotations": { "org.opencontainers.image.title": name, "org.example.padding": "x".repeat(400) },
    });
    Object::new(manifest.to_string())
}

/// A repository with this many tags.
#[derive(Debug, Clone)]
pub(crate) struct TagSet {
    /// Its name.
    pub(crate) repository: String,
    /// How many tags it has.
    pub(crate) tags: usize,
}

impl TagSet {
    /// Describes the repository with `tags` tags.
    pub(crate) fn new(tags: usize) -> Self {
        Self { repository: format!("scale/tags-{tags}"), tags }
    }

    /// Returns the tag of this number, from 0. Their order as text is that of their numbers.
    pub(crate) fn tag(number: usize) -> String {
        format!("v{number:06}")
    }

    /// Returns how many of the first tags have a manifest of their own.
    pub(crate) fn own(&self) -> usize {
        self.tags.min(OWN_MANIFESTS)
    }

    /// Returns the manifest of a tag that has its own.
    pub(crate) fn own_manifest(number: usize) -> Object {
        manifest(&Self::tag(number))
    }

    /// Returns the manifest of all the other tags.
    pub(crate) fn shared_manifest() -> Object {
        manifest("shared")
    }

    /// Returns every tag with its manifest's digest and size, in order.
    fn entries(&self) -> impl Iterator<Item = (String, Object)> {
        let shared = Self::shared_manifest();
        let own = self.own();
        (0..self.tags).map(move |number| {
            (Self::tag(number), if number < own { Self::own_manifest(number) } else { shared.clone() })
        })
    }

    /// Returns every manifest once.
    fn manifests(&self) -> impl Iterator<Item = Object> {
        (0..self.own()).map(Self::own_manifest).chain((self.tags > self.own()).then(Self::shared_manifest))
    }
}

/// This many repositories.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Catalog {
    /// How many there are.
    pub(crate) repositories: usize,
}

impl Catalog {
    /// Returns the name of the repository of this number, from 0. Their order as text is that of their numbers.
    pub(crate) fn name(number: usize) -> String {
        format!("team-{:03}/app-{:03}", number / 1000, number % 1000)
    }

    /// Returns all names, in order.
    fn names(self) -> impl Iterator<Item = String> {
        (0..self.repositories).map(Self::name)
    }
}

/// Brings a repository with its tags to a server.
///
/// # Errors
/// If a push is refused, or what the file system says.
pub(crate) fn bring_tags(server: &Server, set: &TagSet) -> io::Result<()> {
    match server.peer.kind {
        Kind::Ours => api::push_tags(server.address, set)?,
        Kind::Distribution2 | Kind::Distribution3 => distribution::write_tags(&server.data(), set)?,
        Kind::Olareg | Kind::Zot => oci_layout::write_tags(&server.data(), set)?,
        Kind::Nginx | Kind::NginxReturn => return Err(io::ErrorKind::Unsupported.into()),
    }
    settle(server)
}

/// Brings a catalog to a server.
///
/// # Errors
/// If a push is refused, or what the file system says.
pub(crate) fn bring_catalog(server: &Server, catalog: Catalog) -> io::Result<()> {
    match server.peer.kind {
        Kind::Ours => api::push_catalog(server.address, catalog)?,
        Kind::Distribution2 | Kind::Distribution3 => distribution::write_catalog(&server.data(), catalog)?,
        Kind::Zot => oci_layout::write_catalog(&server.data(), catalog)?,
        // olareg has no catalog.
        Kind::Olareg | Kind::Nginx | Kind::NginxReturn => return Err(io::ErrorKind::Unsupported.into()),
    }
    settle(server)
}

/// Lets the disk come to rest, so that a sample does not pay for what was written before it.
fn settle(server: &Server) -> io::Result<()> {
    Ok(syncfs(File::open(server.data())?)?)
}

/// Writes a file, and the directories in which it is.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    match File::create(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(path.parent().unwrap_or(path))?;
            File::create(path)?.write_all(content)
        }
        file => file?.write_all(content),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_names_are_in_order() {
        assert!((0..2000).map(TagSet::tag).is_sorted());
        assert!(Catalog { repositories: 3000 }.names().is_sorted());
        assert_eq!(Catalog { repositories: 2 }.names().collect::<Vec<_>>(), ["team-000/app-000", "team-000/app-001"]);
    }

    #[test]
    fn every_tag_has_a_manifest_and_a_thousand_have_their_own() {
        let set = TagSet::new(OWN_MANIFESTS + 2);
        let entries: Vec<_> = set.entries().map(|(_, manifest)| manifest.digest).collect();
        assert_eq!(entries.len(), OWN_MANIFESTS + 2);
        assert_eq!(entries[OWN_MANIFESTS], entries[OWN_MANIFESTS + 1]);
        let mut distinct = entries;
        distinct.sort();
        distinct.dedup();
        let mut manifests: Vec<_> = set.manifests().map(|manifest| manifest.digest).collect();
        manifests.sort();
        assert_eq!(distinct, manifests);
        assert_eq!(TagSet::new(3).manifests().count(), 3);
    }
}
