//! How long the storage takes, as `registry_storage_action_seconds`.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use registry_core::protocol::digest::Digest;
use registry_core::store::metadata::Page;
use registry_core::store::{
    BlobLocation, BlobRead, BlobStore, BlobWriter, ByteStream, StagedUpload, StoreResult, Timestamp, UploadId,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ActionLabels {
    driver: &'static str,
    action: &'static str,
}

/// The times of one driver's actions. Cheap to clone: the clones measure together.
#[derive(Debug, Clone)]
struct Actions {
    driver: &'static str,
    seconds: Family<ActionLabels, Histogram>,
}

impl Actions {
    /// Waits for an action and notes how long it took, whatever its result.
    async fn measure<T>(&self, action: &'static str, done: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let result = done.await;
        let labels = ActionLabels { driver: self.driver, action };
        self.seconds.get_or_create(&labels).observe(started.elapsed().as_secs_f64());
        result
    }
}

/// distribution's buckets.
fn histogram() -> Histogram {
    Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
}

/// A blob store around another that measures each of its actions.
#[derive(Debug)]
pub(crate) struct MeasuredBlobStore {
    inner: Arc<dyn BlobStore>,
    actions: Actions,
}

impl MeasuredBlobStore {
    /// Wraps the store of a driver and shows its times in `metrics`.
    pub(crate) fn new(inner: Arc<dyn BlobStore>, driver: &'static str, metrics: &mut Registry) -> Self {
        let seconds = Family::new_with_constructor(histogram as fn() -> Histogram);
        let names = metrics.sub_registry_with_prefix("registry_storage");
        names.register_with_unit("action", "Time that the storage takes", Unit::Seconds, seconds.clone());
        Self { inner, actions: Actions { driver, seconds } }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl BlobStore for MeasuredBlobStore {
    async fn stage(&self, upload: UploadId) -> StoreResult<StagedUpload> {
        self.actions.measure("stage", self.inner.stage(upload)).await
    }

    async fn open_writer(&self, staged: &StagedUpload, offset: u64) -> StoreResult<Box<dyn BlobWriter>> {
        let inner = self.actions.measure("open_writer", self.inner.open_writer(staged, offset)).await?;
        Ok(Box::new(MeasuredWriter { inner, actions: self.actions.clone() }))
    }

    async fn take_over(&self, staged: &StagedUpload, offset: u64) -> StoreResult<StagedUpload> {
        self.actions.measure("take_over", self.inner.take_over(staged, offset)).await
    }

    async fn read_staged(&self, staged: &StagedUpload, size_bytes: u64) -> StoreResult<ByteStream> {
        self.actions.measure("read_staged", self.inner.read_staged(staged, size_bytes)).await
    }

    async fn commit(&self, staged: &StagedUpload, digest: &Digest, size_bytes: u64) -> StoreResult<BlobLocation> {
        self.actions.measure("commit", self.inner.commit(staged, digest, size_bytes)).await
    }

    async fn discard(&self, staged: &StagedUpload) -> StoreResult<()> {
        self.actions.measure("discard", self.inner.discard(staged)).await
    }

    async fn staged_before(&self, before: Timestamp, limit: usize) -> StoreResult<Vec<StagedUpload>> {
        self.actions.measure("staged_before", self.inner.staged_before(before, limit)).await
    }

    async fn read(&self, location: &BlobLocation, range: Range<u64>) -> StoreResult<BlobRead> {
        self.actions.measure("read", self.inner.read(location, range)).await
    }

    async fn redirect(&self, location: &BlobLocation, lifetime: Duration) -> StoreResult<Option<String>> {
        self.actions.measure("redirect", self.inner.redirect(location, lifetime)).await
    }

    async fn delete(&self, location: &BlobLocation) -> StoreResult<()> {
        self.actions.measure("delete", self.inner.delete(location)).await
    }

    async fn set_aside(&self, location: &BlobLocation, digest: &Digest) -> StoreResult<BlobLocation> {
        self.actions.measure("set_aside", self.inner.set_aside(location, digest)).await
    }

    async fn delete_all(&self, locations: &[BlobLocation]) -> Vec<StoreResult<()>> {
        self.actions.measure("delete_all", self.inner.delete_all(locations)).await
    }

    fn place(&self, digest: &Digest) -> BlobLocation {
        self.inner.place(digest)
    }

    async fn copy_to_place(&self, location: &BlobLocation, digest: &Digest) -> StoreResult<()> {
        self.actions.measure("copy_to_place", self.inner.copy_to_place(location, digest)).await
    }

    async fn displaced(&self, after: Option<&BlobLocation>, limit: usize) -> StoreResult<Page<BlobLocation>> {
        self.actions.measure("displaced", self.inner.displaced(after, limit)).await
    }

    async fn check(&self) -> StoreResult<()> {
        self.actions.measure("check", self.inner.check()).await
    }
}

struct MeasuredWriter {
    inner: Box<dyn BlobWriter>,
    actions: Actions,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl BlobWriter for MeasuredWriter {
    async fn write(&mut self, pieces: Vec<bytes::Bytes>) -> StoreResult<()> {
        self.actions.measure("write", self.inner.write(pieces)).await
    }

    async fn sync(&mut self) -> StoreResult<StagedUpload> {
        self.actions.measure("sync", self.inner.sync()).await
    }

    async fn commit(self: Box<Self>, last: Vec<bytes::Bytes>, digest: &Digest) -> StoreResult<BlobLocation> {
        self.actions.measure("commit", self.inner.commit(last, digest)).await
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;
    use registry_core::memory::MemoryBlobStore;

    use super::*;

    #[tokio::test]
    async fn actions_are_shown_by_driver_and_name() {
        let mut metrics = Registry::default();
        let store = MeasuredBlobStore::new(Arc::new(MemoryBlobStore::default()), "inmemory", &mut metrics);
        let staged = store.stage(UploadId::random()).await.unwrap();
        store.open_writer(&staged, 0).await.unwrap().write(vec!["content".into()]).await.unwrap();
        let mut shown = String::new();
        text::encode(&mut shown, &metrics).unwrap();
        for action in ["stage", "open_writer", "write"] {
            let line = format!("registry_storage_action_seconds_count{{driver=\"inmemory\",action=\"{action}\"}} 1");
            assert!(shown.contains(&line), "{line} in {shown}");
        }
    }
}
