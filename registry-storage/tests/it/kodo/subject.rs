//! Buckets of Kodo to test with.

use async_trait::async_trait;
use registry_storage::driver::kodo::{KodoConfig, KodoCredentials, open, open_s3};
use registry_storage::driver::object::{ObjectDriver, TransferConfig};
use registry_storage::driver::s3::S3Config;

use super::fake::{ACCESS_KEY, BUCKET, FakeKodo, SECRET_KEY};
use crate::object::subject::{ObjectSubject, object_subject};
use crate::subject::{Bucket, s3};

/// How large parts are in the cases.
pub(super) const PART: usize = 1024 * 1024;

/// A bucket of its own.
pub(crate) struct KodoBucket {
    pub(super) config: KodoConfig,
    pub(super) server: FakeKodo,
}

pub(crate) async fn kodo() -> KodoBucket {
    let server = FakeKodo::start().await;
    let credentials = KodoCredentials { access_key: ACCESS_KEY.into(), secret_key: SECRET_KEY.into() };
    let mut config = KodoConfig::new(BUCKET, credentials);
    config.discovery = server.endpoint();
    config.root_directory = "/root of it".into();
    KodoBucket { config, server }
}

#[async_trait]
impl ObjectSubject for KodoBucket {
    async fn driver_with(&self, transfer: TransferConfig) -> ObjectDriver {
        let config = KodoConfig { transfer, ..self.config.clone() };
        open(&config).await.expect("the store can be reached")
    }

    fn part_bytes(&self) -> usize {
        PART
    }

    fn seals(&self) -> bool {
        true
    }

    async fn kept(&self) -> Vec<String> {
        self.server.kept()
    }
}

object_subject!(KodoBucket, sorts_by_names_alone: false);

/// A part of a bucket of its own, which speaks S3.
pub(crate) struct KodoByS3(Bucket);

pub(crate) async fn kodo_by_s3() -> KodoByS3 {
    KodoByS3(s3().await)
}

#[async_trait]
impl ObjectSubject for KodoByS3 {
    async fn driver_with(&self, transfer: TransferConfig) -> ObjectDriver {
        let config = S3Config { transfer, ..self.0.0.clone() };
        open_s3(&config).await.expect("the store can be reached")
    }

    fn seals(&self) -> bool {
        true
    }

    async fn kept(&self) -> Vec<String> {
        self.0.kept().await
    }
}

// SeaweedFS walks directories.
object_subject!(KodoByS3, sorts_by_names_alone: true);
