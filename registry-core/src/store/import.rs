//! The port to what imports record: what was taken over from another registry's storage, and how far that is.

use async_trait::async_trait;

use super::blob::BlobLocation;
use super::error::StoreResult;
use super::gc::BlobHold;
use super::metadata::PutManifest;
use super::timestamp::Timestamp;
use crate::protocol::digest::Digest;
use crate::protocol::reference::{RepositoryName, Tag};

/// How far an import of the whole storage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportState {
    /// None was ever begun.
    Never,
    /// One was begun, and the storage may have what the metadata do not know of.
    Unfinished,
    /// The last one went through the whole storage.
    Finished,
}

/// A blob that is in the storage already.
#[derive(Debug, Clone)]
pub struct AdoptBlob<'a> {
    /// The repository that gets it.
    pub repository: &'a RepositoryName,
    /// Its name.
    pub digest: &'a Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Where its bytes are.
    pub location: &'a BlobLocation,
    /// What keeps its bytes from being deleted since before they were looked for. Ends with this.
    pub hold: Option<&'a BlobHold>,
    /// When it may be collected, unless a manifest refers to it by then.
    pub review_after: Timestamp,
}

/// Where a tag of the storage points to.
#[derive(Debug, Clone)]
pub struct AdoptTag<'a> {
    /// The repository that gets it.
    pub repository: &'a RepositoryName,
    /// The tag.
    pub tag: &'a Tag,
    /// The manifest that it points to.
    pub target: &'a Digest,
    /// Whether it is moved if it is there already.
    pub overwrite: bool,
    /// When a manifest that it is moved away from may be collected.
    pub review_after: Timestamp,
}

/// What became of something that was to be adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdoptOutcome {
    /// It was recorded.
    Adopted,
    /// It was there, and nothing has changed.
    Kept,
    /// The import of its repository is finished, so that the storage is not believed any more. Nothing has changed.
    Closed,
    /// Something that it refers to is not in the repository. Nothing has changed.
    Missing,
}

/// Imports. What is recorded here never takes the place of what clients have pushed, unless that is asked for.
///
/// A repository is *open* until its import is finished. Only then may something be adopted into it, so that what is deleted
/// from it later does not come back from the storage; that is looked at in the transaction that adopts.
#[async_trait]
pub trait ImportStore: Send + Sync + 'static {
    /// Tells how far the import of the whole storage is.
    async fn import_state(&self) -> StoreResult<ImportState>;

    /// Begins an import, which is unfinished from now on. If `afresh`, every repository is open again; otherwise those that
    /// were finished stay so.
    async fn begin_import(&self, afresh: bool) -> StoreResult<()>;

    /// Tells whether the import of a repository is finished, by itself or because that of the whole storage is.
    async fn is_imported(&self, repository: &RepositoryName) -> StoreResult<bool>;

    /// Records that all that the storage has of a repository was adopted. Idempotent.
    async fn finish_repository_import(&self, repository: &RepositoryName) -> StoreResult<()>;

    /// Records that the whole storage was gone through. Idempotent.
    async fn finish_import(&self) -> StoreResult<()>;

    /// Makes a blob visible in a repository and puts it into the review queue. A location that is recorded stays. `Missing`
    /// if the blob is being deleted, or damaged, or the hold has run out.
    async fn adopt_blob(&self, blob: AdoptBlob<'_>) -> StoreResult<AdoptOutcome>;

    /// Stores a manifest, as [`put_manifest`](super::metadata::ManifestStore::put_manifest) does, unless the repository has
    /// it.
    async fn adopt_manifest(&self, manifest: PutManifest<'_>) -> StoreResult<AdoptOutcome>;

    /// Points a tag to a manifest. A tag that is there is kept, unless it is to be overwritten. `Missing` if the repository
    /// does not have the manifest.
    async fn adopt_tag(&self, tag: AdoptTag<'_>) -> StoreResult<AdoptOutcome>;
}
