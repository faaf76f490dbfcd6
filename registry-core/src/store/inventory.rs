//! The ports by which the database and the storage are compared: all blobs that the one records, and all that the other
//! has.

use std::fmt;

use async_trait::async_trait;

use super::blob::BlobLocation;
use super::error::StoreResult;
use super::metadata::Page;
use crate::protocol::digest::Digest;

/// A blob as it is recorded, whichever repositories have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedBlob {
    /// Its name.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Where its bytes are.
    pub location: BlobLocation,
    /// Whether repositories may serve it. Otherwise its bytes may be there or not.
    pub is_served: bool,
}

/// Tells what blobs are recorded.
#[async_trait]
pub trait BlobRecordStore: Send + Sync + 'static {
    /// Returns up to `limit` blobs in the byte order of their digests as text, all greater than `after`.
    async fn recorded_blobs(&self, after: Option<&Digest>, limit: usize) -> StoreResult<Vec<RecordedBlob>>;

    /// Finds one.
    async fn recorded_blob(&self, digest: &Digest) -> StoreResult<Option<RecordedBlob>>;
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
}
