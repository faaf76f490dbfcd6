//! Files in memory.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::{Bound, Range};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use registry_core::store::metadata::Page;
use registry_core::store::{StagedUpload, StoreErrorKind, Timestamp};

use super::{Capability, Content, DriverStream, FileInfo, StorageDriver, UploadWriter};
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

/// Keeps files in memory, bounded by nothing but the memory there is, and for as long as the process lives.
///
/// A clone is another handle to the same files.
#[derive(Clone, Default)]
pub struct InMemoryDriver {
    content: Arc<Mutex<Files>>,
}

#[derive(Default)]
struct Files {
    files: BTreeMap<StoragePath, Bytes>,
    uploads: HashMap<StagedUpload, Arc<Mutex<Upload>>>,
}

struct Upload {
    path: StoragePath,
    bytes: BytesMut,
    written_at: Timestamp,
}

impl InMemoryDriver {
    fn begin(&self, path: &StoragePath, bytes: BytesMut) -> StagedUpload {
        let staged = StagedUpload::new(path.as_str());
        let upload = Upload { path: path.clone(), bytes, written_at: Timestamp::now() };
        lock(&self.content).uploads.insert(staged.clone(), Arc::new(Mutex::new(upload)));
        staged
    }

    fn upload(&self, operation: &'static str, upload: &StagedUpload) -> DriverResult<Arc<Mutex<Upload>>> {
        let found = lock(&self.content).uploads.get(upload).map(Arc::clone);
        found.ok_or_else(|| DriverError::new(StoreErrorKind::Corrupt, operation, upload.as_str(), "it is gone"))
    }

    fn prefix(&self, operation: &'static str, upload: &StagedUpload, size_bytes: u64) -> DriverResult<BytesMut> {
        let found = self.upload(operation, upload)?;
        let found = lock(&found);
        let size = found.size_within(operation, size_bytes)?;
        Ok(found.bytes[..size].into())
    }
}

impl Upload {
    /// Checks that there are as many bytes.
    fn size_within(&self, operation: &'static str, size_bytes: u64) -> DriverResult<usize> {
        let len = self.bytes.len();
        let within = usize::try_from(size_bytes).ok().filter(|size| *size <= len);
        within.ok_or_else(|| DriverError::too_short(operation, &self.path, len as u64, size_bytes))
    }
}

/// Whoever panicked while holding a lock here had only been copying bytes: what is there is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn once(bytes: Bytes) -> DriverStream {
    futures::stream::once(async move { Ok(bytes) }).boxed()
}

fn missing(operation: &'static str, path: &StoragePath) -> DriverError {
    DriverError::new(StoreErrorKind::NotFound, operation, path, "it is not there")
}

impl fmt::Debug for InMemoryDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemoryDriver").finish_non_exhaustive()
    }
}

#[async_trait]
impl StorageDriver for InMemoryDriver {
    fn capability(&self) -> Capability {
        Capability { completes_at_target: true, keeps_completed_uploads: true }
    }

    async fn put(&self, path: &StoragePath, content: Bytes) -> DriverResult<()> {
        lock(&self.content).files.insert(path.clone(), content);
        Ok(())
    }

    async fn put_new(&self, path: &StoragePath, content: Bytes) -> DriverResult<bool> {
        let mut kept = lock(&self.content);
        let is_new = !kept.files.contains_key(path);
        if is_new {
            kept.files.insert(path.clone(), content);
        }
        Ok(is_new)
    }

    async fn read(&self, path: &StoragePath, range: Range<u64>) -> DriverResult<Content> {
        let file = lock(&self.content).files.get(path).cloned().ok_or_else(|| missing("read", path))?;
        let size_bytes = file.len() as u64;
        if range.start > range.end || range.end > size_bytes {
            return Err(DriverError::too_short("read", path, size_bytes, range.start.max(range.end)));
        }
        // Both are within a length that is a `usize`.
        Ok(Content::Stream(once(file.slice(range.start as usize..range.end as usize))))
    }

    async fn stat(&self, path: &StoragePath) -> DriverResult<FileInfo> {
        let size = lock(&self.content).files.get(path).map(Bytes::len);
        let size_bytes = size.ok_or_else(|| missing("look at", path))? as u64;
        Ok(FileInfo { path: path.clone(), size_bytes })
    }

    async fn list(
        &self,
        directory: &StoragePath,
        after: Option<&StoragePath>,
        limit: usize,
    ) -> DriverResult<Page<FileInfo>> {
        let content = lock(&self.content);
        let prefix = format!("{directory}/");
        let first = after.map_or("", StoragePath::as_str).max(&prefix);
        let mut found = content
            .files
            .range::<str, _>((Bound::Excluded(first), Bound::Unbounded))
            .take_while(|(path, _)| path.as_str().starts_with(&prefix))
            .map(|(path, file)| FileInfo { path: path.clone(), size_bytes: file.len() as u64 });
        let items = found.by_ref().take(limit).collect();
        Ok(Page { items, more: found.next().is_some() })
    }

