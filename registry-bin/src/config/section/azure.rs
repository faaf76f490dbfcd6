//! The driver for Azure.

use registry_storage::driver::azure::AzureConfig as Driver;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Variables;
use crate::config::value::{GoDuration, Secret};

/// The driver for a container of Azure Blob Storage.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AzureConfig {
    /// The storage account. Required.
    pub accountname: String,
    /// One of the account's two keys.
    pub accountkey: Secret,
    /// A shared access signature for the container, instead of a key: with the permissions `racwdl`. When it expires, the
    /// registry has to be started with another one.
    pub sastoken: Secret,
    /// Who the registry is, where it has neither a key nor a signature.
    pub credentials: AzureCredentialsConfig,
    /// The container, which must exist. Required.
    pub container: String,
    /// The domain of the cloud, such as `core.usgovcloudapi.net`.
    pub realm: String,
    /// The address of the account's blob service. Default: the account's in the cloud of `realm`.
    pub serviceurl: String,
    /// The address of the account's blob service by which clients reach it when they are sent there. Default: the one by which
    /// the registry does.
    pub redirectendpoint: String,
    /// Whether any certificate of the service is taken.
    pub skipverify: bool,
    /// How many bytes the blocks of uploads have: at least 1048576. An upload has at most 50000 blocks.
    pub chunksize: u64,
    /// How many bytes of memory the blocks of all uploads take together. Two blocks an upload go fastest, one is enough.
    pub uploadmemory: u64,
    /// The directory in the container, in which `docker/registry/v2` is.
    pub rootdirectory: String,
    /// How often it is asked whether a copy is finished; in distribution `max_retries`, which is taken too. Accepted without
    /// effect.
    #[serde(alias = "max_retries", skip_serializing_if = "Option::is_none")]
    pub maxretries: Option<i64>,
    /// The time between two such questions, a duration; in distribution `retry_delay`, which is taken too. Accepted without effect.
    #[serde(alias = "retry_delay", skip_serializing_if = "Option::is_none")]
    pub retrydelay: Option<GoDuration>,
    /// What the process is given in its environment.
    #[serde(skip)]
    pub(crate) environment: Variables,
}

impl Default for AzureConfig {
    fn default() -> Self {
        Self {
            accountname: String::new(),
            accountkey: Secret::default(),
            sastoken: Secret::default(),
            credentials: AzureCredentialsConfig::default(),
            container: String::new(),
            realm: Driver::PUBLIC_REALM.to_owned(),
            serviceurl: String::new(),
            redirectendpoint: String::new(),
            skipverify: false,
            chunksize: 10 * 1024 * 1024,
            uploadmemory: 256 * 1024 * 1024,
            rootdirectory: String::new(),
            maxretries: None,
            retrydelay: None,
            environment: Variables::default(),
        }
    }
}

/// Who the registry is to Azure.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AzureCredentialsConfig {
    /// How the registry proves it. Default: `shared_key` with `accountkey`, otherwise `default_credentials`: what `AZURE_`
    /// variables say, the workload identity of a Kubernetes account, the managed identity of the machine.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<AzureCredentialsKind>,
    /// The application, for `client_secret`.
    pub clientid: String,
    /// Its tenant.
    pub tenantid: String,
    /// Its secret.
    pub secret: Secret,
}

/// How the registry proves to Azure who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AzureCredentialsKind {
    /// By the account's key.
    SharedKey,
    /// By the secret of an application.
    ClientSecret,
    /// By whatever the process is given.
    DefaultCredentials,
}
