//! A part of a bucket of its own.

use async_trait::async_trait;
use registry_storage::driver::gcs::{self, GcsConfig, GcsCredentials};
use registry_storage::driver::object::{ObjectDriver, TransferConfig};

use super::fake::{BUCKET, FakeGcs};
use crate::object::subject::{ObjectSubject, object_subject};
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

    async fn kept(&self) -> Vec<String> {
        let mut config = self.config.clone();
        let root = std::mem::take(&mut config.root_directory);
        kept(&gcs::open(&config).await.expect("the bucket can be reached"), &root).await
    }
}

object_subject!(Bucket, sorts_by_names_alone: false);
