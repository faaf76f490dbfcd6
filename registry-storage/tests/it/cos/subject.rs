//! A bucket of COS to test with.

use async_trait::async_trait;
use registry_storage::driver::cos::{CosConfig, open};
use registry_storage::driver::object::{ObjectDriver, TransferConfig};
use registry_storage::driver::s3::S3Credentials;

use super::signature;
use crate::object::subject::{ObjectSubject, object_subject};
use crate::object::translator::{Translator, Vendor};
use crate::subject::{Bucket, s3};

pub(super) const ACCESS_KEY: &str = "cosaccess";
pub(super) const SECRET_KEY: &str = "cossecret";
pub(super) const BUCKET: &str = "images-1250000000";
const REGION: &str = "ap-guangzhou";

const COS: Vendor = Vendor {
    prefix: "x-cos-",
    verify: signature::verify,
    own_metadata: "Replaced",
    copy_source: |headers| headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned(),
    asks_for_strict_ranges: false,
    is_quiet: false,
    documents: None,
};

/// A part of a bucket of its own.
pub(crate) struct CosBucket {
    pub(super) config: CosConfig,
    /// The same part, by Amazon's protocol.
    bucket: Bucket,
    _translator: Translator,
}

pub(crate) async fn cos() -> CosBucket {
    CosBucket::new().await
}

impl CosBucket {
    async fn new() -> Self {
        let bucket = s3().await;
        let translator = Translator::start(COS, &bucket.0).await;
        let (access_key, secret_key) = (ACCESS_KEY.into(), SECRET_KEY.into());
        let credentials = S3Credentials::Keys { access_key, secret_key, session_token: None };
        let mut config = CosConfig::new(BUCKET, REGION, credentials);
        config.endpoint = translator.endpoint();
        config.root_directory.clone_from(&bucket.0.root_directory);
        Self { config, bucket, _translator: translator }
    }

    /// Opens a driver that goes to the bucket by another address.
    pub(super) async fn driver_by(&self, endpoint: String) -> ObjectDriver {
        let transfer = TransferConfig { part_bytes: self.part_bytes() as u64, ..TransferConfig::default() };
        let config = CosConfig { endpoint, transfer, ..self.config.clone() };
        open(&config).await.expect("the store can be reached")
    }
}

#[async_trait]
impl ObjectSubject for CosBucket {
    async fn driver_with(&self, transfer: TransferConfig) -> ObjectDriver {
        let config = CosConfig { transfer, ..self.config.clone() };
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
object_subject!(CosBucket, sorts_by_names_alone: true);
