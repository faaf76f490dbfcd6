//! Snapshots of the database, beside the blobs.

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use registry_core::store::snapshot::{KeptSnapshot, SnapshotName, SnapshotStore};
use registry_core::store::{ByteStream, StoreResult, UploadId};

use crate::driver::StorageDriver;
use crate::layout;

/// How many files are listed at a time.
const PAGE: usize = 100;

/// Keeps snapshots in a driver, at the paths of [`layout`].
#[derive(Debug, Clone)]
pub struct DriverSnapshotStore {
    driver: Arc<dyn StorageDriver>,
}

impl DriverSnapshotStore {
    /// Keeps them in `driver`.
    pub fn new(driver: Arc<dyn StorageDriver>) -> Self {
        Self { driver }
    }
}

#[async_trait]
impl SnapshotStore for DriverSnapshotStore {
    async fn keep_snapshot(&self, name: &SnapshotName, mut content: ByteStream) -> StoreResult<()> {
        let target = layout::snapshot(name);
        // Where an upload can be seen before it is completed, it must not be among the snapshots; where it stays at its own
        // path, that has to be the snapshot's.
        let moves = self.driver.capability().completes_at_target;
        let at = if moves { layout::upload(UploadId::random()) } else { target.clone() };
        let staged = self.driver.begin_upload(&at).await?;
        let kept = async {
            let mut writer = self.driver.open_writer(&staged, 0).await?;
            while let Some(piece) = content.try_next().await? {
                writer.write(vec![piece]).await?;
            }
            writer.complete(Vec::new(), &target).await?;
            Ok(())
        };
        let kept = kept.await;
        if kept.is_err() {
            // The first error is the one to tell; what is left is found among abandoned uploads.
            let _ = self.driver.abort_upload(&staged).await;
        }
        kept
    }

    async fn snapshots(&self) -> StoreResult<Vec<KeptSnapshot>> {
        let mut snapshots = Vec::new();
        let mut after = None;
        loop {
            let page = self.driver.list(&layout::snapshots(), after.as_ref(), PAGE).await?;
            snapshots.extend(page.items.iter().filter_map(|file| {
                let name = layout::snapshot_name(&file.path)?;
                Some(KeptSnapshot { name, size_bytes: file.size_bytes })
            }));
            after = page.items.into_iter().last().map(|file| file.path);
            if !page.more {
                break;
            }
        }
        snapshots.reverse();
        Ok(snapshots)
    }

    async fn read_snapshot(&self, snapshot: &KeptSnapshot) -> StoreResult<ByteStream> {
        let content = self.driver.read(&layout::snapshot(&snapshot.name), 0..snapshot.size_bytes).await?;
        Ok(content.into_stream().map_err(Into::into).boxed())
    }

    async fn delete_snapshot(&self, name: &SnapshotName) -> StoreResult<()> {
        Ok(self.driver.delete(&layout::snapshot(name)).await?)
    }
}
