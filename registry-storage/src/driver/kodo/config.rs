//! What a Qiniu Kodo store needs to be told.

use std::fmt;

use crate::driver::object::TransferConfig;

/// The settings of the driver for Qiniu Kodo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KodoConfig {
    /// The bucket, which must exist.
    pub bucket: String,
    /// Who the registry is to the store.
    pub credentials: KodoCredentials,
    /// Where the store is asked which hosts have the bucket: a scheme and an authority. Those hosts are spoken to by the
    /// same scheme.
    pub discovery: String,
    /// Which hosts have the bucket, as far as the store is not asked.
    pub hosts: KodoHosts,
    /// The domain of the bucket, with its scheme, that clients are sent to, if not the one that the registry reads at.
    pub public_domain: Option<String>,
    /// What every key begins with; a `/` at its ends does not count.
    pub root_directory: String,
    /// How bytes go to the store. A part has [`Self::MIN_PART_BYTES`] to [`Self::MAX_PART_BYTES`], and an upload at most
    /// 10 000 of them.
    pub transfer: TransferConfig,
    /// Whether the store has to prove by its certificate who it is. The system's authorities are trusted.
    pub verify_certificate: bool,
}

impl KodoConfig {
    /// The least size of a part that Kodo takes.
    pub const MIN_PART_BYTES: u64 = 1024 * 1024;
    /// The greatest size of a part that Kodo takes.
    pub const MAX_PART_BYTES: u64 = 1024 * 1024 * 1024;
    /// Where Qiniu says which hosts have a bucket.
    pub const DEFAULT_DISCOVERY: &str = "https://uc.qiniuapi.com";

    /// Returns the settings for a bucket at Qiniu.
    pub fn new(bucket: impl Into<String>, credentials: KodoCredentials) -> Self {
        Self {
            bucket: bucket.into(),
            credentials,
            discovery: Self::DEFAULT_DISCOVERY.to_owned(),
            hosts: KodoHosts::default(),
            public_domain: None,
            root_directory: String::new(),
            transfer: TransferConfig::default(),
            verify_certificate: true,
        }
    }

    /// Returns where Qiniu has the S3 endpoint of a region, such as `cn-east-1`.
    pub fn s3_host(region: &str) -> String {
        format!("s3.{region}.qiniucs.com")
    }
}

/// The hosts that have a bucket, each with its scheme, such as `https://up-z0.qiniup.com`. The store is asked for those that
/// are not named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KodoHosts {
    /// The one that takes uploads.
    pub up: Option<String>,
    /// The one that looks at objects, copies and deletes them.
    pub rs: Option<String>,
    /// The one that lists them.
    pub rsf: Option<String>,
    /// The domain of the bucket that they are read at. A cache there would show what was replaced.
    pub domain: Option<String>,
}

/// Who a registry is to Qiniu Kodo. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct KodoCredentials {
    /// The access key, which is no secret.
    pub access_key: String,
    /// The secret key.
    pub secret_key: String,
}

impl fmt::Debug for KodoCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KodoCredentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let credentials = KodoCredentials { access_key: "AK".into(), secret_key: "hidden".into() };
        let shown = format!("{:?}", KodoConfig::new("b", credentials));
        assert!(shown.contains("AK") && !shown.contains("hidden"), "{shown}");
    }
}
