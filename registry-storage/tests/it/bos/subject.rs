//! A bucket of BOS to test with.

use async_trait::async_trait;
use registry_storage::driver::bos::{BosConfig, BosCredentials, open};
use registry_storage::driver::object::{ObjectDriver, TransferConfig};

use super::{documents, signature};
use crate::object::subject::{ObjectSubject, object_subject};
use crate::object::translator::{Documents, Translator, Vendor};
use crate::subject::{Bucket, s3};

pub(super) const ACCESS_KEY: &str = "bosaccess";
pub(super) const SECRET_KEY: &str = "bossecret";
pub(super) const SESSION_TOKEN: &str = "bostoken";
pub(super) const BUCKET: &str = "images";

const BOS: Vendor = Vendor {
    prefix: "x-bce-",
    verify: signature::verify,
    own_metadata: "replace",
    copy_source: |_| format!("/{BUCKET}"),
    asks_for_strict_ranges: false,
    is_quiet: true,
    documents: Some(Documents { request: documents::request, answer: documents::answer }),
};

/// A part of a bucket of its own.
pub(crate) struct BosBucket {
    pub(super) config: BosConfig,
    /// The same part, by Amazon's protocol.
    bucket: Bucket,
    _translator: Translator,
}

pub(crate) async fn bos() -> BosBucket {
    BosBucket::new(s3().await, None).await
}

pub(crate) async fn with_a_session_token() -> BosBucket {
    BosBucket::new(s3().await, Some(SESSION_TOKEN.into())).await
}

impl BosBucket {
    async fn new(bucket: Bucket, session_token: Option<String>) -> Self {
        let translator = Translator::start(BOS, &bucket.0).await;
        let (access_key, secret_key) = (ACCESS_KEY.into(), SECRET_KEY.into());
        let mut config = BosConfig::new(BUCKET, "bj", BosCredentials { access_key, secret_key, session_token });
        config.endpoint = translator.endpoint();
        config.root_directory.clone_from(&bucket.0.root_directory);
        Self { config, bucket, _translator: translator }
    }

    /// Returns the store with another bucket, which need not exist.
    pub(super) async fn of_another_name(name: &str) -> Self {
        let mut bucket = s3().await;
        bucket.0.bucket = name.into();
        Self::new(bucket, None).await
    }

    /// Opens a driver that goes to the bucket by another address.
    pub(super) async fn driver_by(&self, endpoint: String) -> ObjectDriver {
        let transfer = TransferConfig { part_bytes: self.part_bytes() as u64, ..TransferConfig::default() };
        let config = BosConfig { endpoint, transfer, ..self.config.clone() };
        open(&config).await.expect("the store can be reached")
    }
}

#[async_trait]
impl ObjectSubject for BosBucket {
    async fn driver_with(&self, transfer: TransferConfig) -> ObjectDriver {
        let config = BosConfig { transfer, ..self.config.clone() };
        open(&config).await.expect("the store can be reached")
    }

    fn seals(&self) -> bool {
        true
    }

    async fn kept(&self) -> Vec<String> {
        // By Amazon's protocol.
        self.bucket.kept().await
    }
}

// SeaweedFS walks directories.
object_subject!(BosBucket, sorts_by_names_alone: true);
