//! The driver for Qiniu Kodo.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::Secret;

/// The driver for a bucket of Qiniu Kodo.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KodoConfig {
    /// The access key. Required.
    pub accesskey: Secret,
    /// The secret key. Required.
    pub secretkey: Secret,
    /// The bucket, which must exist. Required. With `protocol: s3` it is the name that the S3 endpoint has for it.
    pub bucket: String,
    /// How the store is spoken to.
    pub protocol: KodoProtocol,
    /// The region, such as `cn-east-1`. Only with `protocol: s3`, and required there.
    pub region: String,
    /// The address of the S3 endpoint: a host, or a URL without a path. Only with `protocol: s3`. Default: Qiniu's for the
    /// region.
    pub endpoint: String,
    /// The host that is asked which hosts have the bucket, or its URL. Not asked for is what `uphost`, `rshost`, `rsfhost` and
    /// `domain` say. All five only with `protocol: native`.
    pub uchost: String,
    /// The host that takes uploads.
    pub uphost: String,
    /// The host that looks at objects, copies and deletes them.
    pub rshost: String,
    /// The host that lists objects.
    pub rsfhost: String,
    /// The domain of the bucket that objects are read at, which must not cache them.
    pub domain: String,
    /// The address by which clients reach the bucket when they are sent there: a host, or a URL without a path. With `protocol:
    /// native` a domain of the bucket, with `protocol: s3` an S3 endpoint. Default: the one at which the registry reads.
    pub redirectendpoint: String,
    /// Whether the store is reached over TLS, where an address does not say.
    pub secure: bool,
    /// Whether any certificate of the store is taken.
    pub skipverify: bool,
    /// How many bytes the parts of uploads have: at least 1048576, and 5242880 with `protocol: s3`. An upload has at most 10000
    /// parts.
    pub chunksize: u64,
    /// How many bytes of memory the parts of all uploads take together. Two parts an upload go fastest, one is enough.
    pub uploadmemory: u64,
    /// How many parts of an upload are copied at the same time.
    pub multipartcopymaxconcurrency: u32,
    /// The directory in the bucket, in which `docker/registry/v2` is.
    pub rootdirectory: String,
}

impl Default for KodoConfig {
    fn default() -> Self {
        Self {
            accesskey: Secret::default(),
            secretkey: Secret::default(),
            bucket: String::new(),
            protocol: KodoProtocol::default(),
            region: String::new(),
            endpoint: String::new(),
            uchost: "uc.qiniuapi.com".to_owned(),
            uphost: String::new(),
            rshost: String::new(),
            rsfhost: String::new(),
            domain: String::new(),
            redirectendpoint: String::new(),
            secure: true,
            skipverify: false,
            chunksize: 10 * 1024 * 1024,
            uploadmemory: 256 * 1024 * 1024,
            multipartcopymaxconcurrency: 16,
            rootdirectory: String::new(),
        }
    }
}

/// How Qiniu Kodo is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KodoProtocol {
    /// By its own protocol.
    #[default]
    Native,
    /// By its S3 endpoint.
    S3,
}
