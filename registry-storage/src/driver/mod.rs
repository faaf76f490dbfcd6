//! What a back end implements: paths and bytes, and nothing of registries.
//!
//! An upload's life in a driver:
//!
//! ```text
//! begin_upload ─► open_writer ─► write* ─► sync ─► complete_upload ─► abort_upload
//!                     ▲                     │
//!                     └── another writer ◄──┤   (any time later, by any process)
//!                                           ├─► copy_upload   (a second upload with the first bytes of this one)
//!                                           └─► abort_upload
//!
//! begin_upload ─► open_writer ─► write* ─► complete by the writer     (what nobody has to go on with)
//! ```
//!
//! Everything that is needed to go on with an upload is in the [`StagedUpload`] that the last
//! [`sync`](UploadWriter::sync) returned: a path on a file system; with an object store also its own upload id, the part
//! size, the parts and the tail that is no part yet.

pub mod azure;
pub mod bos;
pub mod cos;
pub mod filesystem;
pub mod gcs;
pub mod inmemory;
pub mod kodo;
pub mod object;
pub mod oss;
pub mod s3;
pub mod scs;
pub mod swift;
pub mod ufile;

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use registry_core::store::metadata::Page;
use registry_core::store::{StagedUpload, StoreErrorKind, Timestamp};

use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

/// How many files are listed at a time in order to remove them.
const DELETED_AT_ONCE: usize = 1000;
/// How much of an open file is read at a time.
const PIECE_BYTES: u64 = 1024 * 1024;

/// Content as it comes out of a driver.
pub type DriverStream = BoxStream<'static, DriverResult<Bytes>>;

/// What a driver can do beyond what all can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capability {
    /// Completing an upload puts it at its target. Otherwise it stays at its own path, because the back end cannot
    /// rename, and a copy would keep the client waiting.
    pub completes_at_target: bool,
    /// A completed upload is still there until it is aborted, and can be gone on with. Otherwise completing ends it. A
    /// file system without hard links is an exception that is not told apart here.
    pub keeps_completed_uploads: bool,
}

/// What is known of a file without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInfo {
    /// Where it is.
    pub path: StoragePath,
    /// How long it is.
    pub size_bytes: u64,
}

/// The asked-for range of a file.
pub enum Content {
    /// An open file, to be read at the same offsets.
    File {
        /// The open file; it stays readable if it is deleted or replaced meanwhile.
        file: File,
        /// The asked-for bytes; the end is exclusive.
        range: Range<u64>,
    },
    /// The asked-for bytes as they arrive.
    Stream(DriverStream),
}

impl Content {
    /// Returns the asked-for bytes piece by piece.
    pub fn into_stream(self) -> DriverStream {
        let (file, range) = match self {
            Self::Stream(stream) => return stream,
            Self::File { file, range } => (file, range),
        };
        let rest = |(file, at, end): (File, u64, u64)| async move {
            if at == end {
                return Ok(None);
            }
            let piece_end = end.min(at.saturating_add(PIECE_BYTES));
            let (piece, file) = read_exactly(file, at..piece_end).await?;
            Ok(Some((piece, (file, piece_end, end))))
        };
        futures::stream::try_unfold((file, range.start, range.end), rest).boxed()
    }

    /// Returns the asked-for bytes in one piece, so the range must be a short one.
    ///
    /// # Errors
    /// `Corrupt` if the file was cut off meanwhile, and whatever the stream says.
    pub async fn into_bytes(self) -> DriverResult<Bytes> {
        match self {
            Self::Stream(stream) => {
                let pieces: Vec<Bytes> = stream.try_collect().await?;
                Ok(pieces.concat().into())
            }
            Self::File { file, range } => Ok(read_exactly(file, range).await?.0),
        }
    }
}

