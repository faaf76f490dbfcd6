//! The driver over a vendor's requests.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use registry_core::store::metadata::Page;
use registry_core::store::{StagedUpload, StoreErrorKind, Timestamp};

use super::backend::Backend;
use super::config::TransferConfig;
use super::objects::Purpose;
use super::store::Store;
use super::writer::ObjectWriter;
use super::{checkpoint, read, uploads};
use crate::driver::{Capability, Content, DriverStream, FileInfo, StorageDriver, UploadWriter};
use crate::error::{DriverError, DriverResult};
use crate::layout;
use crate::path::StoragePath;

/// Keeps files as objects. A clone shares connections and memory.
#[derive(Debug, Clone)]
pub struct ObjectDriver(Arc<Store>);

impl ObjectDriver {
    /// Prepares to use a store, and asks whether it can be listed, so that what is wrong with its address, the credentials
    /// or the bucket is told at the start.
    ///
    /// # Errors
    /// What the store answered, with what to check.
    pub(crate) async fn open(backend: impl Backend, config: &TransferConfig) -> DriverResult<Self> {
        let driver = Self(Arc::new(Store::new(Arc::new(backend), config)));
        driver.check().await?;
        Ok(driver)
    }

    fn backend(&self) -> &Arc<dyn Backend> {
        &self.0.backend
    }
}

#[async_trait]
impl StorageDriver for ObjectDriver {
    fn capability(&self) -> Capability {
        Capability { completes_at_target: false, keeps_completed_uploads: false }
    }

    async fn put(&self, path: &StoragePath, content: Bytes) -> DriverResult<()> {
        Ok(self.backend().put(path, content, Purpose::File, None).await?)
    }

    async fn put_new(&self, path: &StoragePath, content: Bytes) -> DriverResult<bool> {
        let failure = match self.backend().put_new(path, content.clone()).await {
            Ok(()) => return Ok(true),
            Err(failure) if failure.kind() == StoreErrorKind::AlreadyExists => failure,
            Err(failure) => return Err(failure.into()),
        };
        // An earlier attempt, whose answer was lost, may have been the one.
        let size_bytes = content.len() as u64;
        if !failure.is_ambiguous || self.0.size(path).await? != Some(size_bytes) {
            return Ok(false);
        }
        Ok(self.read(path, 0..size_bytes).await?.into_bytes().await? == content)
    }

    async fn read(&self, path: &StoragePath, range: Range<u64>) -> DriverResult<Content> {
        Ok(Content::Stream(read::open(self.backend(), path, range).await?))
    }

    async fn redirect(&self, path: &StoragePath, lifetime: Duration) -> DriverResult<Option<String>> {
        Ok(self.backend().redirect(path, lifetime).await?)
    }

    async fn stat(&self, path: &StoragePath) -> DriverResult<FileInfo> {
        let missing = || {
            let key = self.backend().key(path);
            DriverError::new(StoreErrorKind::NotFound, "look at", key, "it is not there")
        };
        let size_bytes = self.0.size(path).await?.ok_or_else(missing)?;
        Ok(FileInfo { path: path.clone(), size_bytes })
    }

