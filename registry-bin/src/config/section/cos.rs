//! The driver for Tencent COS.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Variables;
use crate::config::value::Secret;

/// The driver for a bucket of Tencent COS.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CosConfig {
    /// The id of the key. Without one, credentials are found in `TENCENTCLOUD_` variables, or by the role of a Kubernetes
    /// account.
    pub secretid: Secret,
    /// The key.
    pub secretkey: Secret,
    /// The token of a temporary key.
    pub token: Secret,
    /// The region, such as `ap-guangzhou`. Required.
    pub region: String,
    /// The address of the bucket: a host, or a URL without a path. Default: Tencent's for the bucket and the region.
    pub endpoint: String,
    /// The address by which clients reach the bucket when they are sent there: a host, or a URL without a path. Default:
    /// the one by which the registry reaches it.
    pub redirectendpoint: String,
    /// The bucket, which must exist, with the number of the account: `my-images-1250000000`. Required.
    pub bucket: String,
    /// Whether the store is asked to encrypt objects.
    pub encrypt: bool,
    /// The key of the key management service that objects are encrypted with. Default: the store's own keys.
    pub encryptionkeyid: String,
    /// The storage class of objects, such as `STANDARD`. Default: the bucket's own.
    pub storageclass: String,
    /// Whether the store is reached over TLS, where `endpoint` does not say.
    pub secure: bool,
    /// Whether any certificate of the store is taken.
    pub skipverify: bool,
    /// How many bytes the parts of uploads have: at least 1048576. An upload has at most 10000 parts.
    pub chunksize: u64,
    /// How many bytes of memory the parts of all uploads take together. Two parts an upload go fastest, one is enough.
    pub uploadmemory: u64,
    /// How many parts of an upload the store is asked to copy at the same time.
    pub multipartcopymaxconcurrency: u32,
    /// The directory in the bucket, in which `docker/registry/v2` is.
    pub rootdirectory: String,
    /// What the process is given in its environment.
    #[serde(skip)]
    pub(crate) environment: Variables,
}

impl Default for CosConfig {
    fn default() -> Self {
        Self {
            secretid: Secret::default(),
            secretkey: Secret::default(),
            token: Secret::default(),
            region: String::new(),
            endpoint: String::new(),
            redirectendpoint: String::new(),
            bucket: String::new(),
            encrypt: false,
            encryptionkeyid: String::new(),
            storageclass: String::new(),
            secure: true,
            skipverify: false,
            chunksize: 10 * 1024 * 1024,
            uploadmemory: 256 * 1024 * 1024,
            multipartcopymaxconcurrency: 16,
            rootdirectory: String::new(),
            environment: Variables::default(),
        }
    }
}
