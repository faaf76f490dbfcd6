//! The identity of a storage, as a small file beside the blobs.
//!
//! A second store has no identity of its own, and the one of the storage whose copies it has in another file.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use registry_core::store::identity::{IdentityStore, StorageIdentity};
use registry_core::store::{StoreErrorKind, StoreResult};

use crate::driver::StorageDriver;
use crate::error::DriverError;
use crate::layout;
use crate::path::StoragePath;

/// Keeps the identity of the storage of a driver, at the path that [`layout`] gives it.
#[derive(Debug, Clone)]
pub struct DriverIdentityStore {
    driver: Arc<dyn StorageDriver>,
    path: StoragePath,
}

impl DriverIdentityStore {
    /// Keeps it in `driver`.
    pub fn new(driver: Arc<dyn StorageDriver>) -> Self {
        Self { driver, path: layout::identity() }
    }

    /// Keeps that of the storage whose copies are in `driver`.
    pub fn of_source(driver: Arc<dyn StorageDriver>) -> Self {
        Self { driver, path: layout::source() }
    }
}

#[async_trait]
impl IdentityStore for DriverIdentityStore {
    async fn identity(&self) -> StoreResult<Option<StorageIdentity>> {
        let path = &self.path;
        let content = match self.driver.read(path, 0..StorageIdentity::TEXT_BYTES as u64).await {
            Err(error) if error.kind() == StoreErrorKind::NotFound => return Ok(None),
            content => content?.into_bytes().await?,
        };
        let text = String::from_utf8_lossy(&content);
        let malformed = |error| DriverError::new(StoreErrorKind::Corrupt, "use the identity", path, error);
        Ok(Some(text.parse().map_err(malformed)?))
    }

    async fn settle_identity(&self, identity: StorageIdentity) -> StoreResult<StorageIdentity> {
        if self.driver.put_new(&self.path, text(identity)).await? {
            return Ok(identity);
        }
        // Gone again already if somebody is removing it: then this is for the next start to settle.
        let gone = || DriverError::new(StoreErrorKind::Conflict, "settle", &self.path, "it was removed meanwhile");
        Ok(self.identity().await?.ok_or_else(gone)?)
    }

    async fn replace_identity(&self, identity: StorageIdentity) -> StoreResult<()> {
        Ok(self.driver.put(&self.path, text(identity)).await?)
    }

    async fn has_foreign_repositories(&self) -> StoreResult<bool> {
        Ok(!self.driver.list(&layout::repositories(), None, 1).await?.items.is_empty())
    }
}

fn text(identity: StorageIdentity) -> Bytes {
    format!("{identity}\n").into()
}
