//! A blob store that pauses before and after whatever puts bytes in place or deletes them, so that a test decides what
//! happens meanwhile.

use std::ops::Range;
use std::task::Poll;

use async_trait::async_trait;
use bytes::Bytes;
use registry_core::memory::MemoryBlobStore;
use registry_core::protocol::digest::Digest;
use registry_core::store::metadata::Page;
use registry_core::store::{
    BlobLocation, BlobRead, BlobStore, BlobWriter, ByteStream, StagedUpload, StoreResult, Timestamp, UploadId,
};

#[derive(Debug, Clone)]
pub(super) struct PausedBlobStore(pub(super) MemoryBlobStore);

/// Lets whoever polls do something else in between.
async fn pause() {
    let mut is_over = false;
    std::future::poll_fn(|context| match std::mem::replace(&mut is_over, true) {
        true => Poll::Ready(()),
        false => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

#[async_trait]
impl BlobStore for PausedBlobStore {
    async fn stage(&self, upload: UploadId) -> StoreResult<StagedUpload> {
        self.0.stage(upload).await
    }

    async fn open_writer(&self, staged: &StagedUpload, offset: u64) -> StoreResult<Box<dyn BlobWriter>> {
        Ok(Box::new(PausedWriter(self.0.open_writer(staged, offset).await?)))
    }

    async fn take_over(&self, staged: &StagedUpload, offset: u64) -> StoreResult<StagedUpload> {
        self.0.take_over(staged, offset).await
    }

    async fn read_staged(&self, staged: &StagedUpload, size_bytes: u64) -> StoreResult<ByteStream> {
        self.0.read_staged(staged, size_bytes).await
    }

    async fn commit(&self, staged: &StagedUpload, digest: &Digest, size_bytes: u64) -> StoreResult<BlobLocation> {
        pause().await;
        let location = self.0.commit(staged, digest, size_bytes).await;
        pause().await;
        location
    }

    async fn discard(&self, staged: &StagedUpload) -> StoreResult<()> {
        self.0.discard(staged).await
    }

    async fn staged_before(&self, before: Timestamp, limit: usize) -> StoreResult<Vec<StagedUpload>> {
        self.0.staged_before(before, limit).await
    }

    async fn read(&self, location: &BlobLocation, range: Range<u64>) -> StoreResult<BlobRead> {
        self.0.read(location, range).await
    }

    async fn delete(&self, location: &BlobLocation) -> StoreResult<()> {
        pause().await;
        self.0.delete(location).await?;
        pause().await;
        Ok(())
    }

    async fn set_aside(&self, location: &BlobLocation, digest: &Digest) -> StoreResult<BlobLocation> {
        self.0.set_aside(location, digest).await
    }

    fn place(&self, digest: &Digest) -> BlobLocation {
        self.0.place(digest)
    }

    async fn copy_to_place(&self, location: &BlobLocation, digest: &Digest) -> StoreResult<()> {
        pause().await;
        self.0.copy_to_place(location, digest).await?;
        pause().await;
        Ok(())
    }

    async fn displaced(&self, after: Option<&BlobLocation>, limit: usize) -> StoreResult<Page<BlobLocation>> {
        self.0.displaced(after, limit).await
    }

    async fn check(&self) -> StoreResult<()> {
        self.0.check().await
    }
}

struct PausedWriter(Box<dyn BlobWriter>);

#[async_trait]
impl BlobWriter for PausedWriter {
    async fn write(&mut self, pieces: Vec<Bytes>) -> StoreResult<()> {
        self.0.write(pieces).await
    }

    async fn sync(&mut self) -> StoreResult<StagedUpload> {
        self.0.sync().await
    }

    async fn commit(self: Box<Self>, last: Vec<Bytes>, digest: &Digest) -> StoreResult<BlobLocation> {
        pause().await;
        let location = self.0.commit(last, digest).await;
        pause().await;
        location
    }
}
