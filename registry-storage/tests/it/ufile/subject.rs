//! A bucket of UFile to test with.

use std::time::Duration;

use async_trait::async_trait;
use registry_storage::driver::object::{ObjectDriver, TransferConfig};
use registry_storage::driver::ufile::{UfileConfig, open};

use super::fake::{BUCKET, FakeUfile};
use super::signature::{PRIVATE_KEY, PUBLIC_KEY};
use crate::object::subject::{ObjectSubject, object_subject};
use crate::subject::kept;

/// A bucket with a server of its own.
pub(crate) struct UfileBucket {
    pub(crate) config: UfileConfig,
    pub(super) server: FakeUfile,
}

pub(crate) async fn ufile() -> UfileBucket {
    let server = FakeUfile::start().await;
    let mut config = UfileConfig::new(server.endpoint(), PUBLIC_KEY, PRIVATE_KEY);
    config.bucket = BUCKET.into();
    config.retry_interval = Duration::from_millis(50);
    config.root_directory = "/root".into();
    UfileBucket { config, server }
}

#[async_trait]
impl ObjectSubject for UfileBucket {
    async fn driver_with(&self, transfer: TransferConfig) -> ObjectDriver {
        let config = UfileConfig { transfer, ..self.config.clone() };
        open(&config).await.expect("the bucket can be reached")
    }

    fn part_bytes(&self) -> usize {
        UfileConfig::PART_BYTES as usize
    }

    fn seals(&self) -> bool {
        true
    }

    async fn kept(&self) -> Vec<String> {
        let mut config = self.config.clone();
        let root = std::mem::take(&mut config.root_directory);
        kept(&open(&config).await.expect("the bucket can be reached"), &root).await
    }
}

object_subject!(UfileBucket, sorts_by_names_alone: false);
