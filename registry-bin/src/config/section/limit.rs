//! How long lists are, and what is remembered of tags.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::config::value::GoDuration;

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

/// Tags: how many a list has, and for how long is remembered what they pointed to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TagsConfig {
    /// How many tags one page has at most. 0 is the same as the default.
    #[serde(deserialize_with = "zero_is_default")]
    pub maxtags: u32,
    /// How long it can be undone that a tag moved or was deleted: a duration. What can be restored is kept; 0 remembers
    /// nothing.
    pub history: GoDuration,
}

impl Default for TagsConfig {
    fn default() -> Self {
        Self { maxtags: DEFAULT_MAX_ENTRIES, history: GoDuration::from_secs(7 * 24 * 3600) }
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
