//! The driver for Aliyun OSS.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Variables;
use crate::config::value::Secret;

/// The driver for a bucket of Aliyun OSS.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OssConfig {
    /// The access key. Without one, credentials are found as Aliyun's programs find them: in `ALIBABA_CLOUD_` and `OSS_`
    /// variables, profiles, the role of the machine or of a Kubernetes account.
    pub accesskeyid: Secret,
    /// The secret of the access key.
    pub accesskeysecret: Secret,
    /// The token of a temporary key.
    pub securitytoken: Secret,
    /// The region, such as `cn-hangzhou`; also as `oss-cn-hangzhou`. Required.
    pub region: String,
    /// The address of the bucket: a host, or a URL without a path. Default: Aliyun's for the bucket and the region.
    pub endpoint: String,
    /// The address by which clients reach the bucket when they are sent there: a host, or a URL without a path. Default: with
    /// `internal`, Aliyun's for everybody, otherwise the one by which the registry reaches it.
    pub redirectendpoint: String,
    /// Whether Aliyun is reached by the network of its own machines in the region.
    pub internal: bool,
    /// The bucket, which must exist. Required.
    pub bucket: String,
    /// Whether the store is asked to encrypt objects.
    pub encrypt: bool,
    /// The key of the key management service that objects are encrypted with. Default: the store's own keys.
    pub encryptionkeyid: String,
    /// Whether the store is reached over TLS, where `endpoint` does not say.
    pub secure: bool,
    /// Whether any certificate of the store is taken.
    pub skipverify: bool,
    /// How requests are signed.
    pub signatureversion: OssSignatureVersion,
    /// How many bytes the parts of uploads have: at least 102400. An upload has at most 10000 parts.
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

impl Default for OssConfig {
    fn default() -> Self {
        Self {
            accesskeyid: Secret::default(),
            accesskeysecret: Secret::default(),
            securitytoken: Secret::default(),
            region: String::new(),
            endpoint: String::new(),
            redirectendpoint: String::new(),
            internal: false,
            bucket: String::new(),
            encrypt: false,
            encryptionkeyid: String::new(),
            secure: true,
            skipverify: false,
            signatureversion: OssSignatureVersion::default(),
            chunksize: 10 * 1024 * 1024,
            uploadmemory: 256 * 1024 * 1024,
            multipartcopymaxconcurrency: 16,
            rootdirectory: String::new(),
            environment: Variables::default(),
        }
    }
}

/// How requests to Aliyun OSS are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OssSignatureVersion {
    /// By `OSS4-HMAC-SHA256`.
    #[default]
    V4,
    /// By HMAC-SHA-1, which Aliyun no longer lets new accounts do.
    V1,
}
