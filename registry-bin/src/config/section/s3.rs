//! The driver for S3.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Variables;
use crate::config::value::Secret;

/// The driver for a bucket of Amazon S3, or of a store that speaks its protocol.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct S3Config {
    /// The access key. Without one, credentials are found as Amazon's programs find them: in `AWS_` variables, profiles,
    /// the web identity of a Kubernetes account, the role of the container or the machine.
    pub accesskey: Secret,
    /// The secret key.
    pub secretkey: Secret,
    /// The session token of temporary keys.
    pub sessiontoken: Secret,
    /// The region. Required.
    pub region: String,
    /// The address of the store: a host, or a URL without a path. Default: Amazon's for the region.
    pub regionendpoint: String,
    /// The address by which clients reach the store when they are sent there: a host, or a URL without a path. Default:
    /// the one by which the registry reaches it.
    pub redirectendpoint: String,
    /// Whether the bucket is named in the path of an address, and not in the host. Default: whether `regionendpoint` is
    /// set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forcepathstyle: Option<bool>,
    /// The bucket, which must exist. Required.
    pub bucket: String,
    /// Whether the store is asked to encrypt objects.
    pub encrypt: bool,
    /// The key of the key management service that objects are encrypted with. Default: the store's own keys.
    pub keyid: String,
    /// Whether a `regionendpoint` without a scheme is reached over TLS.
    pub secure: bool,
    /// Whether any certificate of the store is taken.
    pub skipverify: bool,
    /// The version of signatures: only `true`, which is 4.
    pub v4auth: bool,
    /// How many bytes the parts of uploads have: at least 5242880. An upload has at most 10000 parts.
    pub chunksize: u64,
    /// How many bytes of memory the parts of all uploads take together. Two parts an upload go fastest, one is enough.
    pub uploadmemory: u64,
    /// How many bytes are copied at a time. Accepted without effect: what is copied is copied in parts of `chunksize`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multipartcopychunksize: Option<u64>,
    /// How many parts of an upload the store is asked to copy at the same time.
    pub multipartcopymaxconcurrency: u32,
    /// From which size on copies are made in parts. Accepted without effect, as `multipartcopychunksize`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multipartcopythresholdsize: Option<u64>,
    /// The directory in the bucket, in which `docker/registry/v2` is.
    pub rootdirectory: String,
    /// The storage class of objects, such as `STANDARD`. `NONE`, or nothing: the bucket's own.
    pub storageclass: String,
    /// The canned access control list of objects, such as `private`. Default: the bucket's own.
    pub objectacl: String,
    /// Whether Amazon is reached by IPv6 too.
    pub usedualstack: bool,
    /// Whether Amazon's validated cryptography is used.
    pub usefipsendpoint: bool,
    /// Whether Amazon is reached through its network of edge locations. It takes no `forcepathstyle`.
    pub accelerate: bool,
    /// How the store is told who asks. Accepted without effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub useragent: Option<String>,
    /// What is logged of requests. Accepted without effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loglevel: Option<String>,
    /// What the process is given in its environment.
    #[serde(skip)]
    pub(crate) environment: Variables,
}

impl Default for S3Config {
    fn default() -> Self {
        Self {
            accesskey: Secret::default(),
            secretkey: Secret::default(),
            sessiontoken: Secret::default(),
            region: String::new(),
            regionendpoint: String::new(),
            redirectendpoint: String::new(),
            forcepathstyle: None,
            bucket: String::new(),
            encrypt: false,
            keyid: String::new(),
            secure: true,
            skipverify: false,
            v4auth: true,
            chunksize: 10 * 1024 * 1024,
            uploadmemory: 256 * 1024 * 1024,
            multipartcopychunksize: None,
            multipartcopymaxconcurrency: 16,
            multipartcopythresholdsize: None,
            rootdirectory: String::new(),
            storageclass: String::new(),
            objectacl: String::new(),
            usedualstack: false,
            usefipsendpoint: false,
            accelerate: false,
            useragent: None,
            loglevel: None,
            environment: Variables::default(),
        }
    }
}
