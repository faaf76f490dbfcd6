//! The port to second copies: which blobs have none yet, and what became of the attempts to make one.
//!
//! ```text
//!         recorded, or found to be
//!                  │   ┌──── fails: again later
//!                  ▼   ▼
//! forgotten ◄─── behind ─► copied
//!     ▲              ▲        │ collected
//!     │ done         │        ▼
//!   ending ◄─────────┼────── left
//!        taken       └─ recorded again
//! ```
//!
//! A blob is behind from the transaction that records it, if its pusher says so, or since somebody has looked for blobs of
//! which nothing is known. It stays so until its copy is known to be there, so that a crash anywhere loses nothing. What is
//! to be done is taken by one process for a turn, which it can prolong; when a turn is over, somebody else may take it.
//!
//! A blob that is recorded again while the copy of the earlier one is being deleted has its turn when that one's is over, so
//! that the new copy cannot be deleted.

use async_trait::async_trait;

use super::error::StoreResult;
use super::timestamp::Timestamp;
use crate::protocol::digest::Digest;

/// Something that is to be done about the second copy of a blob, by whoever has taken it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replication {
    /// The blob.
    pub digest: Digest,
    /// What is to be done.
    pub task: ReplicationTask,
    /// How often that has failed.
    pub failures: u32,
    /// Until when nobody else takes it. Tells this turn from any other.
    pub turn_end: Timestamp,
}

/// What can be done about the second copy of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicationTask {
    /// It is to be made.
    Copy,
    /// The blob was collected: the copy may be deleted, and is to be forgotten.
    Forget,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplicationEnd {
    /// There is a copy.
    Copied,
    /// There is no blob any more, and nothing left to do.
    Forgotten,
    /// It did not succeed, for this reason.
    Failed {
        /// When it is tried again.
        next_turn: Timestamp,
        /// What went wrong, for an operator, in up to 1000 bytes.
        error: String,
    },
}

/// Which blobs were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotedBlobs {
    /// How many are noted as behind now, of which nothing was known.
    pub noted: usize,
    /// The last one, after which to go on; `None` at the end.
    pub last: Option<Digest>,
}

/// How far second copies are behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplicationStatus {
    /// Blobs that are not known to have a second copy.
    pub behind_blobs: u64,
    /// Their sizes in bytes.
    pub behind_bytes: u64,
    /// Since when the first of them is behind.
    pub behind_since: Option<Timestamp>,
    /// How many of the things to do have failed, and are tried again.
    pub failing: u64,
}

/// Something that failed, and is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedReplication {
    /// The blob.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// What was to be done.
    pub task: ReplicationTask,
    /// How often it failed.
    pub failures: u32,
    /// When it is tried again, or until when somebody is at it.
    pub next_turn: Timestamp,
    /// What went wrong the last time.
    pub error: String,
}

/// Tells which blobs have no second copy yet. A blob gets there by
/// [`commit_blob`](super::metadata::BlobLinkStore::commit_blob), and one that is
/// [forgotten](super::gc::CollectionStore::forget_blobs) leaves its copy.
#[async_trait]
pub trait ReplicationStore: Send + Sync + 'static {
    /// Looks at up to `limit` recorded blobs after `after`, in the byte order of their digests as text, and notes those as
    /// behind that are served and of which nothing is known.
    async fn note_unreplicated(&self, after: Option<&Digest>, limit: usize) -> StoreResult<NotedBlobs>;

    /// Takes what has waited longest and whose turn it is at `now`, until `turn_end`; `None` if there is nothing to do.
    async fn take_replication(&self, now: Timestamp, turn_end: Timestamp) -> StoreResult<Option<Replication>>;

    /// Prolongs a turn until the later `turn_end`. Returns whether it did: not if it was over and somebody else has taken the
    /// work, or if the blob was collected.
    async fn keep_replication(&self, taken: &Replication, turn_end: Timestamp) -> StoreResult<bool>;

    /// Ends a turn. Returns whether it did: not if it was over and somebody else has taken the work, or if the blob was
    /// collected or recorded meanwhile. What is to be done then stands as it did.
    async fn end_replication(&self, taken: &Replication, end: &ReplicationEnd) -> StoreResult<bool>;

    /// Tells how far second copies are behind.
    async fn replication_status(&self) -> StoreResult<ReplicationStatus>;

    /// Returns up to `limit` things that failed, those first that are tried again first.
    async fn failed_replications(&self, limit: usize) -> StoreResult<Vec<FailedReplication>>;
}
