//! What an Aliyun OSS store needs to be told.

use crate::driver::object::TransferConfig;
use crate::driver::s3::{S3Credentials, S3Encryption};

/// The settings of the driver for Aliyun OSS, which are distribution's `storage.oss`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OssConfig {
    /// The bucket, which must exist.
    pub bucket: String,
    /// The region, such as `cn-hangzhou`.
    pub region: String,
    /// The scheme and authority of the bucket, such as `https://my-images.oss-cn-hangzhou.aliyuncs.com`.
    pub endpoint: String,
    /// The scheme and authority by which clients reach the bucket, if these are others.
    pub public_endpoint: Option<String>,
    /// How requests are signed.
    pub signature: OssSignature,
    /// Who the registry is to the store.
    pub credentials: S3Credentials,
    /// What every key begins with; a `/` at its ends does not count.
    pub root_directory: String,
    /// How the store encrypts objects, if it is asked to.
    pub encryption: Option<S3Encryption>,
    /// How bytes go to the store. A part has [`Self::MIN_PART_BYTES`] to 5 GiB, and an upload at most 10 000 of them.
    pub transfer: TransferConfig,
    /// Whether the store has to prove by its certificate who it is. The system's authorities are trusted.
    pub verify_certificate: bool,
}

/// How requests to Aliyun OSS are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OssSignature {
    /// By HMAC-SHA-256 with a key for the day and the region (`OSS4-HMAC-SHA256`).
    #[default]
    V4,
    /// By HMAC-SHA-1, which Aliyun no longer lets new accounts do.
    V1,
}

impl OssConfig {
    /// The least size of a part that OSS takes.
    pub const MIN_PART_BYTES: u64 = 100 * 1024;

    /// Returns the settings for a bucket of Aliyun's in a region, which may be named as in `oss-cn-hangzhou`.
    pub fn new(bucket: impl Into<String>, region: &str, credentials: S3Credentials) -> Self {
        let (bucket, region) = (bucket.into(), region.strip_prefix("oss-").unwrap_or(region));
        Self {
            endpoint: format!("https://{}", Self::aliyun_host(&bucket, region, false)),
            public_endpoint: None,
            bucket,
            region: region.to_owned(),
            signature: OssSignature::default(),
            credentials,
            root_directory: String::new(),
            encryption: None,
            transfer: TransferConfig::default(),
            verify_certificate: true,
        }
    }

    /// Returns where Aliyun has a bucket: for everybody, or for its own machines in the region.
    pub fn aliyun_host(bucket: &str, region: &str, internal: bool) -> String {
        let suffix = if internal { "-internal" } else { "" };
        format!("{bucket}.oss-{region}{suffix}.aliyuncs.com")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_named_in_two_ways() {
        let credentials = S3Credentials::Ambient { variables: Default::default(), home: None };
        let [one, other] = ["cn-hangzhou", "oss-cn-hangzhou"].map(|r| OssConfig::new("b", r, credentials.clone()));
        assert_eq!(one, other);
        assert_eq!(one.endpoint, "https://b.oss-cn-hangzhou.aliyuncs.com");
        let internal = OssConfig::aliyun_host("b", "cn-hangzhou", true);
        assert_eq!(internal, "b.oss-cn-hangzhou-internal.aliyuncs.com");
    }
}
