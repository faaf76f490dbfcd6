//! What a bucket of UCloud's needs to be told.

use std::fmt;
use std::time::Duration;

use crate::driver::object::TransferConfig;

/// The settings of the driver for UCloud UFile, now US3, which are those of the UFile driver of the first registry.
#[derive(Clone, PartialEq, Eq)]
pub struct UfileConfig {
    /// The scheme and authority of the bucket, such as `http://my-images.cn-bj.ufileos.com`.
    pub base_url: String,
    /// How clients reach that when they are sent there, if not in the same way.
    pub public_url: Option<String>,
    /// The bucket, which must exist.
    pub bucket: String,
    /// The public key, which is no secret.
    pub public_key: String,
    /// The private key.
    pub private_key: String,
    /// How often a request is sent at most; 0 counts as 1.
    pub attempts: u32,
    /// How long is waited before a request is sent again; each time longer.
    pub retry_interval: Duration,
    /// How long an answer may take, besides the time for the body of its request.
    pub timeout: Duration,
    /// What every key begins with; a `/` at its ends does not count.
    pub root_directory: String,
    /// How bytes go to the store. The size of parts is the store's own, [`Self::PART_BYTES`], whatever is said here.
    pub transfer: TransferConfig,
    /// Whether the store has to prove by its certificate who it is. The system's authorities are trusted.
    pub verify_certificate: bool,
}

impl UfileConfig {
    /// The size of all parts of an upload but the last.
    pub const PART_BYTES: u64 = 4 * 1024 * 1024;
    /// How often a request is sent where nothing else is said.
    pub const DEFAULT_ATTEMPTS: u32 = 3;
    /// How long is waited where nothing else is said.
    pub const DEFAULT_RETRY_INTERVAL: Duration = Duration::from_secs(1);
    /// How long an answer may take where nothing else is said.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

    /// Returns the URL by which everybody reaches a bucket whose URL is one for UCloud's own machines.
    pub fn ucloud_public_url(base_url: &str) -> Option<String> {
        base_url.contains(".internal-").then(|| base_url.replacen(".internal-", ".", 1))
    }

    /// Returns the settings for the bucket that a URL's host begins with.
    pub fn new(base_url: impl Into<String>, public_key: impl Into<String>, private_key: impl Into<String>) -> Self {
        let base_url = base_url.into();
        let host = base_url.split_once("://").map_or(base_url.as_str(), |(_, host)| host);
        let bucket = host.split(['.', ':', '/']).next().unwrap_or_default().to_owned();
        Self {
            base_url,
            public_url: None,
            bucket,
            public_key: public_key.into(),
            private_key: private_key.into(),
            attempts: Self::DEFAULT_ATTEMPTS,
            retry_interval: Self::DEFAULT_RETRY_INTERVAL,
            timeout: Self::DEFAULT_TIMEOUT,
            root_directory: String::new(),
            transfer: TransferConfig::default(),
            verify_certificate: true,
        }
    }
}

impl fmt::Debug for UfileConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UfileConfig")
            .field("base_url", &self.base_url)
            .field("public_url", &self.public_url)
            .field("bucket", &self.bucket)
            .field("public_key", &self.public_key)
            .field("attempts", &self.attempts)
            .field("retry_interval", &self.retry_interval)
            .field("timeout", &self.timeout)
            .field("root_directory", &self.root_directory)
            .field("transfer", &self.transfer)
            .field("verify_certificate", &self.verify_certificate)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", UfileConfig::new("http://images.cn-bj.ufileos.com", "PUBLIC", "hidden"));
        assert!(shown.contains("PUBLIC") && !shown.contains("hidden"), "{shown}");
    }

    #[test]
    fn a_host_begins_with_the_bucket() {
        for url in
            ["http://images.ufile.ucloud.cn", "https://images.cn-bj.ufileos.com/", "images.h", "http://images:80"]
        {
            assert_eq!(UfileConfig::new(url, "", "").bucket, "images", "{url}");
        }
    }
}
