//! The driver for Baidu BOS.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::Secret;

/// The driver for a bucket of Baidu BOS.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BosConfig {
    /// The access key. Required.
    pub accesskey: Secret,
    /// The secret key. Required.
    pub secretkey: Secret,
    /// The token of a temporary key.
    pub sessiontoken: Secret,
    /// The region, such as `bj`. Required.
    pub region: String,
    /// The address of the bucket: a host, or a URL without a path. Default: Baidu's for the bucket and the region.
    pub endpoint: String,
    /// The address by which clients reach the bucket when they are sent there: a host, or a URL without a path. Default: the one
    /// by which the registry reaches it.
    pub redirectendpoint: String,
    /// The bucket, which must exist. Required.
    pub bucket: String,
    /// The storage class of objects, such as `STANDARD`. Default: the bucket's own.
    pub storageclass: String,
    /// Whether the store is reached over TLS, where `endpoint` does not say.
    pub secure: bool,
    /// Whether any certificate of the store is taken.
    pub skipverify: bool,
    /// How many bytes the parts of uploads have: at least 102400. An upload has at most 10000 parts.
    pub chunksize: u64,
    /// How many bytes of memory the parts of all uploads take together. Two parts an upload go fastest, one is enough.
    pub uploadmemory: u64,
    /// How many parts of an upload the store is asked to copy at the same time.
    pub multipartcopymaxconcurrency: u32,
    /// The directory in the bucket, in which `docker/registry/v2` is.
    pub rootdirectory: String,
}

impl Default for BosConfig {
    fn default() -> Self {
        Self {
            accesskey: Secret::default(),
            secretkey: Secret::default(),
            sessiontoken: Secret::default(),
            region: String::new(),
            endpoint: String::new(),
            redirectendpoint: String::new(),
            bucket: String::new(),
            storageclass: String::new(),
            secure: true,
            skipverify: false,
            chunksize: 10 * 1024 * 1024,
            uploadmemory: 256 * 1024 * 1024,
            multipartcopymaxconcurrency: 16,
            rootdirectory: String::new(),
        }
    }
}
