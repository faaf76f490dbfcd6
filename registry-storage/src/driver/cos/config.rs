//! What a Tencent COS store needs to be told.

use crate::driver::object::TransferConfig;
use crate::driver::s3::{S3Credentials, S3Encryption};

/// The settings of the driver for Tencent COS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosConfig {
    /// The bucket, which must exist, with the number of the account: `my-images-1250000000`.
    pub bucket: String,
    /// The scheme and authority of the bucket, such as `https://my-images-1250000000.cos.ap-guangzhou.myqcloud.com`.
    pub endpoint: String,
    /// The scheme and authority by which clients reach the bucket, if these are others.
    pub public_endpoint: Option<String>,
    /// Who the registry is to the store.
    pub credentials: S3Credentials,
    /// What every key begins with; a `/` at its ends does not count.
    pub root_directory: String,
    /// How the store encrypts objects, if it is asked to.
    pub encryption: Option<S3Encryption>,
    /// The storage class of objects; without it, the bucket's own.
    pub storage_class: Option<String>,
    /// How bytes go to the store. A part has [`Self::MIN_PART_BYTES`] to 5 GiB, and an upload at most 10 000 of them.
    pub transfer: TransferConfig,
    /// Whether the store has to prove by its certificate who it is. The system's authorities are trusted.
    pub verify_certificate: bool,
}

impl CosConfig {
    /// The least size of a part that COS takes.
    pub const MIN_PART_BYTES: u64 = 1024 * 1024;

    /// Returns the settings for a bucket in a region, such as `ap-guangzhou`.
    pub fn new(bucket: impl Into<String>, region: &str, credentials: S3Credentials) -> Self {
        let bucket = bucket.into();
        Self {
            endpoint: format!("https://{}", Self::tencent_host(&bucket, region)),
            public_endpoint: None,
            bucket,
            credentials,
            root_directory: String::new(),
            encryption: None,
            storage_class: None,
            transfer: TransferConfig::default(),
            verify_certificate: true,
        }
    }

    /// Returns where Tencent has a bucket.
    pub fn tencent_host(bucket: &str, region: &str) -> String {
        format!("{bucket}.cos.{region}.myqcloud.com")
    }
}