    async fn keep_copy(&self, path: &StoragePath, copy: &StoragePath) -> DriverResult<()> {
        let mut kept = lock(&self.content);
        let file = kept.files.get(path).cloned().ok_or_else(|| missing("copy", path))?;
        kept.files.insert(copy.clone(), file);
        Ok(())
    }

    async fn delete(&self, path: &StoragePath) -> DriverResult<()> {
        lock(&self.content).files.remove(path);
        Ok(())
    }

    async fn begin_upload(&self, path: &StoragePath) -> DriverResult<StagedUpload> {
        Ok(self.begin(path, BytesMut::new()))
    }

    async fn open_writer(&self, upload: &StagedUpload, offset: u64) -> DriverResult<Box<dyn UploadWriter>> {
        let opened = self.upload("write", upload)?;
        {
            let mut opened = lock(&opened);
            let size = opened.size_within("write", offset)?;
            opened.bytes.truncate(size);
        }
        Ok(Box::new(InMemoryWriter { driver: self.clone(), staged: upload.clone(), upload: opened }))
    }

    async fn read_upload(&self, upload: &StagedUpload, size_bytes: u64) -> DriverResult<DriverStream> {
        Ok(once(self.prefix("read upload", upload, size_bytes)?.freeze()))
    }

    async fn copy_upload(
        &self,
        upload: &StagedUpload,
        path: &StoragePath,
        size_bytes: u64,
    ) -> DriverResult<StagedUpload> {
        let bytes = self.prefix("copy upload", upload, size_bytes)?;
        Ok(self.begin(path, bytes))
    }

    async fn complete_upload(
        &self,
        upload: &StagedUpload,
        target: &StoragePath,
        size_bytes: u64,
    ) -> DriverResult<StoragePath> {
        let mut content = lock(&self.content);
        let Some(completed) = content.uploads.get(upload).map(Arc::clone) else {
            return match content.files.get(target) {
                Some(file) if file.len() as u64 == size_bytes => Ok(target.clone()),
                _ => Err(missing("complete upload to", target)),
            };
        };
        let bytes = {
            let mut completed = lock(&completed);
            let size = completed.size_within("complete upload", size_bytes)?;
            completed.bytes.truncate(size);
            Bytes::copy_from_slice(&completed.bytes)
        };
        content.files.insert(target.clone(), bytes);
        Ok(target.clone())
    }

    async fn abort_upload(&self, upload: &StagedUpload) -> DriverResult<()> {
        lock(&self.content).uploads.remove(upload);
        Ok(())
    }

    async fn uploads_before(
        &self,
        directory: &StoragePath,
        before: Timestamp,
        limit: usize,
    ) -> DriverResult<Vec<StagedUpload>> {
        let content = lock(&self.content);
        let old = content.uploads.iter().filter(|(_, upload)| {
            let upload = lock(upload);
            upload.written_at < before && upload.path.parent().as_ref() == Some(directory)
        });
        Ok(old.map(|(staged, _)| staged.clone()).take(limit).collect())
    }

    async fn check(&self) -> DriverResult<()> {
        Ok(())
    }
}

/// Appends to an upload. One that was aborted meanwhile still takes bytes, which nobody will see.
struct InMemoryWriter {
    driver: InMemoryDriver,
    staged: StagedUpload,
    upload: Arc<Mutex<Upload>>,
}

#[async_trait]
impl UploadWriter for InMemoryWriter {
    async fn write(&mut self, pieces: Vec<Bytes>) -> DriverResult<()> {
        let mut upload = lock(&self.upload);
        for piece in pieces {
            upload.bytes.extend_from_slice(&piece);
        }
        upload.written_at = Timestamp::now();
        Ok(())
    }

    async fn sync(&mut self) -> DriverResult<StagedUpload> {
        Ok(self.staged.clone())
    }

    async fn complete(mut self: Box<Self>, last: Vec<Bytes>, target: &StoragePath) -> DriverResult<StoragePath> {
        self.write(last).await?;
        let mut content = lock(&self.driver.content);
        if content.uploads.remove(&self.staged).is_none() {
            return Err(missing("complete upload to", target));
        }
        let bytes = std::mem::take(&mut lock(&self.upload).bytes).freeze();
        content.files.insert(target.clone(), bytes);
        Ok(target.clone())
    }
}
