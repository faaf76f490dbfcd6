//! A bucket of OSS to test with.

use async_trait::async_trait;
use bytes::Bytes;
use registry_storage::driver::object::{ObjectDriver, TransferConfig};
use registry_storage::driver::oss::{OssConfig, OssSignature, open};
use registry_storage::driver::s3::S3Credentials;

use super::signature;
use crate::object::subject::{ObjectSubject, object_subject};
use crate::object::translator::{Documents, Translator, Vendor};
use crate::subject::{Bucket, s3};

pub(super) const ACCESS_KEY: &str = "ossaccess";
pub(super) const SECRET_KEY: &str = "osssecret";
pub(super) const BUCKET: &str = "images";
pub(super) const REGION: &str = "cn-hangzhou";

const OSS: Vendor = Vendor {
    prefix: "x-oss-",
    verify: signature::verify,
    own_metadata: "REPLACE",
    copy_source: |_| format!("/{BUCKET}"),
    asks_for_strict_ranges: true,
    is_quiet: true,
    documents: Some(Documents { request: Some, answer: document }),
};

/// The documents of OSS have no namespace, milliseconds, and say of what type objects are.
fn document(body: Bytes) -> Bytes {
    match std::str::from_utf8(&body) {
        Ok(text) if text.starts_with('<') => {
            let text = text.replace(" xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"", "");
            let text = text.replace("Z</LastModified>", ".000Z</LastModified>");
            text.replace("</Contents>", "<Type>Normal</Type></Contents>").into()
        }
        _ => body,
    }
}

/// A part of a bucket of its own.
pub(crate) struct OssBucket {
    pub(super) config: OssConfig,
    /// The same part, by Amazon's protocol.
    bucket: Bucket,
    _translator: Translator,
}

pub(crate) async fn signed_by_v4() -> OssBucket {
    OssBucket::new(OssSignature::V4).await
}

pub(crate) async fn signed_by_v1() -> OssBucket {
    OssBucket::new(OssSignature::V1).await
}

impl OssBucket {
    async fn new(signature: OssSignature) -> Self {
        let bucket = s3().await;
        let translator = Translator::start(OSS, &bucket.0).await;
        let (access_key, secret_key) = (ACCESS_KEY.into(), SECRET_KEY.into());
        let credentials = S3Credentials::Keys { access_key, secret_key, session_token: None };
        let mut config = OssConfig::new(BUCKET, REGION, credentials);
        config.endpoint = translator.endpoint();
        config.root_directory.clone_from(&bucket.0.root_directory);
        config.signature = signature;
        Self { config, bucket, _translator: translator }
    }

    /// Opens a driver that goes to the bucket by another address.
    pub(super) async fn driver_by(&self, endpoint: String) -> ObjectDriver {
        let transfer = TransferConfig { part_bytes: self.part_bytes() as u64, ..TransferConfig::default() };
        let config = OssConfig { endpoint, transfer, ..self.config.clone() };
        open(&config).await.expect("the store can be reached")
    }
}

#[async_trait]
impl ObjectSubject for OssBucket {
    async fn driver_with(&self, transfer: TransferConfig) -> ObjectDriver {
        let config = OssConfig { transfer, ..self.config.clone() };
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
object_subject!(OssBucket, sorts_by_names_alone: true);
