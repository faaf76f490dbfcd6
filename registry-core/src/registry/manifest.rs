//! Manifests: get, put, delete.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{IndexChildren, Registry, RegistryOptions};
use crate::error::{RegistryError, RegistryResult};
use crate::protocol::descriptor::Descriptor;
use crate::protocol::digest::{Algorithm, Digest};
use crate::protocol::manifest::Manifest;
use crate::protocol::reference::{Reference, RepositoryName, Tag};
use crate::store::StoreErrorKind;
use crate::store::Timestamp;
use crate::store::metadata::{ManifestRecord, PutManifest, PutManifestOutcome};

/// How many tags go in one transaction.
const TAGS_PER_DELETE: usize = 1000;

/// A manifest as a client sends it.
#[derive(Debug, Clone)]
pub struct ManifestPush {
    /// What it is to be known by. A digest must be its own.
    pub reference: Reference,
    /// Further tags to point to it.
    pub tags: Vec<Tag>,
    /// The media type that the client names, if any.
    pub content_type: Option<String>,
    /// The exact bytes.
    pub payload: Bytes,
}

/// A manifest of which everything is known to be right but what the repository has to say to it.
#[derive(Debug, Clone)]
pub struct CheckedManifest {
    digest: Digest,
    manifest: Manifest,
    /// Sorted, each once.
    tags: Vec<Tag>,
    payload: Bytes,
}

/// A manifest that was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedManifest {
    /// Its name: the one that the client gave, else its sha256.
    pub digest: Digest,
    /// The manifest that it refers to, if it names one.
    pub subject: Option<Digest>,
}

