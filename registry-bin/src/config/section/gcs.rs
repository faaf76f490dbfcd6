//! The driver for Google Cloud Storage.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Variables;
use crate::config::value::SecretDocument;

/// The driver for a bucket of Google Cloud Storage.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GcsConfig {
    /// The bucket, which must exist. Required.
    pub bucket: String,
    /// The file with a credential, such as the key of a service account. Without one, credentials are found as Google's
    /// programs find them: in the file that `GOOGLE_APPLICATION_CREDENTIALS` names, in what `gcloud` leaves, by asking the
    /// machine's metadata server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyfile: Option<PathBuf>,
    /// What such a file has, as a section of the same keys.
    #[serde(skip_serializing_if = "SecretDocument::is_empty")]
    pub credentials: SecretDocument,
    /// The directory in the bucket, in which `docker/registry/v2` is.
    pub rootdirectory: String,
    /// How many bytes the parts of uploads have: a multiple of 262144. An upload has at most 10000 parts.
    pub chunksize: u64,
    /// How many bytes of memory the parts of all uploads take together. Two parts an upload go fastest, one is enough.
    pub uploadmemory: u64,
    /// How many parts of an upload the store is asked to copy or to put together at the same time.
    pub maxconcurrency: u32,
    /// The URL of the store, without a path. An `http://` one, which emulators have, is not told who asks, unless `keyfile`
    /// or `credentials` says so.
    pub endpoint: String,
    /// The URL, without a path, by which clients reach the store when they are sent there. Default: the one by which the
    /// registry reaches it.
    pub redirectendpoint: String,
    /// Whether any certificate of the store is taken.
    pub skipverify: bool,
    /// How the store is told who asks. Accepted without effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub useragent: Option<String>,
    /// What the process is given in its environment.
    #[serde(skip)]
    pub(crate) environment: Variables,
}

impl Default for GcsConfig {
    fn default() -> Self {
        Self {
            bucket: String::new(),
            keyfile: None,
            credentials: SecretDocument::default(),
            rootdirectory: String::new(),
            chunksize: 16 * 1024 * 1024,
            uploadmemory: 256 * 1024 * 1024,
            maxconcurrency: 50,
            endpoint: "https://storage.googleapis.com".to_owned(),
            redirectendpoint: String::new(),
            skipverify: false,
            useragent: None,
            environment: Variables::default(),
        }
    }
}
