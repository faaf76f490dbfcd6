//! The port to the bytes.
//!
//! A blob's life in a store:
//!
//! ```text
//! stage ─► open_writer ─► write* ─► sync ─► commit ─► read* ─► delete
//!             ▲                      │
//!             └── another chunk ◄────┤   (any time later, by any process)
//!                                    └─► discard
//!
//! stage ─► open_writer ─► write* ─► commit by the writer     (what nobody was promised before it was whole)
//! ```
//!
//! A store knows no repositories and verifies no digests: the operations hash what passes and say when to commit.

use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;

use super::error::StoreResult;
use super::metadata::Page;
use super::timestamp::Timestamp;
use super::upload::UploadId;
use crate::protocol::digest::Digest;

/// A blob's bytes as they come out of a store.
pub type ByteStream = Pin<Box<dyn Stream<Item = StoreResult<Bytes>> + Send>>;

/// Where a store keeps a committed blob. Only the store that made it can read it; it is kept in the metadata. A clone
/// shares its text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobLocation(Arc<str>);

impl BlobLocation {
    /// Wraps the store's own text.
    pub fn new(location: impl Into<Arc<str>>) -> Self {
        Self(location.into())
    }

    /// Returns the store's own text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BlobLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a store must know to go on with an upload in another process: opaque text, kept in the session's record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StagedUpload(String);

impl StagedUpload {
    /// Wraps the store's own text.
    pub fn new(staged: impl Into<String>) -> Self {
        Self(staged.into())
    }

    /// Returns the store's own text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A committed blob's content, in the form that serves fastest.
pub enum BlobRead {
    /// The asked-for range of an open file, at the same offsets as in the blob.
    File {
        /// The open file; it stays readable even if the blob is deleted meanwhile.
        file: File,
        /// The asked-for bytes; the end is exclusive.
        range: Range<u64>,
    },
    /// The asked-for range as a stream.
    Stream(ByteStream),
}

impl fmt::Debug for BlobRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { range, .. } => f.debug_struct("File").field("range", range).finish_non_exhaustive(),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// Keeps blobs by location, and uploads until they are committed.
///
/// # Behaviour
/// Every line is a case of the same name in `testing::blob_store_suite`.
/// - `committed_bytes_come_back`: what was written and committed is read back exactly, whole and by range.
/// - `nothing_is_visible_before_commit`: no location exists for an upload that was not committed.
/// - `a_writer_continues_where_it_synced`: [`open_writer`](Self::open_writer) at an offset that was synced continues
///   there, also from another instance of the store over the same data.
/// - `bytes_beyond_the_offset_are_dropped`: what was written past the offset that a writer is opened at is gone.
/// - `a_lost_writer_cannot_touch_what_followed`: after `take_over`, writes by the previous writer do not change the
///   upload.
/// - `commit_is_idempotent`: committing content that is there already succeeds and gives a location with that content.
/// - `a_committed_upload_can_be_gone_on_with`: in a store that keeps it; what is written to it then does not change the
///   blob. Elsewhere its staging is `Corrupt` to a writer.
/// - `an_empty_blob_can_be_committed`: an upload without any write commits to zero bytes.
/// - `a_writer_commits_what_it_wrote`: [`BlobWriter::commit`] makes all that was written and its last pieces a blob, in
///   place of one that is there, and leaves no upload.
/// - `a_writer_commits_nothing_that_was_discarded`: if the upload was discarded after the writer's first call, that is
///   `NotFound`.
/// - `discard_leaves_nothing`: a discarded upload leaves nothing behind, and discarding it again succeeds.
/// - `abandoned_uploads_are_found`: [`staged_before`](Self::staged_before) lists uploads by the time of their last write.
/// - `deleted_is_gone`: a deleted location is `NotFound`, and deleting it again succeeds.
/// - `what_was_set_aside_outlives_the_blob`: bytes that were [set aside](Self::set_aside) stay when the blob is committed
///   again or deleted; without any it is `NotFound`.
/// - `all_that_were_deleted_are_gone`: the same for [`delete_all`](Self::delete_all), which leaves all others alone.
/// - `a_blob_is_copied_to_its_place`: [`copy_to_place`](Self::copy_to_place) makes a blob readable at its
///   [`place`](Self::place), whatever was there; without bytes it is `NotFound`.
/// - `displaced_bytes_are_found`: [`displaced`](Self::displaced) lists a blob that was committed elsewhere than in its
///   place until it is deleted, and nothing else.
#[async_trait]
pub trait BlobStore: Send + Sync + fmt::Debug + 'static {
    /// Prepares to take an upload's bytes. Cheap: what it leaves behind need not survive a crash.
    async fn stage(&self, upload: UploadId) -> StoreResult<StagedUpload>;

    /// Opens an upload for writing at `offset`, which is where the last [`BlobWriter::sync`] ended, or 0.
    ///
    /// Anything beyond `offset` is dropped, at the latest by the writer's first call, even if that writes nothing. At most
    /// one writer may be open for a `StagedUpload`; the caller sees to it.
    ///
    /// # Errors
    /// `Corrupt` if the store has fewer than `offset` bytes of the upload.
    async fn open_writer(&self, staged: &StagedUpload, offset: u64) -> StoreResult<Box<dyn BlobWriter>>;

