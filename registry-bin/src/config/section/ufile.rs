//! The driver for UCloud UFile.

use registry_storage::driver::object::TransferConfig;
use registry_storage::driver::ufile::UfileConfig as Driver;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::Secret;

/// The driver for a bucket of UCloud UFile, now US3, with the keys of the first registry's driver.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UfileConfig {
    /// The URL of the bucket, such as `http://my-images.cn-bj.ufileos.com`. Required.
    #[schemars(extend("x-variable" = "BASEURL"))]
    pub ufile_baseurl: String,
    /// The public key. Required.
    #[schemars(extend("x-variable" = "PUBLIC_KEY"))]
    pub ufile_public_key: Secret,
    /// The private key. Required.
    #[schemars(extend("x-variable" = "PRIVATE_KEY"))]
    pub ufile_private_key: Secret,
    /// How often a request is sent at most: at least 1.
    #[schemars(extend("x-variable" = "RETRIES"))]
    pub ufile_retries: u32,
    /// How many seconds are waited before a request is sent again; each time twice as long, up to 5 s.
    #[schemars(extend("x-variable" = "RETRY_INTERVAL"))]
    pub ufile_retry_interval: u32,
    /// How many seconds an answer may take, besides the time for the body of its request: at least 1.
    #[schemars(extend("x-variable" = "TIMEOUT"))]
    pub ufile_timeout: u32,
    /// The URL by which clients reach the bucket when they are sent there. Default: with a `ufile_baseurl` for UCloud's own
    /// machines, UCloud's for everybody, otherwise `ufile_baseurl`.
    pub redirectendpoint: String,
    /// The bucket, which must exist. Default: what the host of `ufile_baseurl` begins with.
    pub bucket: String,
    /// Whether any certificate of the store is taken.
    pub skipverify: bool,
    /// How many bytes of memory the parts of all uploads take together, each 4194304. Two parts an upload go fastest, one is enough.
    pub uploadmemory: u64,
    /// How many parts of an upload the store is asked to copy at the same time.
    pub multipartcopymaxconcurrency: u32,
    /// The directory in the bucket, in which `docker/registry/v2` is.
    pub rootdirectory: String,
}

impl Default for UfileConfig {
    fn default() -> Self {
        let transfer = TransferConfig::default();
        Self {
            ufile_baseurl: String::new(),
            ufile_public_key: Secret::default(),
            ufile_private_key: Secret::default(),
            ufile_retries: Driver::DEFAULT_ATTEMPTS,
            ufile_retry_interval: Driver::DEFAULT_RETRY_INTERVAL.as_secs() as u32,
            ufile_timeout: Driver::DEFAULT_TIMEOUT.as_secs() as u32,
            redirectendpoint: String::new(),
            bucket: String::new(),
            skipverify: false,
            uploadmemory: transfer.upload_memory_bytes,
            multipartcopymaxconcurrency: transfer.copies_at_once as u32,
            rootdirectory: String::new(),
        }
    }
}