impl Registry {
    /// Finds a manifest, with the bytes and the media type that were pushed.
    ///
    /// # Errors
    /// `ManifestUnknown`.
    pub async fn get_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> RegistryResult<ManifestRecord> {
        let find = async || match self.metadata.manifest(repository, reference).await {
            // Who is told that it is not there pushes it again.
            Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                tracing::error!(error = &error as &dyn std::error::Error, "a manifest cannot be served");
                Err(unknown(repository, reference.clone()))
            }
            found => Ok(found?),
        };
        let manifest = match find().await? {
            None if self.adopt_manifest(repository, reference).await? => find().await?,
            found => found,
        };
        manifest.ok_or_else(|| unknown(repository, reference.clone()))
    }

    /// Stores a manifest and points all its tags to it, or does nothing of it.
    ///
    /// What it refers to must be in the repository, except for its subject, for layers that may not be distributed and
    /// say where else they are, and for children that [`IndexChildren`] lets be missing. Idempotent.
    ///
    /// The same as [`check_manifest`](Self::check_manifest) followed by [`store_manifest`](Self::store_manifest).
    ///
    /// # Errors
    /// Those of the two.
    pub async fn put_manifest(
        &self,
        repository: &RepositoryName,
        push: ManifestPush,
    ) -> RegistryResult<PushedManifest> {
        self.store_manifest(repository, self.check_manifest(push)?).await
    }

    /// Checks all of a manifest that can be checked without looking into the repository: its digest, its form, its URLs
    /// and how many tags it gets.
    ///
    /// It computes: some microseconds for a usual manifest, but up to a tenth of a second for the largest, which an
    /// asynchronous caller spends on a thread that may block.
    ///
    /// # Errors
    /// `ManifestInvalid`, `ManifestTooLarge`, `UrlDenied`, `DigestMismatch`, `TooManyTags`, `ReadOnly`.
    pub fn check_manifest(&self, push: ManifestPush) -> RegistryResult<CheckedManifest> {
        self.ensure_writable()?;
        let limit_bytes = RegistryOptions::MANIFEST_MAX_BYTES;
        if push.payload.len() as u64 > limit_bytes {
            return Err(RegistryError::ManifestTooLarge { limit_bytes });
        }
        let digest = match &push.reference {
            Reference::Tag(_) => Digest::of(Algorithm::Sha256, &push.payload),
            Reference::Digest(expected) => {
                let actual = Digest::of(expected.algorithm(), &push.payload);
                if *expected != actual {
                    return Err(RegistryError::digest_mismatch(expected, &actual));
                }
                actual
            }
        };
        let mut tags = push.tags;
        if let Reference::Tag(tag) = push.reference {
            tags.push(tag);
        }
        tags.sort_unstable();
        tags.dedup();
        let limit = RegistryOptions::TAGS_PER_PUSH_MAX;
        if tags.len() > limit {
            return Err(RegistryError::TooManyTags { count: tags.len(), limit });
        }
        let manifest = Manifest::parse(push.content_type.as_deref(), &push.payload)?;
        let mut urls =
            manifest.layers().iter().chain(manifest.children()).chain(manifest.config()).flat_map(|d| &d.urls);
        if let Some(url) = urls.find(|url| !self.options.urls.permit(url)) {
            return Err(RegistryError::UrlDenied(url.clone()));
        }
        Ok(CheckedManifest { digest, manifest, tags, payload: push.payload })
    }

    /// Stores a manifest that was checked, and points its tags to it, or does nothing of it. Idempotent.
    ///
    /// # Errors
    /// `ManifestBlobUnknown`, `ReadOnly`.
    pub async fn store_manifest(
        &self,
        repository: &RepositoryName,
        checked: CheckedManifest,
    ) -> RegistryResult<PushedManifest> {
        self.ensure_writable()?;
        let CheckedManifest { digest, manifest, tags, payload } = checked;
        let (children, sparse_children) = self.sort_children(&manifest);
        let subject = manifest.subject().map(|subject| subject.digest);
        // They are shown of what refers to something; of everything else they need not be kept a second time.
        let annotations = if subject.is_some() { manifest.annotations() } else { &BTreeMap::new() };
        let put = PutManifest {
            repository,
            digest: &digest,
            media_type: manifest.media_type(),
            artifact_type: manifest.artifact_type(),
            subject: subject.as_ref(),
            annotations,
            payload: &payload,
            blobs: &manifest.blobs(),
            optional_blobs: &manifest.optional_blobs(),
            children: &children,
            sparse_children: &sparse_children,
            tags: &tags,
            review_after: self.pushed_review_after(),
            restorable_until: self.restorable_until(),
        };
        let mut outcome = self.metadata.put_manifest(put.clone()).await?;
        if let PutManifestOutcome::Missing(missing) = &outcome
            && self.adopt_missing(repository, missing).await?
        {
            outcome = self.metadata.put_manifest(put).await?;
        }
        match outcome {
            PutManifestOutcome::Stored => {
                self.settle_manifest(repository, &digest, payload, tags).await?;
                Ok(PushedManifest { digest, subject })
            }
            PutManifestOutcome::Missing(missing) => {
                Err(RegistryError::ManifestBlobUnknown { repository: repository.clone(), missing })
            }
        }
    }

    /// Deletes a manifest and every tag that points to it. For as long as one of the tags can be restored, it is kept,
    /// but nobody can see it.
    ///
    /// The tags of one with more than a thousand go before it, a thousand at a time, so that no transaction is long.
    ///
    /// # Errors
    /// `ManifestUnknown`, `DeleteDisabled`, `ReadOnly`.
    pub async fn delete_manifest(&self, repository: &RepositoryName, digest: &Digest) -> RegistryResult<()> {
        self.ensure_deletable()?;
        self.finish_adoption_of(repository).await?;
        let deleted = self.remove_manifest(repository, digest, self.restorable_until()).await?;
        self.settle_deleted_manifest(repository, digest).await?;
        if deleted { Ok(()) } else { Err(unknown(repository, Reference::Digest(*digest))) }
    }

    /// Deletes a manifest and its tags. Returns whether it was there.
    pub(super) async fn remove_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        restorable_until: Option<Timestamp>,
    ) -> RegistryResult<bool> {
        while self.metadata.thin_tags(repository, digest, TAGS_PER_DELETE, restorable_until).await? {}
        Ok(self.metadata.delete_manifest(repository, digest, self.review_after(), restorable_until).await?)
    }

    /// Returns the children that must be there and those that may be missing. A digest that is listed twice must be
    /// there if one of its entries says so.
    fn sort_children(&self, manifest: &Manifest) -> (Vec<Digest>, Vec<Digest>) {
        let (mut required, mut optional) = (Vec::new(), Vec::new());
        for child in manifest.children() {
            let side = if self.must_be_there(child) { &mut required } else { &mut optional };
            side.push(child.digest);
        }
        for side in [&mut required, &mut optional] {
            side.sort_unstable();
            side.dedup();
        }
        optional.retain(|digest| required.binary_search(digest).is_err());
        (required, optional)
    }

    fn must_be_there(&self, child: &Descriptor) -> bool {
        match (&self.options.index_children, &child.platform) {
            (IndexChildren::All, _) => true,
            (IndexChildren::Optional, _) => false,
            (IndexChildren::Platforms(_), None) => true,
            (IndexChildren::Platforms(wanted), Some(platform)) => {
                wanted.iter().any(|w| w.os == platform.os && w.architecture == platform.architecture)
            }
        }
    }
}

fn unknown(repository: &RepositoryName, reference: Reference) -> RegistryError {
    RegistryError::ManifestUnknown { repository: repository.clone(), reference }
}
