//! Which tags are kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::GoDuration;

/// Which tags and untagged manifests are kept, and which are deleted from time to time.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionConfig {
    /// Whether the server applies the rules. `registry retention` does so in any case.
    pub enabled: bool,
    /// The time between two runs: a duration.
    pub interval: GoDuration,
    /// Whether deletions are only logged.
    pub dryrun: bool,
    /// The rules. For a repository, the first whose pattern its name matches counts, and no other.
    pub rules: Vec<RetentionRuleConfig>,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self { enabled: false, interval: GoDuration::from_secs(24 * 3600), dryrun: false, rules: Vec::new() }
    }
}

/// What is kept in the repositories that a pattern names.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionRuleConfig {
    /// The repositories: a regular expression that the whole name has to match. Required.
    pub repositories: String,
    /// The tags that the rule is about: a regular expression that the whole tag has to match. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<String>,
    /// Keeps so many tags, those that were pushed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keeplast: Option<u32>,
    /// Keeps tags that were pushed within this time: a duration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keepyounger: Option<GoDuration>,
    /// Keeps tags that match as a whole: a regular expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keepmatching: Option<String>,
    /// Deletes manifests without a tag that nothing refers to and that were first pushed longer ago: a duration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untaggedolder: Option<GoDuration>,
}
