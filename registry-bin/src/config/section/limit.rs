//! How long lists are.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// How many entries a list has at most when nothing else is said.
const DEFAULT_MAX_ENTRIES: u32 = 1000;

/// The list of repositories.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CatalogConfig {
    /// How many repositories one page has at most. 0 and less are the same as the default.
    #[serde(deserialize_with = "positive_or_default")]
    pub maxentries: u32,
}

impl Default for CatalogConfig {
    fn default() -> Self {
        Self { maxentries: DEFAULT_MAX_ENTRIES }
    }
}

/// The lists of tags.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TagsConfig {
    /// How many tags one page has at most. 0 is the same as the default.
    #[serde(deserialize_with = "zero_is_default")]
    pub maxtags: u32,
}

impl Default for TagsConfig {
    fn default() -> Self {
        Self { maxtags: DEFAULT_MAX_ENTRIES }
    }
}

fn positive_or_default<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let value = i32::deserialize(deserializer)?;
    Ok(u32::try_from(value).ok().filter(|value| *value > 0).unwrap_or(DEFAULT_MAX_ENTRIES))
}

fn zero_is_default<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let value = u32::deserialize(deserializer)?;
    Ok(if value == 0 { DEFAULT_MAX_ENTRIES } else { value })
}
