//! The port to blobs whose bytes are not in the place that their digest has.
//!
//! A store that cannot rename leaves what it commits where it was uploaded. The place is known from the transaction that
//! records the blob until its bytes are gone:
//!
//! ```text
//! recorded ─► left ─► deleted once ─► deleted twice, and forgotten
//!    │ moved, or pushed again   ▲
//!    │                          └ found, and recorded by nobody
//!    └ here are the blob's bytes
//! ```
//!
//! Nobody can record a blob there any more from before its bytes are deleted for the first time until they are deleted for
//! the second, which is long enough for every push that was under way to have come to its end.

use async_trait::async_trait;

use super::blob::BlobLocation;
use super::error::StoreResult;
use super::inventory::RecordedBlob;
use super::timestamp::Timestamp;
use crate::protocol::digest::Digest;

/// Bytes that are not in the place of a blob, and whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplacedBlob {
    /// Where they are.
    pub location: BlobLocation,
    /// What is to be done.
    pub state: Displacement,
}

/// What is known of bytes that are not in the place of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Displacement {
    /// They were recorded as those of this blob. It may have got others since.
    Recorded(Digest),
    /// They are nobody's any more, and are to be deleted.
    Left,
    /// They were deleted, and are to be deleted once more.
    Deleted,
}

/// Tells which bytes are not in the place of a blob, and what becomes of them. A blob gets there by
/// [`commit_blob`](super::metadata::BlobLinkStore::commit_blob).
#[async_trait]
pub trait DisplacementStore: Send + Sync + 'static {
    /// Takes up to `limit` whose turn it is at `now`, those first that have waited longest; their next turn is not before
    /// `next_turn`. From now on nobody can record a blob at those that are `Left`, and their next state is `Deleted`.
    async fn take_displaced(
        &self,
        now: Timestamp,
        next_turn: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<DisplacedBlob>>;

    /// Records that a served blob has its bytes at `location`, and leaves those that it had, which are displaced, until
    /// `delete_after`. Returns whether it did: not if the record is not `blob` any more.
    async fn relocate_blob(
        &self,
        blob: &RecordedBlob,
        location: &BlobLocation,
        delete_after: Timestamp,
    ) -> StoreResult<bool>;

    /// Leaves displaced bytes until `delete_after`, if there is no blob any more that has them.
    async fn leave_displaced(&self, location: &BlobLocation, delete_after: Timestamp) -> StoreResult<()>;

    /// Notes bytes that were found, to be deleted after `delete_after`, unless they are known. Returns how many were not.
    async fn note_displaced(&self, found: &[BlobLocation], delete_after: Timestamp) -> StoreResult<usize>;

    /// Forgets displaced bytes that are [`Deleted`](Displacement::Deleted).
    async fn forget_displaced(&self, gone: &[BlobLocation]) -> StoreResult<()>;
}