    async fn list(
        &self,
        directory: &StoragePath,
        after: Option<&StoragePath>,
        limit: usize,
    ) -> DriverResult<Page<FileInfo>> {
        let mut items = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let wanted = limit.saturating_sub(items.len());
            let page = self.backend().list(directory, after, next.as_deref(), wanted).await?;
            items.extend(page.objects.into_iter().map(|o| FileInfo { path: o.path, size_bytes: o.size_bytes }));
            if !items.is_sorted_by(|one, next| one.path < next.path) {
                let why = "the object store lists its keys in another order than that of bytes";
                return Err(DriverError::new(StoreErrorKind::Unsupported, "list", directory, why));
            }
            next = page.next;
            if next.is_none() || items.len() >= limit {
                return Ok(Page { items, more: next.is_some() });
            }
        }
    }

    async fn delete(&self, path: &StoragePath) -> DriverResult<()> {
        Ok(self.backend().delete(path).await?)
    }

    async fn keep_copy(&self, path: &StoragePath, copy: &StoragePath) -> DriverResult<()> {
        self.0.keep_copy(path, copy).await
    }

    /// Asks for many at a time.
    async fn delete_all(&self, paths: &[StoragePath]) -> Vec<DriverResult<()>> {
        let mut deleted = Vec::with_capacity(paths.len());
        for some in paths.chunks(self.backend().limits().at_once) {
            match self.backend().delete_each(some).await {
                Ok(mut failed) => deleted.extend(some.iter().map(|path| failed.remove(path).map_or(Ok(()), Err))),
                Err(failure) => deleted.extend(some.iter().map(|path| Err(failure.about(self.backend().key(path))))),
            }
        }
        deleted
    }

    async fn delete_below(&self, directory: &StoragePath) -> DriverResult<()> {
        loop {
            let page = self.backend().list(directory, None, None, self.backend().limits().at_once).await?;
            let paths: Vec<_> = page.objects.into_iter().map(|object| object.path).collect();
            self.0.delete_objects(&paths).await?;
            if page.next.is_none() {
                return Ok(());
            }
        }
    }

    async fn begin_upload(&self, path: &StoragePath) -> DriverResult<StagedUpload> {
        Ok(StagedUpload::new(path.as_str()))
    }

    async fn open_writer(&self, upload: &StagedUpload, offset: u64) -> DriverResult<Box<dyn UploadWriter>> {
        let (store, path) = (Arc::clone(&self.0), uploads::path(upload)?);
        if offset == 0 {
            return Ok(Box::new(ObjectWriter::new(store, path)));
        }
        let corrupt = |why: DriverError| DriverError::new(StoreErrorKind::Corrupt, "go on with upload", &path, why);
        let unsynced = || {
            let why = format!("it was not synced at {offset} bytes");
            DriverError::new(StoreErrorKind::Corrupt, "go on with upload", &path, why)
        };
        let at = store.checkpoint(&path, offset).await?.ok_or_else(unsynced)?;
        let parts = match store.resume(&path, &at).await {
            Err(error) if error.kind() == StoreErrorKind::NotFound => return Err(corrupt(error)),
            resumed => resumed?,
        };
        let room = store.room(at.part_bytes).await?;
        let tail = read::open(&store.backend, &checkpoint::at(&path, offset), 0..offset - at.in_parts()).await?;
        let tail = BytesMut::from(Content::Stream(tail).into_bytes().await?);
        Ok(Box::new(ObjectWriter::resumed(store, path, &at, parts, tail, room)))
    }

    async fn read_upload(&self, upload: &StagedUpload, size_bytes: u64) -> DriverResult<DriverStream> {
        self.0.read_upload(&uploads::path(upload)?, size_bytes).await
    }

    async fn copy_upload(
        &self,
        upload: &StagedUpload,
        path: &StoragePath,
        size_bytes: u64,
    ) -> DriverResult<StagedUpload> {
        self.0.copy_upload(&uploads::path(upload)?, path, size_bytes).await?;
        Ok(StagedUpload::new(path.as_str()))
    }

    async fn complete_upload(
        &self,
        upload: &StagedUpload,
        target: &StoragePath,
        size_bytes: u64,
    ) -> DriverResult<StoragePath> {
        self.0.complete_upload(&uploads::path(upload)?, target, size_bytes).await
    }

    async fn abort_upload(&self, upload: &StagedUpload) -> DriverResult<()> {
        self.0.abort_upload(&uploads::path(upload)?).await
    }

    async fn uploads_before(
        &self,
        directory: &StoragePath,
        before: Timestamp,
        limit: usize,
    ) -> DriverResult<Vec<StagedUpload>> {
        self.0.uploads_before(directory, before, limit).await
    }

    async fn check(&self) -> DriverResult<()> {
        self.backend().list(&layout::uploads(), None, None, 1).await?;
        Ok(())
    }
}