    /// Gives an upload a new staging of its own with the first `offset` bytes of `staged`, so that a writer which may
    /// still be at work on the old one can do no harm. The caller discards the old one.
    async fn take_over(&self, staged: &StagedUpload, offset: u64) -> StoreResult<StagedUpload>;

    /// Reads back the first `size_bytes` bytes of an upload that is not committed yet.
    async fn read_staged(&self, staged: &StagedUpload, size_bytes: u64) -> StoreResult<ByteStream>;

    /// Turns an upload of exactly `size_bytes` synced bytes into the blob `digest`. The caller has verified the digest.
    ///
    /// Once this returns, the blob survives a power cut, and so does its name in every directory. Atomic: after an
    /// error or a crash there is the upload, or the blob, or both, each whole. A store that can keeps the upload until
    /// it is discarded, so that a session whose end was not recorded can be gone on with; what is written to it then
    /// does not change the blob.
    async fn commit(&self, staged: &StagedUpload, digest: &Digest, size_bytes: u64) -> StoreResult<BlobLocation>;

    /// Removes an upload, but not the blob that it was committed to. Succeeds if there is none.
    async fn discard(&self, staged: &StagedUpload) -> StoreResult<()>;

    /// Returns up to `limit` uploads that were last written to before `before` and not discarded, so that what a crash left
    /// behind can be. A committed upload is among them if the store keeps it.
    async fn staged_before(&self, before: Timestamp, limit: usize) -> StoreResult<Vec<StagedUpload>>;

    /// Opens a committed blob for reading `range` (end exclusive), which the caller keeps within the blob's size.
    ///
    /// # Errors
    /// `NotFound` if there is no such blob; `Corrupt` if it is shorter than the range asks.
    async fn read(&self, location: &BlobLocation, range: Range<u64>) -> StoreResult<BlobRead>;

    /// Returns an address by which a client can `GET` a committed blob, or a range of it, from the store itself for
    /// `lifetime`: a URL in ASCII. `None` if the store has no such addresses, or none that counts for as long. Whether
    /// the blob is there is not asked.
    async fn redirect(&self, _: &BlobLocation, _: Duration) -> StoreResult<Option<String>> {
        Ok(None)
    }

    /// Removes a committed blob for good. Succeeds if there is none.
    async fn delete(&self, location: &BlobLocation) -> StoreResult<()>;

    /// Keeps the bytes at a location, which were found not to be the blob, where nobody serves them and for operators to
    /// look at, and returns where that is. The blob stays where it is. Costs no copy on a file system with hard links.
    ///
    /// # Errors
    /// `NotFound` if there are no bytes.
    async fn set_aside(&self, location: &BlobLocation, digest: &Digest) -> StoreResult<BlobLocation>;

    /// Removes committed blobs as [`delete`](Self::delete) does, and returns what became of each, in their order. One that
    /// fails does not keep the others. Takes less than to remove them one by one where the store can do that, and is the
    /// same otherwise.
    async fn delete_all(&self, locations: &[BlobLocation]) -> Vec<StoreResult<()>> {
        let mut deleted = Vec::with_capacity(locations.len());
        for location in locations {
            deleted.push(self.delete(location).await);
        }
        deleted
    }

    /// Returns the place that a blob's bytes have by its digest. [`commit`](Self::commit) puts them there, or elsewhere if
    /// that takes less time, and they are to be moved later.
    fn place(&self, digest: &Digest) -> BlobLocation;

    /// Copies a blob's bytes from elsewhere to its place, without reading them where the store can do that. Atomic.
    ///
    /// # Errors
    /// `NotFound` if there are no bytes.
    async fn copy_to_place(&self, location: &BlobLocation, digest: &Digest) -> StoreResult<()>;

    /// Returns up to `limit` locations with bytes of committed uploads that are in no blob's place, all after `after`. They
    /// may be those of a blob, or of a push that ended before they were recorded; a few may be of an upload that goes on.
    async fn displaced(&self, after: Option<&BlobLocation>, limit: usize) -> StoreResult<Page<BlobLocation>>;

    /// Checks that the store can be reached and written to, for readiness.
    async fn check(&self) -> StoreResult<()>;
}

/// Appends to one upload. Dropping it without [`sync`](Self::sync) keeps nothing for certain.
#[async_trait]
pub trait BlobWriter: Send {
    /// Appends the pieces in order. After an error the writer is of no more use.
    async fn write(&mut self, pieces: Vec<Bytes>) -> StoreResult<()>;

    /// Makes all that was written survive a power cut, and returns what another process needs to go on.
    ///
    /// A failed sync is final: the caller must not sync again and hope, but discard the upload.
    async fn sync(&mut self) -> StoreResult<StagedUpload>;

    /// Appends `last` and turns the whole upload into the blob `digest`, which the caller has verified. The upload ends.
    ///
    /// This promises what [`BlobStore::commit`] does, for less: there is no point at which the upload itself has to
    /// survive a power cut, so it is for an upload of which nobody was told that anything was taken.
    ///
    /// # Errors
    /// `NotFound` if the upload was discarded after the writer's first call. After any error the bytes may be lost; the caller discards the
    /// upload.
    async fn commit(self: Box<Self>, last: Vec<Bytes>, digest: &Digest) -> StoreResult<BlobLocation>;
}
