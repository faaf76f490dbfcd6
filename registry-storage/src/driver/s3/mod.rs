//! Objects in a bucket of Amazon S3, or of one of the many stores that speak its protocol.
//!
//! A key is the path, without its leading `/`, below the configured root directory, as in distribution. An upload is an
//! upload in parts at its own path, which any process can go on with (`uploads.rs`); completed, it stays there, because
//! S3 cannot rename. What was small enough to need no parts is put at its target.

mod address;
mod checkpoint;
mod client;
mod config;
mod connection;
mod credentials;
mod dialect;
mod error;
mod multipart;
mod objects;
mod read;
mod retry;
mod uploads;
mod writer;
mod xml;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use registry_core::store::metadata::Page;
use registry_core::store::{StagedUpload, StoreErrorKind, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::client::Client;
use self::objects::{AT_ONCE, Purpose};
use self::uploads::SharedStore;
use self::writer::S3Writer;
use super::{Capability, Content, DriverStream, FileInfo, StorageDriver, UploadWriter};
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

pub use self::config::{S3Config, S3Credentials, S3Encryption};

/// What one permit for memory stands for.
const ROOM_BYTES: u64 = 64 * 1024;
/// How long an upload may wait for memory.
const ROOM_PATIENCE: Duration = Duration::from_secs(60);

/// Keeps files as objects of a bucket. A clone shares connections and memory.
#[derive(Debug, Clone)]
pub struct S3Driver(SharedStore);

/// A bucket, and what uploads to it share.
#[derive(Debug)]
struct Store {
    client: Arc<Client>,
    part_bytes: u64,
    /// Room for parts in memory, in pieces of [`ROOM_BYTES`].
    room: Arc<Semaphore>,
    rooms: u32,
}

impl S3Driver {
    /// Prepares to speak to a bucket, and asks whether it can be listed, so that what is wrong with the address, the
    /// credentials or the bucket is told at the start. Reads the system's certificates, which blocks for a moment.
    ///
    /// # Errors
    /// What the store answered, with what to check.
    pub async fn open(config: &S3Config) -> DriverResult<Self> {
        let part_bytes = config.part_bytes.clamp(S3Config::MIN_PART_BYTES, S3Config::MAX_PART_BYTES);
        let rooms = config.upload_memory_bytes.max(2 * part_bytes).div_ceil(ROOM_BYTES);
        let rooms = u32::try_from(rooms).unwrap_or(u32::MAX).min(Semaphore::MAX_PERMITS as u32);
        let room = Arc::new(Semaphore::new(rooms as usize));
        let client = Arc::new(Client::new(config.clone())?);
        let driver = Self(Arc::new(Store { client, part_bytes, room, rooms }));
        driver.check().await?;
        Ok(driver)
    }
}

impl Store {
    /// Waits until there is room for a part in memory.
    async fn room(&self, part_bytes: u64) -> DriverResult<OwnedSemaphorePermit> {
        let permits = u32::try_from(part_bytes.div_ceil(ROOM_BYTES)).unwrap_or(u32::MAX).min(self.rooms);
        let full = || {
            let why = "too many uploads at once hold all the memory there is for them; see `storage.s3.uploadmemory`";
            DriverError::new(StoreErrorKind::Unavailable, "make room for", "a part of an upload", why)
        };
        let waited = tokio::time::timeout(ROOM_PATIENCE, Arc::clone(&self.room).acquire_many_owned(permits)).await;
        waited.map_err(|_| full())?.map_err(|_| full())
    }
}

#[async_trait]
impl StorageDriver for S3Driver {
    fn capability(&self) -> Capability {
        Capability { completes_at_target: false, keeps_completed_uploads: false }
    }

    async fn put(&self, path: &StoragePath, content: Bytes) -> DriverResult<()> {
        Ok(self.0.client.put(path, content, Purpose::File, None).await?)
    }

    async fn put_new(&self, path: &StoragePath, content: Bytes) -> DriverResult<bool> {
        match self.0.client.put_new(path, content.clone()).await {
            Ok(()) => Ok(true),
            Err(failure) if failure.kind() == StoreErrorKind::AlreadyExists => {
                // An earlier attempt, whose answer was lost, may have been the one.
                let is_ours =
                    failure.is_ambiguous && self.0.client.size(path).await? == Some(content.len() as u64) && {
                        let there = self.read(path, 0..content.len() as u64).await?;
                        there.into_bytes().await? == content
                    };
                Ok(is_ours)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn read(&self, path: &StoragePath, range: Range<u64>) -> DriverResult<Content> {
        Ok(Content::Stream(read::open(&self.0.client, path, range).await?))
    }

    async fn stat(&self, path: &StoragePath) -> DriverResult<FileInfo> {
        let missing = || {
            let key = self.0.client.address.key(path);
            DriverError::new(StoreErrorKind::NotFound, "look at", key, "it is not there")
        };
        let size_bytes = self.0.client.size(path).await?.ok_or_else(missing)?;
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
            let page = self.0.client.list(directory, after, next.as_deref(), wanted).await?;
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
        Ok(self.0.client.delete(path).await?)
    }

    async fn keep_copy(&self, path: &StoragePath, copy: &StoragePath) -> DriverResult<()> {
        self.0.keep_copy(path, copy).await
    }

    /// Asks for many at a time.
    async fn delete_all(&self, paths: &[StoragePath]) -> Vec<DriverResult<()>> {
        let mut deleted = Vec::with_capacity(paths.len());
        for some in paths.chunks(AT_ONCE) {
            match self.0.client.delete_each(some).await {
                Ok(mut failed) => {
                    let outcome = |path| failed.remove(&self.0.client.address.key(path)).map_or(Ok(()), Err);
                    deleted.extend(some.iter().map(outcome));
                }
                Err(failure) => {
                    deleted.extend(some.iter().map(|path| Err(failure.about(self.0.client.address.key(path)))))
                }
            }
        }
        deleted
    }

    async fn delete_below(&self, directory: &StoragePath) -> DriverResult<()> {
        loop {
            let page = self.0.client.list(directory, None, None, AT_ONCE).await?;
            let paths: Vec<_> = page.objects.into_iter().map(|object| object.path).collect();
            self.0.client.delete_all(&paths).await?;
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
            return Ok(Box::new(S3Writer::new(store, path)));
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
        let tail = read::open(&store.client, &checkpoint::at(&path, offset), 0..offset - at.in_parts()).await?;
        let tail = BytesMut::from(Content::Stream(tail).into_bytes().await?);
        Ok(Box::new(S3Writer::resumed(store, path, &at, parts, tail, room)))
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
        let uploads = crate::layout::uploads();
        self.0.client.list(&uploads, None, None, 1).await?;
        Ok(())
    }
}
