//! Adopting single things of the storage, with all that they need.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::problem::Problem;
use super::scope::{Kind, Scope};
use super::stored;
use crate::protocol::digest::Digest;
use crate::protocol::manifest::Manifest;
use crate::protocol::reference::{Reference, RepositoryName, Tag};
use crate::registry::RegistryOptions;
use crate::store::import::{AdoptBlob, AdoptOutcome, AdoptTag};
use crate::store::links::{Link, LinkStore, StoredBlob};
use crate::store::metadata::PutManifest;
use crate::store::{MetadataStore, StoreError, StoreErrorKind, Timestamp};

/// How many indexes may be in one another for their innermost manifests to be adopted with the outermost. Whatever is
/// deeper is adopted when its own turn comes.
const MAX_NESTING: usize = 8;

/// Adopts what the links of the storage say.
#[derive(Debug)]
pub(crate) struct Adopter {
    pub(crate) links: Arc<dyn LinkStore>,
    /// Where it is recorded; nowhere if it is only to be found out.
    pub(crate) metadata: Option<Arc<dyn MetadataStore>>,
    pub(crate) review_after: Timestamp,
    pub(crate) overwrite: bool,
    pub(crate) verify: bool,
}

/// Why something was not adopted.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It is damaged.
    Skip(Problem),
    /// A store failed, and will fail for everything else as well.
    Store(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What became of something: `None` if the storage does not have it.
pub(crate) type Adopted = Result<Option<AdoptOutcome>, Failure>;

impl Adopter {
    /// Adopts a manifest after all that it refers to, as far as that is there.
    pub(crate) async fn manifest(&self, scope: &Scope<'_>, digest: &Digest) -> Adopted {
        self.nested_manifest(scope, digest, 0).await
    }

    fn nested_manifest<'a>(&'a self, scope: &'a Scope<'_>, digest: &'a Digest, depth: usize) -> BoxFuture<'a, Adopted> {
        async move {
            if let Some(known) = scope.known(Kind::Manifest, digest) {
                return known;
            }
            let adopted = self.new_manifest(scope, digest, depth).await;
            scope.note(Kind::Manifest, digest, &adopted);
            adopted
        }
        .boxed()
    }

    async fn new_manifest(&self, scope: &Scope<'_>, digest: &Digest, depth: usize) -> Adopted {
        if let Some(metadata) = &self.metadata
            && metadata.manifest(scope.repository, &Reference::Digest(*digest)).await?.is_some()
        {
            return Ok(Some(AdoptOutcome::Kept));
        }
        let Some(payload) = self.manifest_bytes(scope.repository, digest).await? else { return Ok(None) };
        let manifest = stored::parse(&payload).map_err(|error| Failure::Skip(Problem::Invalid(error)))?;
        for child in manifest.children().iter().filter(|_| depth < MAX_NESTING) {
            match self.nested_manifest(scope, &child.digest, depth + 1).await {
                // It is told of when its own turn comes; distribution serves the index without it as well.
                Err(Failure::Skip(_)) => {}
                child => drop(child?),
            }
        }
        self.blobs(scope, &manifest).await?;
        self.record_manifest(scope, digest, &manifest, payload).await
    }

    async fn manifest_bytes(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<Bytes>, Failure> {
        let Some(target) = self.follow(repository, &Link::Manifest(*digest)).await? else { return Ok(None) };
        if target != *digest {
            return Err(Failure::Skip(Problem::WrongTarget(target)));
        }
        let blob = self.links.stat_blob(digest).await.map_err(unreadable)?;
        let size_bytes = blob.ok_or(Failure::Skip(Problem::NoBytes))?.size_bytes;
        if size_bytes > RegistryOptions::MANIFEST_MAX_BYTES {
            return Err(Failure::Skip(Problem::TooLarge { size_bytes }));
        }
        let payload = self.links.read_blob(digest, size_bytes).await.map_err(unreadable)?;
        if Digest::of(digest.algorithm(), &payload) != *digest {
            return Err(Failure::Skip(Problem::WrongDigest { size_bytes }));
        }
        Ok(Some(payload))
    }

    /// Adopts the blobs that a manifest cannot be without.
    async fn blobs(&self, scope: &Scope<'_>, manifest: &Manifest) -> Result<(), Failure> {
        let sizes: HashMap<Digest, u64> =
            manifest.layers().iter().chain(manifest.config()).map(|blob| (blob.digest, blob.size)).collect();
        let mut missing = Vec::new();
        for digest in manifest.blobs() {
            match self.blob(scope, &digest, sizes.get(&digest).copied()).await {
                Ok(Some(_)) => {}
                Ok(None) => missing.push((digest, "the repository does not have it".to_owned())),
                Err(Failure::Skip(problem)) => missing.push((digest, problem.line())),
                Err(failure) => return Err(failure),
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(Failure::Skip(Problem::Blobs(missing))) }
    }

    async fn record_manifest(
        &self,
        scope: &Scope<'_>,
        digest: &Digest,
        manifest: &Manifest,
        payload: Bytes,
    ) -> Adopted {
        let Some(metadata) = &self.metadata else { return Ok(Some(AdoptOutcome::Adopted)) };
        let subject = manifest.subject().map(|subject| subject.digest);
        let none = Default::default();
        let mut children: Vec<Digest> = manifest.children().iter().map(|child| child.digest).collect();
        children.sort_unstable();
        children.dedup();
        let put = PutManifest {
            repository: scope.repository,
            digest,
            media_type: manifest.media_type(),
            artifact_type: manifest.artifact_type(),
            subject: subject.as_ref(),
            annotations: if subject.is_some() { manifest.annotations() } else { &none },
            payload: &payload,
            blobs: &manifest.blobs(),
            optional_blobs: &manifest.optional_blobs(),
            children: &[],
            // The storage has what it has.
            sparse_children: &children,
            tags: &[],
            review_after: self.review_after,
            restorable_until: None,
        };
        match metadata.adopt_manifest(put).await? {
            AdoptOutcome::Missing => Err(Failure::Skip(Problem::Collected)),
            outcome => Ok(Some(outcome)),
        }
    }

    /// Adopts a blob. If its size is not as expected, it must have its digest.
    pub(crate) async fn blob(&self, scope: &Scope<'_>, digest: &Digest, expected_bytes: Option<u64>) -> Adopted {
        if let Some(known) = scope.known(Kind::Blob, digest) {
            return known;
        }
        let adopted = self.new_blob(scope, digest, expected_bytes).await;
        scope.note(Kind::Blob, digest, &adopted);
        adopted
    }

    async fn new_blob(&self, scope: &Scope<'_>, digest: &Digest, expected_bytes: Option<u64>) -> Adopted {
        if let Some(metadata) = &self.metadata
            && metadata.blob(scope.repository, digest).await?.is_some()
        {
            return Ok(Some(AdoptOutcome::Kept));
        }
        let Some(target) = self.follow(scope.repository, &Link::Blob(*digest)).await? else { return Ok(None) };
        // By a digest of another kind, distribution may know it as well.
        if target != *digest && target.algorithm() == digest.algorithm() {
            return Err(Failure::Skip(Problem::WrongTarget(target)));
        }
        let Some(metadata) = &self.metadata else {
            let stored = self.stored_blob(digest, &target, expected_bytes).await?;
            scope.count_bytes(digest, stored.size_bytes);
            return Ok(Some(AdoptOutcome::Adopted));
        };
        // From before its bytes are looked for until it is recorded, no collector may delete them.
        let now = Timestamp::now();
        let hold = metadata.hold_blob(digest, now, now.plus(RegistryOptions::HOLD_LIFETIME)).await?;
        let found = self.stored_blob(digest, &target, expected_bytes).await;
        let found = match found {
            Ok(stored) if target != *digest => self.own_place(scope.repository, digest, &target, stored).await,
            found => found,
        };
        let StoredBlob { size_bytes, location } = match found {
            Ok(stored) => stored,
            Err(failure) => {
                metadata.end_hold(hold).await?;
                return Err(failure);
            }
        };
        let blob = AdoptBlob {
            repository: scope.repository,
            digest,
            size_bytes,
            location: &location,
            hold: Some(&hold),
            review_after: self.review_after,
        };
        let outcome = metadata.adopt_blob(blob).await?;
        hold.settle();
        match outcome {
            AdoptOutcome::Missing => return Err(Failure::Skip(Problem::Collected)),
            AdoptOutcome::Adopted => scope.count_bytes(digest, size_bytes),
            AdoptOutcome::Kept | AdoptOutcome::Closed => {}
        }
        Ok(Some(outcome))
    }

    /// Finds the bytes of a blob, which are in the place of `target`.
    async fn stored_blob(
        &self,
        digest: &Digest,
        target: &Digest,
        expected_bytes: Option<u64>,
    ) -> Result<StoredBlob, Failure> {
        let stored = self.links.stat_blob(target).await.map_err(unreadable)?;
        let stored = stored.ok_or(Failure::Skip(Problem::NoBytes))?;
        let size_bytes = stored.size_bytes;
        // A file of no bytes is what a crash leaves of one that was not synced.
        let doubtful =
            size_bytes == 0 || digest != target || expected_bytes.is_some_and(|expected| expected != size_bytes);
        if (doubtful || self.verify) && !self.links.verify_blob(target, digest).await.map_err(unreadable)? {
            return Err(Failure::Skip(Problem::WrongDigest { size_bytes }));
        }
        Ok(stored)
    }

    /// Gives a blob that distribution knows by two digests bytes of its own, so that neither goes with the other, and a link to
    /// them for distribution.
    async fn own_place(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        target: &Digest,
        StoredBlob { size_bytes, .. }: StoredBlob,
    ) -> Result<StoredBlob, Failure> {
        let failed = |error| skip(error, Problem::NoPlace);
        let location = self.links.copy_blob(target, digest).await.map_err(failed)?;
        self.links.set(repository, &Link::Blob(*digest), digest).await.map_err(failed)?;
        Ok(StoredBlob { size_bytes, location })
    }

    /// Adopts a tag after the manifest that it points to.
    pub(crate) async fn tag(&self, scope: &Scope<'_>, tag: &Tag) -> Adopted {
        let Some(target) = self.follow(scope.repository, &Link::Tag(tag.clone())).await? else { return Ok(None) };
        match self.manifest(scope, &target).await {
            Ok(None) => return Err(Failure::Skip(Problem::Dangling(target))),
            Ok(Some(AdoptOutcome::Closed)) => return Ok(Some(AdoptOutcome::Closed)),
            Err(Failure::Skip(problem)) => {
                return Err(Failure::Skip(Problem::Target { digest: target, problem: Box::new(problem) }));
            }
            manifest => drop(manifest?),
        }
        let adopted = self.record_tag(scope, tag, target).await;
        scope.note_tag(&adopted);
        adopted
    }

    async fn record_tag(&self, scope: &Scope<'_>, tag: &Tag, target: Digest) -> Adopted {
        let Some(metadata) = &self.metadata else { return Ok(Some(AdoptOutcome::Adopted)) };
        let tag = AdoptTag {
            repository: scope.repository,
            tag,
            target: &target,
            overwrite: self.overwrite,
            review_after: self.review_after,
        };
        match metadata.adopt_tag(tag).await? {
            // It was deleted since.
            AdoptOutcome::Missing => Err(Failure::Skip(Problem::Dangling(target))),
            outcome => Ok(Some(outcome)),
        }
    }

    async fn follow(&self, repository: &RepositoryName, link: &Link) -> Result<Option<Digest>, Failure> {
        self.links.follow(repository, link).await.map_err(|error| skip(error, Problem::Link))
    }
}

fn unreadable(error: StoreError) -> Failure {
    skip(error, Problem::Unreadable)
}

/// Tells damage from a storage that cannot be reached, which would make everything seem damaged.
fn skip(error: StoreError, problem: fn(StoreError) -> Problem) -> Failure {
    match error.kind() {
        StoreErrorKind::Unavailable => Failure::Store(error),
        _ => Failure::Skip(problem(error)),
    }
}
