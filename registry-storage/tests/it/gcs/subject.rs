//! A part of a bucket of its own.

use std::sync::Arc;

use async_trait::async_trait;
use registry_core::store::BlobStore;
use registry_core::testing::blob_store_suite::BlobStoreSubject;
use registry_storage::DriverBlobStore;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::gcs::{self, GcsConfig, GcsCredentials};
use registry_storage::driver::object::{ObjectDriver, TransferConfig};
use registry_storage::testing::driver_suite::DriverSubject;

use super::fake::{BUCKET, FakeGcs};
use crate::object::parts::ObjectSubject;
use crate::subject::{kept, variable};

/// How large parts are in the tests: the least that the driver takes.
pub(super) const PART: usize = GcsConfig::MIN_PART_BYTES as usize;

/// A part of a bucket of its own.
pub(super) struct Bucket {
    pub(super) config: GcsConfig,
    /// The server with the bucket, where that is one of our own.
    pub(super) server: Option<FakeGcs>,
}

pub(super) async fn fake_gcs_server() -> Bucket {
    let mut config = GcsConfig::new(variable("TEST_GCS_BUCKET"), GcsCredentials::Anonymous);
    config.endpoint = variable("TEST_GCS_ENDPOINT");
    config.root_directory = format!("/{}", uuid::Uuid::new_v4());
    Bucket { config, server: None }
}

pub(super) async fn strict_fake() -> Bucket {
    let server = FakeGcs::start().await;
    let mut config = GcsConfig::new(BUCKET, server.credentials());
    config.endpoint = server.endpoint();
    config.root_directory = "/root".into();
    Bucket { config, server: Some(server) }
}

#[async_trait]
impl ObjectSubject for Bucket {
    async fn driver_with(&self, transfer: TransferConfig) -> ObjectDriver {
        let config = GcsConfig { transfer, ..self.config.clone() };
        gcs::open(&config).await.expect("the bucket can be reached")
    }

    fn part_bytes(&self) -> usize {
        PART
    }
}

impl Bucket {
    async fn kept(&self) -> Vec<String> {
        let mut config = self.config.clone();
        let root = std::mem::take(&mut config.root_directory);
        kept(&gcs::open(&config).await.expect("the bucket can be reached"), &root).await
    }
}

#[async_trait]
impl DriverSubject for Bucket {
    async fn open(&self) -> Arc<dyn StorageDriver> {
        Arc::new(self.driver().await)
    }

    async fn contents(&self) -> Option<Vec<String>> {
        Some(self.kept().await)
    }
}

#[async_trait]
impl BlobStoreSubject for Bucket {
    async fn open(&self) -> Arc<dyn BlobStore> {
        Arc::new(DriverBlobStore::new(Arc::new(self.driver().await)))
    }

    fn keeps_committed_uploads(&self) -> bool {
        false
    }

    async fn contents(&self) -> Option<Vec<String>> {
        Some(self.kept().await)
    }
}
