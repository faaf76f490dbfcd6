//! The blob store over a driver.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use registry_core::protocol::digest::Digest;
use registry_core::store::metadata::Page;
use registry_core::store::{
    BlobLocation, BlobRead, BlobStore, BlobWriter, ByteStream, StagedUpload, StoreErrorKind, StoreResult, Timestamp,
    UploadId,
};

use crate::driver::{Content, DriverStream, StorageDriver, UploadWriter};
use crate::error::{DriverError, DriverResult};
use crate::layout;
use crate::path::StoragePath;

/// Keeps blobs in a driver, at the paths of [`layout`]. A blob's location is the path of its bytes.
#[derive(Debug, Clone)]
pub struct DriverBlobStore {
    driver: Arc<dyn StorageDriver>,
}

impl DriverBlobStore {
    /// Keeps blobs in `driver`.
    pub fn new(driver: Arc<dyn StorageDriver>) -> Self {
        Self { driver }
    }
}

#[async_trait]
impl BlobStore for DriverBlobStore {
    async fn stage(&self, upload: UploadId) -> StoreResult<StagedUpload> {
        Ok(self.driver.begin_upload(&layout::upload(upload)).await?)
    }

    async fn open_writer(&self, staged: &StagedUpload, offset: u64) -> StoreResult<Box<dyn BlobWriter>> {
        Ok(Box::new(DriverBlobWriter(self.driver.open_writer(staged, offset).await?)))
    }

    async fn take_over(&self, staged: &StagedUpload, offset: u64) -> StoreResult<StagedUpload> {
        let path = layout::upload(UploadId::random());
        Ok(self.driver.copy_upload(staged, &path, offset).await?)
    }

    async fn read_staged(&self, staged: &StagedUpload, size_bytes: u64) -> StoreResult<ByteStream> {
        Ok(byte_stream(self.driver.read_upload(staged, size_bytes).await?))
    }

    async fn commit(&self, staged: &StagedUpload, digest: &Digest, size_bytes: u64) -> StoreResult<BlobLocation> {
        let path = self.driver.complete_upload(staged, &layout::blob(digest), size_bytes).await?;
        Ok(BlobLocation::new(path.as_str()))
    }

    async fn discard(&self, staged: &StagedUpload) -> StoreResult<()> {
        Ok(self.driver.abort_upload(staged).await?)
    }

    async fn staged_before(&self, before: Timestamp, limit: usize) -> StoreResult<Vec<StagedUpload>> {
        Ok(self.driver.uploads_before(&layout::uploads(), before, limit).await?)
    }

    async fn read(&self, location: &BlobLocation, range: Range<u64>) -> StoreResult<BlobRead> {
        Ok(match self.driver.read(&path(location)?, range).await? {
            Content::File { file, range } => BlobRead::File { file, range },
            Content::Stream(stream) => BlobRead::Stream(byte_stream(stream)),
        })
    }

    async fn redirect(&self, location: &BlobLocation, lifetime: Duration) -> StoreResult<Option<String>> {
        Ok(self.driver.redirect(&path(location)?, lifetime).await?)
    }

    async fn delete(&self, location: &BlobLocation) -> StoreResult<()> {
        Ok(self.driver.delete(&path(location)?).await?)
    }

    async fn set_aside(&self, location: &BlobLocation, digest: &Digest) -> StoreResult<BlobLocation> {
        let aside = layout::quarantine(digest, UploadId::random());
        self.driver.keep_copy(&path(location)?, &aside).await?;
        Ok(BlobLocation::new(aside.as_str()))
    }

    async fn delete_all(&self, locations: &[BlobLocation]) -> Vec<StoreResult<()>> {
        let paths: Vec<DriverResult<StoragePath>> = locations.iter().map(path).collect();
        let known: Vec<StoragePath> = paths.iter().flatten().cloned().collect();
        let mut deleted = self.driver.delete_all(&known).await.into_iter();
        let outcome = |path: DriverResult<StoragePath>| {
            path.and_then(|_| deleted.next().expect("a driver says what became of each path"))
        };
        paths.into_iter().map(outcome).map(|outcome| outcome.map_err(Into::into)).collect()
    }

    fn place(&self, digest: &Digest) -> BlobLocation {
        BlobLocation::new(layout::blob(digest).as_str())
    }

    async fn copy_to_place(&self, location: &BlobLocation, digest: &Digest) -> StoreResult<()> {
        Ok(self.driver.keep_copy(&path(location)?, &layout::blob(digest)).await?)
    }

    async fn displaced(&self, after: Option<&BlobLocation>, limit: usize) -> StoreResult<Page<BlobLocation>> {
        if self.driver.capability().completes_at_target {
            return Ok(Page { items: Vec::new(), more: false });
        }
        let mut after = after.map(path).transpose()?;
        loop {
            let page = self.driver.list(&layout::uploads(), after.as_ref(), limit).await?;
            let committed = page.items.iter().filter(|file| layout::is_upload(&file.path));
            let items: Vec<_> = committed.map(|file| BlobLocation::new(file.path.as_str())).collect();
            if !items.is_empty() || !page.more {
                return Ok(Page { items, more: page.more });
            }
            // There may be many files beside unfinished uploads.
            after = page.items.into_iter().next_back().map(|file| file.path);
        }
    }

    async fn check(&self) -> StoreResult<()> {
        Ok(self.driver.check().await?)
    }
}

/// Returns the path that a blob's location is.
pub(crate) fn path(location: &BlobLocation) -> DriverResult<StoragePath> {
    let foreign = |error| DriverError::new(StoreErrorKind::Corrupt, "use the blob location", location, error);
    location.as_str().parse().map_err(foreign)
}

pub(crate) fn byte_stream(stream: DriverStream) -> ByteStream {
    stream.map_err(Into::into).boxed()
}

struct DriverBlobWriter(Box<dyn UploadWriter>);

#[async_trait]
impl BlobWriter for DriverBlobWriter {
    async fn write(&mut self, pieces: Vec<Bytes>) -> StoreResult<()> {
        Ok(self.0.write(pieces).await?)
    }

    async fn sync(&mut self) -> StoreResult<StagedUpload> {
        Ok(self.0.sync().await?)
    }

    async fn commit(self: Box<Self>, last: Vec<Bytes>, digest: &Digest) -> StoreResult<BlobLocation> {
        let path = self.0.complete(last, &layout::blob(digest)).await?;
        Ok(BlobLocation::new(path.as_str()))
    }
}
