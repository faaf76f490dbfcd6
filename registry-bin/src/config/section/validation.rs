//! What a manifest must fulfil.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a manifest must fulfil.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ValidationConfig {
    /// The opposite of `validation.disabled`, and older. False is the same as no key.
    pub enabled: bool,
    /// Whether the rest of this section is left out of account.
    pub disabled: bool,
    /// Rules for manifests.
    pub manifests: ManifestsConfig,
}

/// Rules for manifests.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ManifestsConfig {
    /// Rules for the URLs of descriptors.
    pub urls: UrlsConfig,
    /// Rules for indexes.
    pub indexes: IndexesConfig,
}

/// Rules for the URLs of descriptors, which say where content is that the registry does not have. Without any rule every
/// URL is welcome; distribution refuses them all then.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UrlsConfig {
    /// Regular expressions of which a URL must match one. Default: none.
    pub allow: Vec<String>,
    /// Regular expressions of which a URL must match none. Default: none.
    pub deny: Vec<String>,
}

/// Rules for indexes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IndexesConfig {
    /// Which of an index's manifests must exist when it is pushed.
    pub platforms: Platforms,
    /// The platforms for which a manifest must exist when `validation.manifests.indexes.platforms` is `list`.
    pub platformlist: Vec<Platform>,
}

/// Which of an index's manifests must exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Platforms {
    /// All.
    #[default]
    All,
    /// None.
    None,
    /// Those for a listed platform.
    List,
}

/// A platform.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Platform {
    /// The architecture, in Go's names: `amd64`.
    pub architecture: String,
    /// The operating system, in Go's names: `linux`.
    pub os: String,
}
