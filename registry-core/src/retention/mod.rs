//! Which tags and untagged manifests are to go: rules, and what follows from them. Pure; the operation that goes through
//! a registry is [`Registry::apply_retention`](crate::Registry::apply_retention).
//!
//! For a repository, the first rule whose pattern its name matches counts, and no other. Of the tags that the rule is
//! about, those go that nothing in it keeps; a rule that keeps nothing in particular lets all tags stay.

mod pattern;
mod plan;
mod rule;

pub use pattern::{Pattern, PatternError};
pub use plan::{KeptTags, TagPlan};
pub use rule::{RetentionPolicy, RetentionRule};
