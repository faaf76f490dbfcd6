//! Files below a root directory.
//!
//! A path is a file of that name below the root. What is promised to survive a power cut is synced, and so is its name:
//!
//! | method | order |
//! |---|---|
//! | `sync` | file; once for a new file also the directory of the uploads |
//! | `complete` by the writer | the target's directory made; file; rename to the target; its directory; beside all three, the directory which that is in |
//! | `complete_upload` | rename beside the upload; link at the target; the target's directory; the directory which that is in |
//! | `put` | temporary file beside the target; rename; the same two directories |
//! | `put_new` | temporary file beside the target; link, which fails if there is a file; the same two directories |
//! | `keep_copy` | link, since files never change; without hard links a copy, then rename; the same two directories |
//! | `delete` | unlink; the directory |
//! | `delete_below` | everything in the directory; the directory itself; the one that it is in |
//!
//! Directories further up are synced when they are made or first seen by this process.
//!
//! An upload that `complete_upload` has completed is a second name of the file at its target, `<upload>.completed`, until
//! it is aborted. Nobody
//! writes to that file: a writer that is opened later gets a copy. A temporary name, for that copy or for a link that
//! replaces a file, stands in the directory of the upload, where it is found as an unfinished upload if a crash leaves
//! it. Where the file system has no hard links, completing ends the upload by a rename.
//!
//! `complete_upload` does not sync the directory of the upload. If a power cut brings the first name back, the file is
//! known for a completed one by its number of names.
//!
//! A failed sync is never repeated: the kernel reports an error once and may have dropped the data. The upload is removed
//! and the request fails.
//!
//! System calls run on the runtime's blocking threads, at most [`FilesystemConfig::max_threads`] at a time, so that a
//! slow disk holds up nothing else. Only a file whose name is in the kernel's caches is opened at once. Work that was
//! started is finished even if nobody waits for it any more; a lock on the upload's file keeps the next writer out until
//! then.

mod blocking;
mod complete;
mod directories;
mod files;
mod list;
mod lock;
mod read;
mod uploads;
mod write_back;
mod writer;

use std::fmt;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use registry_core::store::metadata::Page;
use registry_core::store::{StagedUpload, StoreErrorKind, Timestamp};

use self::blocking::Blocking;
use self::files::Files;
use self::writer::FileWriter;
use super::{Capability, Content, DriverStream, FileInfo, StorageDriver, UploadWriter};
use crate::config::FilesystemConfig;
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

/// How much of an upload is read back at once.
const READ_BYTES: u64 = 256 * 1024;

/// Keeps files below a root directory. Needs a tokio runtime around it.
///
/// Several instances, in several processes, may share a root. A clone shares the bound on threads as well.
#[derive(Clone)]
pub struct FilesystemDriver {
    files: Arc<Files>,
    blocking: Blocking,
}

impl FilesystemDriver {
    /// Opens a root directory; makes it, durably, if it does not exist. Blocks on the file system.
    ///
    /// # Errors
    /// `Other` or what the system says, naming the root, if it is not a directory, or cannot be made or written to.
    pub fn open(config: &FilesystemConfig) -> DriverResult<Self> {
        Ok(Self {
            files: Arc::new(Files::open(&config.root_directory)?),
            blocking: Blocking::new(config.max_threads.max(FilesystemConfig::MIN_THREADS)),
        })
    }

    /// Makes directories beforehand that are all in the same one, so that the first file in each of them costs no more than
    /// the second. Whatever cannot be made now is made when a file needs it. Blocks on the file system.
    pub fn prepare_directories(&self, directories: impl IntoIterator<Item = StoragePath>) {
        // A full or read-only file system still serves what is there; whoever writes to it gets the error.
        let _ = self.files.prepare_directories(directories);
    }

    /// Returns the root directory.
    pub fn root_directory(&self) -> &Path {
        self.files.root()
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Files) -> DriverResult<T> + Send + 'static,
    ) -> DriverResult<T> {
        let files = Arc::clone(&self.files);
        self.blocking.run(move || work(&files)).await
    }
}

impl fmt::Debug for FilesystemDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilesystemDriver").field("root_directory", &self.files.root()).finish_non_exhaustive()
    }
}

fn path_of(upload: &StagedUpload) -> DriverResult<StoragePath> {
    let foreign = |error| DriverError::new(StoreErrorKind::Corrupt, "use the upload state", upload.as_str(), error);
    upload.as_str().parse().map_err(foreign)
}

fn upload_at(path: &StoragePath) -> StagedUpload {
    StagedUpload::new(path.as_str())
}

#[async_trait]
impl StorageDriver for FilesystemDriver {
    fn capability(&self) -> Capability {
        Capability { completes_at_target: true, keeps_completed_uploads: true }
    }

    async fn put(&self, path: &StoragePath, content: Bytes) -> DriverResult<()> {
        let path = path.clone();
        self.run(move |files| files.put(&path, &content)).await
    }

    async fn put_new(&self, path: &StoragePath, content: Bytes) -> DriverResult<bool> {
        let path = path.clone();
        self.run(move |files| files.put_new(&path, &content)).await
    }

