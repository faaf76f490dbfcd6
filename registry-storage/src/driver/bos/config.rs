//! What a Baidu BOS store needs to be told.

use std::fmt;

use crate::driver::object::TransferConfig;

/// The settings of the driver for Baidu BOS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BosConfig {
    /// The bucket, which must exist.
    pub bucket: String,
    /// The scheme and authority of the bucket, such as `https://my-images.bj.bcebos.com`.
    pub endpoint: String,
    /// How clients reach that when they are sent there, if not in the same way.
    pub public_endpoint: Option<String>,
    /// Who the registry is to the store.
    pub credentials: BosCredentials,
    /// What every key begins with; a `/` at its ends does not count.
    pub root_directory: String,
    /// The storage class of objects; without it, the bucket's own.
    pub storage_class: Option<String>,
    /// How bytes go to the store. A part has [`Self::MIN_PART_BYTES`] to [`Self::MAX_PART_BYTES`], and an upload at most
    /// 10 000 of them.
    pub transfer: TransferConfig,
    /// Whether the store has to prove by its certificate who it is. The system's authorities are trusted.
    pub verify_certificate: bool,
}

impl BosConfig {
    /// The least size of a part that BOS takes.
    pub const MIN_PART_BYTES: u64 = 100 * 1024;
    /// The greatest size of a part that BOS takes.
    pub const MAX_PART_BYTES: u64 = 5 * 1024 * 1024 * 1024;

    /// Returns the settings for a bucket in a region, such as `bj`.
    pub fn new(bucket: impl Into<String>, region: &str, credentials: BosCredentials) -> Self {
        let bucket = bucket.into();
        Self {
            endpoint: format!("https://{}", Self::baidu_host(&bucket, region)),
            public_endpoint: None,
            bucket,
            credentials,
            root_directory: String::new(),
            storage_class: None,
            transfer: TransferConfig::default(),
            verify_certificate: true,
        }
    }

    /// Returns where Baidu has a bucket.
    pub fn baidu_host(bucket: &str, region: &str) -> String {
        format!("{bucket}.{region}.bcebos.com")
    }
}

/// Who a registry is to Baidu BOS. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct BosCredentials {
    /// The access key, which is no secret.
    pub access_key: String,
    /// The secret key.
    pub secret_key: String,
    /// The token of temporary keys, as Baidu's STS gives them.
    pub session_token: Option<String>,
}

impl fmt::Debug for BosCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BosCredentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let credentials = BosCredentials {
            access_key: "AK".into(),
            secret_key: "hidden".into(),
            session_token: Some("hidden too".into()),
        };
        let shown = format!("{:?}", BosConfig::new("b", "bj", credentials));
        assert!(shown.contains("AK") && !shown.contains("hidden"), "{shown}");
    }
}
