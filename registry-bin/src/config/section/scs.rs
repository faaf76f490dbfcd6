//! The driver for Sohu Cloud Storage.

use registry_storage::driver::object::TransferConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::Secret;

/// The driver for a bucket of Sohu Cloud Storage, with the keys of the Sohu registry.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScsConfig {
    /// The access key. Required.
    pub accesskey: Secret,
    /// The secret key. Required.
    pub secretkey: Secret,
    /// The region: `bjcnc`, `bjctc`, `shctc` or `gzctc`, on Sohu's own machines with `-internal` behind it. Required unless
    /// there is an `endpoint`.
    pub region: String,
    /// The address of the store: a host, or a URL without a path. Default: Sohu's for the region.
    pub endpoint: String,
    /// The address by which clients reach the store when they are sent there: a host, or a URL without a path. Default: with
    /// a region for Sohu's own machines, Sohu's for everybody, otherwise the one by which the registry reaches it.
    pub redirectendpoint: String,
    /// The bucket, which must exist. Capitals count as small letters. Required.
    pub bucket: String,
    /// Whether the store is reached over TLS, where `endpoint` does not say. Sohu's own programs do not know that.
    pub secure: bool,
    /// Whether any certificate of the store is taken.
    pub skipverify: bool,
    /// How many bytes the parts of uploads have: at least 5242880. An upload has at most 10000 parts.
    pub chunksize: u64,
    /// How many bytes of memory the parts of all uploads take together. Two parts an upload go fastest, one is enough.
    pub uploadmemory: u64,
    /// The directory in the bucket, in which `docker/registry/v2` is.
    pub rootdirectory: String,
}

impl Default for ScsConfig {
    fn default() -> Self {
        let transfer = TransferConfig::default();
        Self {
            accesskey: Secret::default(),
            secretkey: Secret::default(),
            region: String::new(),
            endpoint: String::new(),
            redirectendpoint: String::new(),
            bucket: String::new(),
            secure: false,
            skipverify: false,
            chunksize: transfer.part_bytes,
            uploadmemory: transfer.upload_memory_bytes,
            rootdirectory: String::new(),
        }
    }
}