/// Reads a range of a file where that may block, and gives the file back.
async fn read_exactly(file: File, range: Range<u64>) -> DriverResult<(Bytes, File)> {
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap_or(usize::MAX)];
        match file.read_exact_at(&mut bytes, range.start) {
            Ok(()) => Ok((bytes.into(), file)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(DriverError::new(StoreErrorKind::Corrupt, "read", "an open file", "it was cut off meanwhile"))
            }
            Err(error) => Err(DriverError::io("read", "an open file", error)),
        }
    });
    let stopped = |error| DriverError::new(StoreErrorKind::Unavailable, "read", "an open file", error);
    read.await.map_err(stopped).flatten()
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { range, .. } => f.debug_struct("File").field("range", range).finish_non_exhaustive(),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// A back end.
///
/// Every change is durable: when its method returns, it survives a power cut. (But what `abort_upload` has removed may be
/// back after one, for `uploads_before` to find.) Every method may be called from several processes at once. There are
/// no directories to be made or removed.
///
/// # Behaviour
/// Every line is a case of the same name in `testing::driver_suite`.
/// - `what_was_put_is_read_back`: [`put`](Self::put) content comes back exactly, whole and by range, and `stat` tells
///   its size.
/// - `put_replaces`: a second `put` replaces the first; a reader of the first is not disturbed.
/// - `put_new_leaves_alone_what_is_there`: of several calls of [`put_new`](Self::put_new) at once one writes its content, and
///   only where there is no file.
/// - `what_is_missing_is_not_found`: `read` and `stat` of a path without a file are `NotFound`, also if there are files
///   below it.
/// - `reading_past_the_end_is_corrupt`: a range that ends beyond the file, or before it starts, is `Corrupt`.
/// - `a_copy_stands_alone`: what [`keep_copy`](Self::keep_copy) made stays when the original is replaced or deleted; without
///   an original it is `NotFound`.
/// - `deleted_is_gone`: a deleted file is `NotFound`, its neighbours stay, and deleting it again succeeds.
/// - `all_that_were_deleted_are_gone`: [`delete_all`](Self::delete_all) does the same for many, and leaves all others alone.
/// - `what_is_below_a_deleted_directory_is_gone`: [`delete_below`](Self::delete_below) removes files at every depth and no
///   other; a second time it succeeds.
/// - `lists_come_in_pages`: [`list`](Self::list) gives every file below a directory, at any depth, in byte order of the
///   paths, in pages of the asked-for length.
/// - `a_list_of_nothing_is_empty`: a directory that is not there has no files.
/// - `an_unfinished_upload_is_not_at_its_target`: the target of an upload is `NotFound` until it is completed.
/// - `a_completed_upload_is_where_it_says`: [`complete_upload`](Self::complete_upload) returns a path with the content,
///   which is the target where the [`Capability`] says so.
/// - `completing_replaces`: an upload that is completed to a path with a file replaces it.
/// - `completing_again_succeeds`: completing an upload once more gives the same path, also when the upload is gone.
/// - `a_completed_upload_can_be_gone_on_with`: where the [`Capability`] says that it is kept; what is written to it then,
///   or dropped, does not change the file.
/// - `an_upload_without_writes_completes_to_nothing`: it becomes an empty file.
/// - `a_writer_completes_its_upload`: [`UploadWriter::complete`] makes all that was written and its last pieces a file, in
///   place of one that is there, and leaves no upload.
/// - `a_writer_completes_nothing_that_was_aborted`: if the upload was aborted after the writer's first call, that is
///   `NotFound`.
/// - `a_writer_continues_where_it_synced`: also from another instance of the driver.
/// - `a_writer_needs_the_bytes_before_it`: a writer at an offset that was not reached is `Corrupt`.
/// - `bytes_beyond_are_dropped`: what was written past the offset that a writer is opened at, or that an upload is
///   completed with, is gone.
/// - `an_upload_can_be_read_back`: [`read_upload`](Self::read_upload) gives what was synced, before it is completed.
/// - `a_copied_upload_stands_alone`: after [`copy_upload`](Self::copy_upload), writes to the one do not show in the
///   other.
/// - `an_aborted_upload_is_gone`: nothing of it is left, and aborting it again succeeds.
/// - `aborting_spares_what_was_completed`: the file that an upload was completed to stays when the upload is aborted.
/// - `unfinished_uploads_are_found`: [`uploads_before`](Self::uploads_before) lists uploads by the time of their last
///   write, also completed ones that are kept, and neither those that have ended nor those in another directory.
#[async_trait]
pub trait StorageDriver: Send + Sync + fmt::Debug + 'static {
    /// Tells what this driver can do beyond what all can.
    fn capability(&self) -> Capability;

    /// Writes a small file, in place of the one that is there, if any. Atomic.
    async fn put(&self, path: &StoragePath, content: Bytes) -> DriverResult<()>;

    /// Writes a small file unless there is one, and returns whether it did. Atomic: of several callers at once, in whatever
    /// processes, one writes, and once any of them is told so, the file is there and durable.
    async fn put_new(&self, path: &StoragePath, content: Bytes) -> DriverResult<bool>;

    /// Opens a file for reading `range` (end exclusive).
    ///
    /// # Errors
    /// `NotFound` if there is no such file; `Corrupt` if it is shorter than the range asks.
    async fn read(&self, path: &StoragePath, range: Range<u64>) -> DriverResult<Content>;

    /// Returns an address by which somebody without credentials can `GET` a file, or a range of it, for `lifetime`: a URL in
    /// ASCII. `None` if the back end has no such addresses, or there are no credentials that can sign one, or none for as
    /// long. Whether the file is there is not asked.
    async fn redirect(&self, _: &StoragePath, _: Duration) -> DriverResult<Option<String>> {
        Ok(None)
    }

    /// Looks at a file.
    ///
    /// # Errors
    /// `NotFound` if there is no such file.
    async fn stat(&self, path: &StoragePath) -> DriverResult<FileInfo>;

    /// Returns up to `limit` files below a directory, in byte order of their paths, all greater than `after`.
    async fn list(
        &self,
        directory: &StoragePath,
        after: Option<&StoragePath>,
        limit: usize,
    ) -> DriverResult<Page<FileInfo>>;

    /// Gives a file's content a second place, which nothing else uses. Neither changes with the other. Atomic; where the back
    /// end can share the content between the two, it does.
    ///
    /// # Errors
    /// `NotFound` if there is no such file.
    async fn keep_copy(&self, path: &StoragePath, copy: &StoragePath) -> DriverResult<()>;

    /// Removes a file. Succeeds if there is none.
    async fn delete(&self, path: &StoragePath) -> DriverResult<()>;

    /// Removes files as [`delete`](Self::delete) does, and returns what became of each, in their order. One that fails does
    /// not keep the others.
    async fn delete_all(&self, paths: &[StoragePath]) -> Vec<DriverResult<()>> {
        let mut deleted = Vec::with_capacity(paths.len());
        for path in paths {
            deleted.push(self.delete(path).await);
        }
        deleted
    }

    /// Removes every file below a directory, at any depth. Not atomic: after an error or a crash some may be left, and a
    /// file that is written meanwhile may be removed or stay. Succeeds if there is none.
    async fn delete_below(&self, directory: &StoragePath) -> DriverResult<()> {
        loop {
            let page = self.list(directory, None, DELETED_AT_ONCE).await?;
            for file in &page.items {
                self.delete(&file.path).await?;
            }
            if !page.more {
                return Ok(());
            }
        }
    }

    /// Prepares to take an upload at `path`, which nothing else may use. Cheap: what it leaves behind need not survive
    /// a crash. Whether the unfinished upload is seen at `path` is left open.
    async fn begin_upload(&self, path: &StoragePath) -> DriverResult<StagedUpload>;

    /// Opens an upload for writing at `offset`, which is where the last [`UploadWriter::sync`] ended, or 0. What is
    /// beyond is dropped, at the latest by the writer's first call, even if that writes nothing.
    ///
    /// # Errors
    /// `Corrupt` if there are fewer than `offset` bytes of the upload; `Conflict` if another writer is seen to be open,
    /// which not every driver can see. At offset 0 it may be the writer's first call that fails.
    async fn open_writer(&self, upload: &StagedUpload, offset: u64) -> DriverResult<Box<dyn UploadWriter>>;

    /// Reads the first `size_bytes` bytes of an upload.
    ///
    /// # Errors
    /// `Corrupt`, also in the stream, if there are fewer.
    async fn read_upload(&self, upload: &StagedUpload, size_bytes: u64) -> DriverResult<DriverStream>;

    /// Begins another upload at `path` with the first `size_bytes` bytes of this one, which may have a writer.
    ///
    /// # Errors
    /// `Corrupt` if there are fewer. Nothing is at `path` then.
    async fn copy_upload(
        &self,
        upload: &StagedUpload,
        path: &StoragePath,
        size_bytes: u64,
    ) -> DriverResult<StagedUpload>;

    /// Turns the first `size_bytes` bytes of an upload, which are synced, into a file, and returns where it is:
    /// `target`, or the upload's own path if the driver does not [complete at the
    /// target](Capability::completes_at_target). Atomic: after an error or a crash there is the upload, or the file, or
    /// both, each whole. Whoever completes an upload aborts it afterwards, whether or not the driver
    /// [keeps](Capability::keeps_completed_uploads) it.
    ///
    /// # Errors
    /// `Corrupt` if there are fewer; `NotFound` if there is no such upload and no such file at the target; `Conflict` as
    /// in [`open_writer`](Self::open_writer).
    async fn complete_upload(
        &self,
        upload: &StagedUpload,
        target: &StoragePath,
        size_bytes: u64,
    ) -> DriverResult<StoragePath>;

    /// Removes an upload, but not the file that it was completed to. Succeeds if there is none.
    async fn abort_upload(&self, upload: &StagedUpload) -> DriverResult<()>;

    /// Returns up to `limit` uploads that have not ended, were begun at paths in `directory` and last written to before
    /// `before`.
    async fn uploads_before(
        &self,
        directory: &StoragePath,
        before: Timestamp,
        limit: usize,
    ) -> DriverResult<Vec<StagedUpload>>;

    /// Checks that the back end can be reached and written to. Cheap enough to be asked every few seconds.
    async fn check(&self) -> DriverResult<()>;
}

/// Appends to one upload. Dropping it without [`sync`](Self::sync) keeps nothing for certain.
#[async_trait]
pub trait UploadWriter: Send {
    /// Appends the pieces in order. After an error, or if the future is dropped, the writer is of no more use.
    async fn write(&mut self, pieces: Vec<Bytes>) -> DriverResult<()>;

    /// Makes all that was written survive a power cut, and returns what another process needs to go on.
    ///
    /// After an error the upload is lost; syncing again is an error as well.
    async fn sync(&mut self) -> DriverResult<StagedUpload>;

    /// Appends `last`, turns the whole upload into a file, and returns where that is, as
    /// [`complete_upload`](StorageDriver::complete_upload) does. The upload ends.
    ///
    /// Atomic: after an error or a crash the file is there, whole, or not at all. Of the upload anything may be left
    /// then, and is aborted.
    ///
    /// # Errors
    /// `NotFound` if the upload was aborted after the writer's first call.
    async fn complete(self: Box<Self>, last: Vec<Bytes>, target: &StoragePath) -> DriverResult<StoragePath>;
}
