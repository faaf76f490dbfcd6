//! All files among the blobs of a storage.

use std::sync::Arc;

use async_trait::async_trait;
use registry_core::store::inventory::{BlobInventory, StoredFile};
use registry_core::store::metadata::Page;
use registry_core::store::{BlobLocation, ByteStream, StoreErrorKind, StoreResult};

use crate::blob_store::{byte_stream, path};
use crate::driver::StorageDriver;
use crate::layout;

/// Lists the files below the directory that [`layout`] gives the blobs.
#[derive(Debug, Clone)]
pub struct DriverInventory {
    driver: Arc<dyn StorageDriver>,
}

impl DriverInventory {
    /// Lists those of `driver`.
    pub fn new(driver: Arc<dyn StorageDriver>) -> Self {
        Self { driver }
    }
}

#[async_trait]
impl BlobInventory for DriverInventory {
    async fn stored_files(&self, after: Option<&BlobLocation>, limit: usize) -> StoreResult<Page<StoredFile>> {
        let after = after.map(path).transpose()?;
        let page = self.driver.list(&layout::blobs(), after.as_ref(), limit).await?;
        let files = page.items.into_iter().map(|file| StoredFile {
            digest: layout::blob_digest(&file.path),
            location: BlobLocation::new(file.path.as_str()),
            size_bytes: file.size_bytes,
        });
        Ok(Page { items: files.collect(), more: page.more })
    }

    async fn stored_size(&self, location: &BlobLocation) -> StoreResult<Option<u64>> {
        match self.driver.stat(&path(location)?).await {
            Ok(file) => Ok(Some(file.size_bytes)),
            Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn read_stored(&self, location: &BlobLocation, size_bytes: u64) -> StoreResult<ByteStream> {
        Ok(byte_stream(self.driver.read(&path(location)?, 0..size_bytes).await?.into_stream()))
    }
}
