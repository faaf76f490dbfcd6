//! The images of the first registry, over a driver.
//!
//! ```text
//! images/<id>/json             the description
//! images/<id>/ancestry         the ids of its ancestors, itself first
//! images/<id>/layer            a tar archive, maybe compressed
//! images/<id>/_inprogress      while it is uploaded
//! repositories/<namespace>/<name>/tag_<tag>    the id that a tag points to
//! ```
//!
//! Source: docker-archive/docker-registry, `depends/docker-registry-core/docker_registry/core/driver.py`.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::image_v1::{ImageId, ImageLayer};
use registry_core::store::images::{ImageStore, ImageTag};
use registry_core::store::links::{LinkCursor, LinkPage};
use registry_core::store::{StoreErrorKind, StoreResult};
use tokio::sync::mpsc;

use crate::driver::StorageDriver;
use crate::error::{DriverError, DriverResult};
use crate::inspection::Inspection;
use crate::layout;
use crate::path::StoragePath;

/// How long a file with an id is at most.
const TARGET_MAX_BYTES: u64 = 256;
/// How long a description or a list of ancestors is at most.
const DOCUMENT_MAX_BYTES: u64 = 1024 * 1024;
/// How many pieces of a layer wait to be looked at.
const PIECES: usize = 4;

/// Reads what a registry of the first version has left below the root of a driver. Needs a tokio runtime around it.
#[derive(Debug, Clone)]
pub struct DriverImageStore {
    driver: Arc<dyn StorageDriver>,
}

impl DriverImageStore {
    /// Reads from `driver`, and puts blobs there.
    pub fn new(driver: Arc<dyn StorageDriver>) -> Self {
        Self { driver }
    }

    async fn size(&self, path: &StoragePath) -> DriverResult<Option<u64>> {
        match self.driver.stat(path).await {
            Ok(file) => Ok(Some(file.size_bytes)),
            Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a file that is not to be longer than `max_bytes`.
    async fn document(&self, path: &StoragePath, max_bytes: u64) -> DriverResult<Option<Bytes>> {
        let Some(size_bytes) = self.size(path).await? else { return Ok(None) };
        if size_bytes > max_bytes {
            let why = format!("it has {size_bytes} bytes, expected at most {max_bytes}");
            return Err(DriverError::new(StoreErrorKind::Corrupt, "read", path, why));
        }
        Ok(Some(self.driver.read(path, 0..size_bytes).await?.into_bytes().await?))
    }

    async fn inspected(&self, path: &StoragePath) -> DriverResult<ImageLayer> {
        let missing = || DriverError::new(StoreErrorKind::NotFound, "read", path, "it is not there");
        let size_bytes = self.size(path).await?.ok_or_else(missing)?;
        let mut pieces = self.driver.read(path, 0..size_bytes).await?.into_stream();
        let (send, mut receive) = mpsc::channel::<Bytes>(PIECES);
        // Unpacking takes its time.
        let inspecting = tokio::task::spawn_blocking(move || {
            let mut inspection = Inspection::default();
            while let Some(piece) = receive.blocking_recv() {
                inspection.update(&piece)?;
            }
            inspection.finish()
        });
        while let Some(piece) = pieces.try_next().await? {
            // What cannot be unpacked is not read to its end.
            if send.send(piece).await.is_err() {
                break;
            }
        }
        drop(send);
        let stopped = |error| DriverError::new(StoreErrorKind::Unavailable, "look into", path, error);
        let inspected = inspecting.await.map_err(stopped)?;
        inspected.map_err(|error| DriverError::new(error.kind(), "look into", path, error))
    }
}

#[async_trait]
impl ImageStore for DriverImageStore {
    async fn tags(&self, after: Option<&LinkCursor>, limit: usize) -> StoreResult<LinkPage<ImageTag>> {
        let foreign = |error| DriverError::new(StoreErrorKind::Corrupt, "go on listing", "images", error);
        let after = after.map(|after| after.as_str().parse().map_err(foreign)).transpose()?;
        let files = self.driver.list(&layout::image_repositories(), after.as_ref(), limit).await?;
        let last = files.items.last().filter(|_| files.more);
        Ok(LinkPage {
            next: last.map(|file| LinkCursor::new(file.path.as_str())),
            items: files.items.iter().filter_map(|file| layout::image_tag(&file.path)).collect(),
            strangers: Vec::new(),
        })
    }

    async fn target(&self, tag: &ImageTag) -> StoreResult<Option<String>> {
        let foreign = |error| DriverError::new(StoreErrorKind::Corrupt, "read", &tag.path, error);
        let content = self.document(&tag.path.parse().map_err(foreign)?, TARGET_MAX_BYTES).await?;
        Ok(content.map(|content| String::from_utf8_lossy(&content).into_owned()))
    }

    async fn description(&self, id: &ImageId) -> StoreResult<Option<Bytes>> {
        Ok(self.document(&layout::image_file(id, "json"), DOCUMENT_MAX_BYTES).await?)
    }

    async fn ancestry(&self, id: &ImageId) -> StoreResult<Option<Bytes>> {
        Ok(self.document(&layout::image_file(id, "ancestry"), DOCUMENT_MAX_BYTES).await?)
    }

    async fn has_layer(&self, id: &ImageId) -> StoreResult<bool> {
        let is_whole = self.size(&layout::image_file(id, "_inprogress")).await?.is_none();
        Ok(is_whole && self.size(&layout::image_file(id, "layer")).await?.is_some())
    }

    async fn layer(&self, id: &ImageId) -> StoreResult<ImageLayer> {
        Ok(self.inspected(&layout::image_file(id, "layer")).await?)
    }

    async fn keep_layer(&self, id: &ImageId, layer: &ImageLayer) -> StoreResult<()> {
        let blob = layout::blob(&layer.digest);
        if self.size(&blob).await? == Some(layer.size_bytes) {
            return Ok(());
        }
        Ok(self.driver.keep_copy(&layout::image_file(id, "layer"), &blob).await?)
    }

    async fn put_blob(&self, digest: &Digest, content: Bytes) -> StoreResult<()> {
        Ok(self.driver.put(&layout::blob(digest), content).await?)
    }
}
