//! What an S3 store needs to be told.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use crate::driver::object::TransferConfig;

/// The settings of the S3 driver, which are distribution's `storage.s3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Config {
    /// The bucket, which must exist.
    pub bucket: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The scheme and authority of the store, such as `http://127.0.0.1:9000`.
    pub endpoint: String,
    /// The scheme and authority by which clients reach the store, if these are others. The bucket is named as with
    /// `endpoint`.
    pub public_endpoint: Option<String>,
    /// Whether the bucket is named in the path. Otherwise it is the first label of the host's name.
    pub path_style: bool,
    /// Who the registry is to the store.
    pub credentials: S3Credentials,
    /// What every key begins with; a `/` at its ends does not count.
    pub root_directory: String,
    /// How the store encrypts objects, if it is asked to.
    pub encryption: Option<S3Encryption>,
    /// The storage class of objects; without it, the bucket's own.
    pub storage_class: Option<String>,
    /// The canned access control list of objects; without it, the bucket's own.
    pub object_acl: Option<String>,
    /// How bytes go to the store. A part has [`Self::MIN_PART_BYTES`] to [`Self::MAX_PART_BYTES`], and an upload at most
    /// 10 000 of them.
    pub transfer: TransferConfig,
    /// Whether the store has to prove by its certificate who it is. The system's authorities are trusted.
    pub verify_certificate: bool,
}

impl S3Config {
    /// The least size of a part that S3 takes.
    pub const MIN_PART_BYTES: u64 = 5 * 1024 * 1024;
    /// The greatest size of a part that S3 takes.
    pub const MAX_PART_BYTES: u64 = 5 * 1024 * 1024 * 1024;

    /// Returns the settings for a bucket of Amazon's in a region, with credentials that are found in the environment.
    pub fn new(bucket: impl Into<String>, region: impl Into<String>, credentials: S3Credentials) -> Self {
        let region = region.into();
        Self {
            bucket: bucket.into(),
            endpoint: Self::amazon_endpoint(&region, "s3"),
            region,
            public_endpoint: None,
            path_style: false,
            credentials,
            root_directory: String::new(),
            encryption: None,
            storage_class: None,
            object_acl: None,
            transfer: TransferConfig::default(),
            verify_certificate: true,
        }
    }

    /// Returns where Amazon has a region. `service` is `s3`, or that of a variant such as `s3-fips` or `s3.dualstack`.
    pub fn amazon_endpoint(region: &str, service: &str) -> String {
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("https://{service}.{region}.{domain}")
    }
}

/// Who a registry is to a store of S3's family. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub enum S3Credentials {
    /// A key pair.
    Keys {
        /// The access key, which is no secret.
        access_key: String,
        /// The secret key.
        secret_key: String,
        /// The token of temporary keys.
        session_token: Option<String>,
    },
    /// Whatever the process is given, in the vendor's order: with Amazon variables, profiles, the web identity of a Kubernetes
    /// account, the container's or the machine's role.
    Ambient {
        /// The variables of the process, of which those count that the vendor names.
        variables: HashMap<String, String>,
        /// Where `.aws` is.
        home: Option<PathBuf>,
    },
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys { access_key, .. } => {
                f.debug_struct("Keys").field("access_key", access_key).finish_non_exhaustive()
            }
            Self::Ambient { .. } => f.write_str("Ambient"),
        }
    }
}

/// How an S3 store encrypts an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum S3Encryption {
    /// By keys of the store's own.
    Store,
    /// By a key of the key management service: the one named, or the account's.
    Kms(Option<String>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let credentials = S3Credentials::Keys {
            access_key: "AK".into(),
            secret_key: "hidden".into(),
            session_token: Some("hidden too".into()),
        };
        let shown = format!("{:?}", S3Config::new("b", "eu-west-1", credentials));
        assert!(shown.contains("AK") && !shown.contains("hidden"), "{shown}");
        let variables = [("AWS_SECRET_ACCESS_KEY".to_owned(), "hidden".to_owned())].into();
        let shown = format!("{:?}", S3Credentials::Ambient { variables, home: None });
        assert!(!shown.contains("hidden"), "{shown}");
    }

    #[test]
    fn china_has_a_domain_of_its_own() {
        assert_eq!(S3Config::amazon_endpoint("eu-west-1", "s3"), "https://s3.eu-west-1.amazonaws.com");
        assert_eq!(S3Config::amazon_endpoint("cn-north-1", "s3"), "https://s3.cn-north-1.amazonaws.com.cn");
    }
}
