//! The ports by which the database and the storage are compared, and brought together again: all blobs that the one
//! records, and all that the other has.
//!
//! A blob whose bytes are damaged or gone is *quarantined*: no reader is told of it, so that clients push it again, and what
//! refers to it stays. A push of the same content repairs it, in every repository at once.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use super::blob::{BlobLocation, ByteStream};
use super::error::StoreResult;
use super::metadata::Page;
use super::timestamp::Timestamp;
use crate::protocol::digest::Digest;
use crate::protocol::reference::RepositoryName;

/// Who is told of a recorded blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobState {
    /// Every repository that has it may serve it.
    Served,
    /// Nobody: it is being deleted. Its bytes may be there or not.
    Condemned,
    /// Nobody: its bytes were found damaged or missing.
    Quarantined,
}

/// A blob as it is recorded, whichever repositories have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedBlob {
    /// Its name.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Where its bytes are.
    pub location: BlobLocation,
    /// Who is told of it.
    pub state: BlobState,
    /// When its bytes were last put in place or found to be whole, damaged or missing. Tells one record of a blob from a
    /// later one that looks the same.
    pub changed_at: Timestamp,
}

/// A blob of a repository, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryBlob {
    /// Where the next page begins.
    pub cursor: u64,
    /// The blob.
    pub blob: RecordedBlob,
}

/// A manifest as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedManifest {
    /// Where the next page begins.
    pub cursor: u64,
    /// Its repository.
    pub repository: RepositoryName,
    /// Its name.
    pub digest: Digest,
    /// The bytes that are recorded, which may be damaged.
    pub payload: Bytes,
}

/// Tells what is recorded, and corrects it after a look at the storage.
#[async_trait]
pub trait BlobRecordStore: Send + Sync + 'static {
    /// Returns up to `limit` blobs in the byte order of their digests as text, all greater than `after`.
    async fn recorded_blobs(&self, after: Option<&Digest>, limit: usize) -> StoreResult<Vec<RecordedBlob>>;

    /// Finds one.
    async fn recorded_blob(&self, digest: &Digest) -> StoreResult<Option<RecordedBlob>>;

    /// Returns up to `limit` blobs of a repository in the order of their cursors, all greater than `after`, quarantined ones
    /// included.
    async fn repository_blobs(
        &self,
        repository: &RepositoryName,
        after: u64,
        limit: usize,
    ) -> StoreResult<Vec<RepositoryBlob>>;

    /// Returns up to `limit` manifests in the order of their cursors, all greater than `after`.
    async fn recorded_manifests(&self, after: u64, limit: usize) -> StoreResult<Vec<RecordedManifest>>;

    /// Returns those of up to 500 digests that are names of manifests, in whatever repository.
    async fn manifests_among(&self, digests: &[Digest]) -> StoreResult<Vec<Digest>>;

    /// Has nobody be told of a served blob any more, whose bytes are damaged or gone. Its repositories and the manifests
    /// that refer to it stay, and [`commit_blob`](super::metadata::BlobLinkStore::commit_blob) has it served again. Returns
    /// whether it did: not if the record is not `blob` any more, because somebody has pushed or deleted it.
    async fn quarantine_blob(&self, blob: &RecordedBlob) -> StoreResult<bool>;

    /// Has a quarantined blob be served again, whose bytes were found to be whole. Returns whether it did: not if the
    /// record is not `blob` any more.
    async fn release_blob(&self, blob: &RecordedBlob) -> StoreResult<bool>;

    /// Records bytes that nobody knows as a blob that no repository has, and puts it up for review, so that they are
    /// collected like any other blob that nothing refers to. Returns whether it did: not if the blob is recorded.
    async fn record_stray_blob(
        &self,
        digest: &Digest,
        size_bytes: u64,
        location: &BlobLocation,
        review_after: Timestamp,
    ) -> StoreResult<bool>;
}

/// A file among the blobs of a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Where it is.
    pub location: BlobLocation,
    /// The blob that it is by its name, or `None` if it is out of place.
    pub digest: Option<Digest>,
    /// How long it is.
    pub size_bytes: u64,
}

/// Tells what files there are among the blobs of a storage.
#[async_trait]
pub trait BlobInventory: Send + Sync + fmt::Debug + 'static {
    /// Returns up to `limit` files, all after `after`. Those that are blobs come in the byte order of their digests as
    /// text.
    async fn stored_files(&self, after: Option<&BlobLocation>, limit: usize) -> StoreResult<Page<StoredFile>>;

    /// Returns how long the file at a location is, or `None` if there is none.
    async fn stored_size(&self, location: &BlobLocation) -> StoreResult<Option<u64>>;

    /// Reads the first `size_bytes` bytes at a location, in pieces of a megabyte or so.
    ///
    /// # Errors
    /// `NotFound` if there is no file; `Corrupt`, also in the stream, if it is shorter.
    async fn read_stored(&self, location: &BlobLocation, size_bytes: u64) -> StoreResult<ByteStream>;
}
