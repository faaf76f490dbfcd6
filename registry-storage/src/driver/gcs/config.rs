//! What Google Cloud Storage needs to be told.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use crate::driver::object::TransferConfig;

/// The settings of the driver for Google Cloud Storage, which are distribution's `storage.gcs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcsConfig {
    /// The bucket, which must exist.
    pub bucket: String,
    /// The scheme and authority of the store, such as `http://127.0.0.1:4443` for an emulator.
    pub endpoint: String,
    /// The scheme and authority by which clients reach the store, if these are others.
    pub public_endpoint: Option<String>,
    /// Who the registry is to the store.
    pub credentials: GcsCredentials,
    /// What every name begins with; a `/` at its ends does not count.
    pub root_directory: String,
    /// How bytes go to the store. Parts have from [`Self::MIN_PART_BYTES`] to [`Self::MAX_PART_BYTES`] bytes.
    pub transfer: TransferConfig,
    /// Whether the store has to prove by its certificate who it is. The system's authorities are trusted.
    pub verify_certificate: bool,
}

impl GcsConfig {
    /// The least size of a part, as in distribution.
    pub const MIN_PART_BYTES: u64 = 256 * 1024;
    /// The greatest size of a part.
    pub const MAX_PART_BYTES: u64 = 5 * 1024 * 1024 * 1024;
    /// The size of parts where nothing else is said, as in distribution.
    pub const DEFAULT_PART_BYTES: u64 = 16 * 1024 * 1024;
    /// Where Google has its store.
    pub const DEFAULT_ENDPOINT: &str = "https://storage.googleapis.com";

    /// Returns the settings for a bucket at Google.
    pub fn new(bucket: impl Into<String>, credentials: GcsCredentials) -> Self {
        let transfer = TransferConfig { part_bytes: Self::DEFAULT_PART_BYTES, ..TransferConfig::default() };
        Self {
            bucket: bucket.into(),
            endpoint: Self::DEFAULT_ENDPOINT.to_owned(),
            public_endpoint: None,
            credentials,
            root_directory: String::new(),
            transfer,
            verify_certificate: true,
        }
    }
}

/// Who a registry is to Google Cloud Storage. `Debug` shows no secret.
///
/// A file with a credential is what Google's programs write and read: the key of a service account, an external account
/// (workload identity), an impersonated service account, or a user's own credentials.
#[derive(Clone, PartialEq, Eq)]
pub enum GcsCredentials {
    /// What such a file has, in JSON.
    Json(String),
    /// Such a file. It is read whenever a token is needed.
    File(PathBuf),
    /// Whatever the process is given, in Google's order: the file that `GOOGLE_APPLICATION_CREDENTIALS` names, the one
    /// that `gcloud` leaves, the service account of the machine or of the Kubernetes workload, which the metadata server
    /// gives tokens for.
    Ambient {
        /// The variables of the process.
        variables: HashMap<String, String>,
    },
    /// Nobody, as emulators have it.
    Anonymous,
}

impl fmt::Debug for GcsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(_) => f.write_str("Json"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Ambient { .. } => f.write_str("Ambient"),
            Self::Anonymous => f.write_str("Anonymous"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let variables = [("GOOGLE_APPLICATION_CREDENTIALS".to_owned(), "hidden".to_owned())].into();
        for credentials in [GcsCredentials::Json("hidden".into()), GcsCredentials::Ambient { variables }] {
            let shown = format!("{:?}", GcsConfig::new("b", credentials));
            assert!(!shown.contains("hidden"), "{shown}");
        }
    }
}