    async fn read(&self, path: &StoragePath, range: Range<u64>) -> DriverResult<Content> {
        if let Some(content) = self.files.read_at_once(path, &range) {
            return Ok(content);
        }
        let path = path.clone();
        self.run(move |files| files.read(&path, range)).await
    }

    async fn stat(&self, path: &StoragePath) -> DriverResult<FileInfo> {
        let path = path.clone();
        self.run(move |files| files.stat(&path)).await
    }

    async fn list(
        &self,
        directory: &StoragePath,
        after: Option<&StoragePath>,
        limit: usize,
    ) -> DriverResult<Page<FileInfo>> {
        let (directory, after) = (directory.clone(), after.cloned());
        self.run(move |files| files.list(&directory, after.as_ref(), limit)).await
    }

    async fn keep_copy(&self, path: &StoragePath, copy: &StoragePath) -> DriverResult<()> {
        let (path, copy) = (path.clone(), copy.clone());
        self.run(move |files| files.keep_copy(&path, &copy)).await
    }

    async fn delete(&self, path: &StoragePath) -> DriverResult<()> {
        let path = path.clone();
        self.run(move |files| files.delete(&path)).await
    }

    /// Syncs each directory once.
    async fn delete_all(&self, paths: &[StoragePath]) -> Vec<DriverResult<()>> {
        let (count, all) = (paths.len(), paths.to_vec());
        match self.run(move |files| Ok(files.delete_all(&all))).await {
            Ok(deleted) => deleted,
            Err(error) => {
                let text = error.to_string();
                let failed = || DriverError::new(error.kind(), "delete", "several files", text.clone());
                std::iter::repeat_with(|| Err(failed())).take(count).collect()
            }
        }
    }

    /// Removes the directories as well.
    async fn delete_below(&self, directory: &StoragePath) -> DriverResult<()> {
        let directory = directory.clone();
        self.run(move |files| files.delete_below(&directory)).await
    }

    /// Touches nothing: the first writer makes the file.
    async fn begin_upload(&self, path: &StoragePath) -> DriverResult<StagedUpload> {
        Ok(upload_at(path))
    }

    async fn open_writer(&self, upload: &StagedUpload, offset: u64) -> DriverResult<Box<dyn UploadWriter>> {
        let path = path_of(upload)?;
        if offset == 0 {
            return Ok(Box::new(FileWriter::from_start(self.clone(), path)));
        }
        let opened = path.clone();
        let upload = self.run(move |files| files.open_upload(&opened, offset)).await?;
        Ok(Box::new(FileWriter::from(self.clone(), path, upload, offset)))
    }

    async fn read_upload(&self, upload: &StagedUpload, size_bytes: u64) -> DriverResult<DriverStream> {
        let path = path_of(upload)?;
        let opened = path.clone();
        let file = self.run(move |files| files.open_prefix("read upload", &opened, size_bytes)).await?;
        let blocking = self.blocking.clone();
        let rest = move |(mut file, read_bytes)| {
            let (blocking, path) = (blocking.clone(), path.clone());
            async move {
                if read_bytes == size_bytes {
                    return Ok(None);
                }
                let read = move || {
                    let mut piece = Vec::with_capacity(READ_BYTES.min(size_bytes - read_bytes) as usize);
                    let piece_bytes = Read::take(&mut file, READ_BYTES).read_to_end(&mut piece);
                    match piece_bytes.map_err(|error| DriverError::io("read upload", &path, error))? {
                        0 => Err(DriverError::too_short("read upload", &path, read_bytes, size_bytes)),
                        piece_bytes => Ok(Some((Bytes::from(piece), (file, read_bytes + piece_bytes as u64)))),
                    }
                };
                blocking.run(read).await
            }
        };
        Ok(futures::stream::try_unfold((file, 0), rest).boxed())
    }

    async fn copy_upload(
        &self,
        upload: &StagedUpload,
        path: &StoragePath,
        size_bytes: u64,
    ) -> DriverResult<StagedUpload> {
        let (from, to) = (path_of(upload)?, path.clone());
        self.run(move |files| files.copy_upload(&from, &to, size_bytes)).await?;
        Ok(upload_at(path))
    }

    async fn complete_upload(
        &self,
        upload: &StagedUpload,
        target: &StoragePath,
        size_bytes: u64,
    ) -> DriverResult<StoragePath> {
        let (upload, target) = (path_of(upload)?, target.clone());
        self.run(move |files| files.complete_upload(&upload, &target, size_bytes).map(|()| target)).await
    }

    async fn abort_upload(&self, upload: &StagedUpload) -> DriverResult<()> {
        let path = path_of(upload)?;
        self.run(move |files| files.abort_upload(&path)).await
    }

    async fn uploads_before(
        &self,
        directory: &StoragePath,
        before: Timestamp,
        limit: usize,
    ) -> DriverResult<Vec<StagedUpload>> {
        let directory = directory.clone();
        let paths = self.run(move |files| files.uploads_before(&directory, before, limit)).await?;
        Ok(paths.iter().map(upload_at).collect())
    }

    /// Looks whether the root is a directory that may be written to, in a file system that is mounted writable. A full
    /// disk passes: reads, and deletes that free it, must go on.
    async fn check(&self) -> DriverResult<()> {
        self.run(Files::check).await
    }
}
