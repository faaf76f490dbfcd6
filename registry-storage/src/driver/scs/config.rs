//! What a store of Sohu's needs to be told.

use std::fmt;

use crate::driver::object::TransferConfig;

/// The settings of the driver for Sohu Cloud Storage, which are those of the Sohu registry.
#[derive(Clone, PartialEq, Eq)]
pub struct ScsConfig {
    /// The bucket, which must exist.
    pub bucket: String,
    /// The scheme and authority of a region, such as `http://bjcnc.scs.sohucs.com`. Where it is not the bucket's own, the store
    /// says which one is.
    pub endpoint: String,
    /// How clients reach that when they are sent there, if not in the same way.
    pub public_endpoint: Option<String>,
    /// The access key, which is no secret.
    pub access_key: String,
    /// The secret key.
    pub secret_key: String,
    /// What every key begins with; a `/` at its ends does not count.
    pub root_directory: String,
    /// How bytes go to the store. A part has at least [`Self::MIN_PART_BYTES`], and an upload at most 10 000 of them. What
    /// the store cannot copy by itself is copied two parts at a time, whatever is said here.
    pub transfer: TransferConfig,
    /// Whether the store has to prove by its certificate who it is. The system's authorities are trusted.
    pub verify_certificate: bool,
}

impl ScsConfig {
    /// The least size of a part, as in the Sohu registry.
    pub const MIN_PART_BYTES: u64 = 5 * 1024 * 1024;
    /// The names of the regions; each has another one for Sohu's own machines, which ends with `-internal`.
    pub const REGIONS: [&str; 4] = ["bjcnc", "bjctc", "shctc", "gzctc"];

    /// Returns the settings for a bucket. Its name counts in lower case, as in the Sohu registry.
    pub fn new(
        bucket: &str,
        endpoint: impl Into<String>,
        access_key: impl Into<String>,
        secret_key: impl Into<String>,
    ) -> Self {
        Self {
            bucket: bucket.to_lowercase(),
            endpoint: endpoint.into(),
            public_endpoint: None,
            access_key: access_key.into(),
            secret_key: secret_key.into(),
            root_directory: String::new(),
            transfer: TransferConfig::default(),
            verify_certificate: true,
        }
    }

    /// Returns the host of a region of Sohu's, `None` if there is no such region.
    pub fn sohu_host(region: &str) -> Option<String> {
        let (name, domain) = match region.strip_suffix("-internal") {
            Some(name) => (name, "scs-in.sohucs.com"),
            None => (region, "scs.sohucs.com"),
        };
        Self::REGIONS.contains(&name).then(|| format!("{name}.{domain}"))
    }
}

impl fmt::Debug for ScsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScsConfig")
            .field("bucket", &self.bucket)
            .field("endpoint", &self.endpoint)
            .field("public_endpoint", &self.public_endpoint)
            .field("access_key", &self.access_key)
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
        let shown = format!("{:?}", ScsConfig::new("Images", "http://h", "AK", "hidden"));
        assert!(shown.contains("\"images\"") && shown.contains("AK") && !shown.contains("hidden"), "{shown}");
    }

    #[test]
    fn a_region_has_a_host() {
        for (region, host) in [
            ("bjcnc", Some("bjcnc.scs.sohucs.com")),
            ("gzctc-internal", Some("gzctc.scs-in.sohucs.com")),
            ("us-east-1", None),
            ("", None),
            ("-internal", None),
        ] {
            assert_eq!(ScsConfig::sohu_host(region).as_deref(), host, "{region}");
        }
    }
}
