//! Manifests: what is pushed by tag or digest, and refers to blobs or to other manifests.
//!
//! ```text
//! image manifest ──► config, layers   (blobs)          index ──► manifests   (children)
//!        └────► subject ◄── any manifest may name another one as what it is about ──┘
//! ```
//!
//! A manifest is read to learn what it refers to, and never written: its bytes are stored as they came. Reading is
//! strict where two readers could understand differently, and lenient about everything that a registry need not know.
//!
//! Sources: OCI image-spec `manifest.md` and `image-index.md`; the Docker image manifest specification, version 2
//! schema 2; distribution-spec, "Pushing Manifests" and "Listing Referrers".

mod document;
mod error;
mod scan;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};

use self::document::Document;
pub use self::error::ManifestError;
use super::descriptor::Descriptor;
use super::digest::Digest;
use super::media_type::{ManifestKind, is_nondistributable};

/// How many arrays and objects may be open at a time. Manifests use five; custom fields have room for more.
pub const MAX_DEPTH: usize = 64;

/// How many descriptors an image or an index may list, repeated ones included. It bounds the transaction that stores
/// them; the largest indexes known list some thousands.
pub const MAX_REFERENCES: usize = 16_384;

/// How many values a manifest may have: texts, numbers, arrays, objects and so on at every depth. That is 16 for each of
/// [`MAX_REFERENCES`]. It bounds the memory that reading takes, since a value of two bytes costs as much as a long one.
pub const MAX_VALUES: usize = 16 * MAX_REFERENCES;

/// What a valid manifest says, as far as a registry is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    kind: ManifestKind,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Vec<Descriptor>,
    children: Vec<Descriptor>,
    subject: Option<Descriptor>,
    annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads a manifest's bytes.
    ///
    /// `content_type` is the value of the Content-Type header; its parameters and case make no difference. Without one
    /// (or with an empty one) the field `mediaType` says what the manifest is. With one, that field must say the same,
    /// and may be missing from OCI's formats.
    ///
    /// Takes time and memory linear in the payload, whose length the caller bounds. For one of 4 MiB that may be a tenth
    /// of a second and 40 MiB; for usual ones it is some microseconds and KiB.
    ///
    /// # Errors
    /// One [`ManifestError`] per thing that can be wrong; the first one found.
    pub fn parse(content_type: Option<&str>, payload: &[u8]) -> Result<Self, ManifestError> {
        let content_type = content_type.filter(|content_type| !content_type.trim().is_empty());
        let kind = content_type.map(document::kind_of).transpose()?;
        scan::scan(payload)?;
        Document::read(payload)?.into_manifest(kind)
    }

    /// Returns the manifest's kind.
    pub const fn kind(&self) -> ManifestKind {
        self.kind
    }

    /// Returns the manifest's media type.
    pub const fn media_type(&self) -> &'static str {
        self.kind.media_type()
    }

    /// Returns the type that the referrers API shows: the manifest's own, else the media type of its config. An index
    /// without a type of its own has none. At most 255 bytes.
    pub fn artifact_type(&self) -> Option<&str> {
        self.artifact_type.as_deref()
    }

    /// Returns the blobs that must be in the repository before the manifest, each once, in the order of their first
    /// appearance: the config and the layers, except for layers that may not be distributed and say where else they
    /// are.
    pub fn blobs(&self) -> Vec<Digest> {
        let required = |layer: &&Descriptor| layer.urls.is_empty() || !is_nondistributable(&layer.media_type);
        let mut seen = HashSet::new();
        let blobs = self.config.iter().chain(self.layers.iter().filter(required));
        blobs.map(|blob| blob.digest).filter(|digest| seen.insert(*digest)).collect()
    }

    /// Returns the blobs that need not be in the repository, because they may not be distributed and the manifest says
    /// where else they are, each once. None of them is among [`blobs`](Self::blobs).
    pub fn optional_blobs(&self) -> Vec<Digest> {
        let mut seen: HashSet<Digest> = self.blobs().into_iter().collect();
        self.layers.iter().map(|layer| layer.digest).filter(|digest| seen.insert(*digest)).collect()
    }

    /// Returns the config of an image.
    pub const fn config(&self) -> Option<&Descriptor> {
        self.config.as_ref()
    }

    /// Returns the layers of an image, as they are listed: a layer may occur again.
    pub fn layers(&self) -> &[Descriptor] {
        &self.layers
    }

    /// Returns the manifests of an index, as they are listed: a manifest may occur again.
    pub fn children(&self) -> &[Descriptor] {
        &self.children
    }

    /// Returns the manifest that this one is about. It need not exist.
    pub const fn subject(&self) -> Option<&Descriptor> {
        self.subject.as_ref()
    }

    /// Returns the manifest's own annotations.
    pub const fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }
}
