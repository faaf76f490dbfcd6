//! The rules.

use std::time::Duration;

use super::Pattern;
use crate::protocol::reference::RepositoryName;

/// What is kept in the repositories that a pattern names.
#[derive(Debug, Clone)]
pub struct RetentionRule {
    /// The repositories that the rule is for.
    pub repositories: Pattern,
    /// The tags that the rule is about; all others stay. `None` is about all.
    pub tags: Option<Pattern>,
    /// Keeps so many of these tags: those that were pushed last.
    pub keep_last: Option<usize>,
    /// Keeps the tags that were pushed within this time.
    pub keep_younger: Option<Duration>,
    /// Keeps the tags that match.
    pub keep_matching: Option<Pattern>,
    /// Deletes manifests that have no tag, that nothing refers to, and that were first pushed longer ago than this.
    pub untagged_older: Option<Duration>,
}

impl RetentionRule {
    /// Makes a rule that deletes nothing.
    pub fn new(repositories: Pattern) -> Self {
        Self {
            repositories,
            tags: None,
            keep_last: None,
            keep_younger: None,
            keep_matching: None,
            untagged_older: None,
        }
    }

    /// Tells whether the rule says which tags stay, so that others go.
    pub fn limits_tags(&self) -> bool {
        self.keep_last.is_some() || self.keep_younger.is_some() || self.keep_matching.is_some()
    }
}

/// All rules, of which the first that is for a repository counts.
#[derive(Debug, Clone, Default)]
pub struct RetentionPolicy {
    /// The rules.
    pub rules: Vec<RetentionRule>,
}

impl RetentionPolicy {
    /// Returns the rule for a repository. Without one, everything stays.
    pub fn rule_for(&self, repository: &RepositoryName) -> Option<&RetentionRule> {
        self.rules.iter().find(|rule| rule.repositories.matches(repository.as_str()))
    }
}
