//! The keys of the configuration: one struct a section.
//!
//! These structs are the only place that says which keys exist. Decoding, the JSON schema, the names of environment
//! variables and the suggestions for misspelt keys all follow from them.

mod auth;
mod azure;
mod bos;
mod cos;
mod database;
mod gcs;
mod health;
mod http;
mod kodo;
mod limit;
mod log;
mod oss;
mod replicate;
mod retention;
mod s3;
mod scs;
mod search;
mod storage;
mod swift;
mod tls;
mod ufile;
mod unsupported;
mod validation;
mod variables;

pub use auth::{AuthConfig, AuthKind, HtpasswdConfig, NoAuthConfig};
pub use azure::{AzureConfig, AzureCredentialsConfig, AzureCredentialsKind};
pub use bos::BosConfig;
pub use cos::CosConfig;
pub use database::{DatabaseConfig, DatabaseTlsConfig, SnapshotsConfig};
pub use gcs::GcsConfig;
pub use health::{FileCheck, HealthConfig, HttpCheck, StorageCheck, TcpCheck};
pub use http::{
    DebugConfig, H2cConfig, Http2Config, HttpConfig, LimitsConfig, Network as HttpNetwork, PrometheusConfig,
};
pub use kodo::{KodoConfig, KodoProtocol};
pub use limit::{CatalogConfig, TagsConfig};
pub use log::{AccessLogConfig, LogConfig, LogFormat, LogLevel};
pub use oss::{OssConfig, OssSignatureVersion};
pub use replicate::ReplicateConfig;
pub use retention::{RetentionConfig, RetentionRuleConfig};
pub use s3::S3Config;
pub use scs::ScsConfig;
pub use search::{SearchBackend, SearchConfig};
pub use storage::{
    BlobDescriptorCache, CacheConfig, DeleteConfig, FilesystemConfig, GarbageCollectionConfig, InMemoryConfig,
    LayoutConfig, MaintenanceConfig, ReadOnlyConfig, RedirectConfig, ScrubConfig, StorageConfig, StorageDriver,
    TagConfig, UploadPurgingConfig,
};
pub use swift::{SwiftConfig, SwiftEndpointType};
pub use tls::{CipherSuite, ClientAuth, MinimumTls, TlsConfig};
pub use ufile::UfileConfig;
pub use unsupported::{MiddlewareConfig, NotificationsConfig, PolicyConfig, ProxyConfig, RedisConfig};
pub use validation::{IndexesConfig, ManifestsConfig, Platform, Platforms, UrlsConfig, ValidationConfig};
pub(crate) use variables::Variables;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::value::{Opaque, Version};

/// Settings of the registry. A key without a value is the same as no key.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The version of the format: `0.1`. Required in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// What is logged, and how.
    pub log: LogConfig,
    /// The older name of `log.level`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loglevel: Option<LogLevel>,
    /// Where the bytes are kept: exactly one driver, and what holds for all of them. The name of a driver alone
    /// selects it with its defaults.
    pub storage: StorageConfig,
    /// Where the metadata are kept.
    pub database: DatabaseConfig,
    /// Who may use the registry: at most one way. The name of a way alone selects it.
    pub auth: AuthConfig,
    /// How the registry is reached.
    pub http: HttpConfig,
    /// What is checked while the registry runs.
    pub health: HealthConfig,
    /// The list of repositories.
    pub catalog: CatalogConfig,
    /// Tags: how many a list has, and for how long is remembered what they pointed to.
    pub tags: TagsConfig,
    /// Which tags and untagged manifests are kept, and which are deleted from time to time.
    pub retention: RetentionConfig,
    /// A copy of the list of repositories for other programs.
    pub search: SearchConfig,
    /// What a manifest must fulfil.
    pub validation: ValidationConfig,
    /// Middleware.
    #[serde(skip_serializing)]
    pub middleware: MiddlewareConfig,
    /// Webhooks.
    #[serde(skip_serializing)]
    pub notifications: NotificationsConfig,
    /// A Redis server.
    #[serde(skip_serializing)]
    pub redis: RedisConfig,
    /// Pulling through from another registry.
    #[serde(skip_serializing)]
    pub proxy: ProxyConfig,
    /// Rules for repositories.
    #[serde(skip_serializing)]
    pub policy: PolicyConfig,
    /// Settings of distribution 2 for schema 1 images. Accepted without effect.
    #[serde(skip_serializing)]
    pub compatibility: Option<Opaque>,
    /// Settings of distribution 2 for crash reporters. Accepted without effect.
    #[serde(skip_serializing)]
    pub reporting: Option<Opaque>,
}

/// Returns the names of those that are there.
fn named(candidates: &[(&'static str, bool)]) -> Vec<&'static str> {
    candidates.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name).collect()
}

/// Reads a section that is there even when it is empty.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
