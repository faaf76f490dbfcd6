//! From a rule and the tags of a repository to those that stay.
//!
//! Tags are looked at twice: first to find out which were pushed last, then to decide. So no more than those are ever held,
//! whatever the number of tags.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::RetentionRule;
use crate::protocol::reference::Tag;
use crate::store::Timestamp;
use crate::store::removal::TagRecord;

/// Looks at all tags of a repository once.
#[derive(Debug)]
pub struct TagPlan<'a> {
    rule: &'a RetentionRule,
    now: Timestamp,
    /// Those that were pushed last; the earliest of them on top.
    last: BinaryHeap<Reverse<(Timestamp, Tag)>>,
}

/// Knows which tags of a repository stay.
#[derive(Debug)]
pub struct KeptTags<'a> {
    rule: &'a RetentionRule,
    now: Timestamp,
    /// The earliest of those that were pushed last.
    first_of_last: Option<(Timestamp, Tag)>,
}

impl<'a> TagPlan<'a> {
    /// Begins a plan by a rule.
    pub fn new(rule: &'a RetentionRule, now: Timestamp) -> Self {
        Self { rule, now, last: BinaryHeap::new() }
    }

    /// Looks at a tag.
    pub fn see(&mut self, tag: &TagRecord) {
        let limit = self.rule.keep_last.unwrap_or(0);
        if limit == 0 || !self.rule.is_about(&tag.tag) {
            return;
        }
        self.last.push(Reverse((tag.updated_at, tag.tag.clone())));
        if self.last.len() > limit {
            self.last.pop();
        }
    }

    /// Ends the first look.
    pub fn finish(mut self) -> KeptTags<'a> {
        KeptTags { rule: self.rule, now: self.now, first_of_last: self.last.pop().map(|Reverse(first)| first) }
    }
}

impl KeptTags<'_> {
    /// Tells whether a tag stays. One that was pushed since it was first looked at does.
    pub fn keep(&self, tag: &TagRecord) -> bool {
        let rule = self.rule;
        let is_last =
            || self.first_of_last.as_ref().is_some_and(|(date, name)| (tag.updated_at, &tag.tag) >= (*date, name));
        !rule.limits_tags()
            || !rule.is_about(&tag.tag)
            || is_last()
            || rule.keep_younger.is_some_and(|age| tag.updated_at > self.now.minus(age))
            || rule.keep_matching.as_ref().is_some_and(|pattern| pattern.matches(tag.tag.as_str()))
            || tag.updated_at > self.now
    }
}

impl RetentionRule {
    fn is_about(&self, tag: &Tag) -> bool {
        self.tags.as_ref().is_none_or(|pattern| pattern.matches(tag.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::protocol::digest::{Algorithm, Digest};
    use crate::retention::Pattern;

    const NOW: Timestamp = Timestamp::from_micros(10_000_000);

    fn rule() -> RetentionRule {
        RetentionRule::new(pattern(".*"))
    }

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).unwrap()
    }

    /// Returns which of the tags, each pushed so many seconds ago, stay.
    fn kept<'t>(rule: &RetentionRule, tags: &[(&'t str, i64)]) -> Vec<&'t str> {
        let record = |(name, age): (&str, i64)| TagRecord {
            tag: name.parse().unwrap(),
            digest: Digest::of(Algorithm::Sha256, b""),
            updated_at: Timestamp::from_micros(NOW.as_micros() - age * 1_000_000),
        };
        let mut plan = TagPlan::new(rule, NOW);
        tags.iter().for_each(|tag| plan.see(&record(*tag)));
        let kept = plan.finish();
        tags.iter().filter(|tag| kept.keep(&record(**tag))).map(|(name, _)| *name).collect()
    }

    const TAGS: [(&str, i64); 5] = [("1", 5), ("2", 4), ("3", 3), ("latest", 2), ("nightly", 1)];

    #[test]
    fn a_rule_that_keeps_nothing_in_particular_keeps_all() {
        assert_eq!(kept(&rule(), &TAGS).len(), 5);
        let about_numbers = RetentionRule { tags: Some(pattern("[0-9]+")), ..rule() };
        assert_eq!(kept(&about_numbers, &TAGS).len(), 5);
    }

    #[test]
    fn the_last_stay() {
        let last = |count| RetentionRule { keep_last: Some(count), ..rule() };
        assert_eq!(kept(&last(2), &TAGS), ["latest", "nightly"]);
        assert_eq!(kept(&last(0), &TAGS), [""; 0]);
        assert_eq!(kept(&last(9), &TAGS).len(), 5);
        assert_eq!(kept(&last(1), &[("a", 1), ("b", 1), ("c", 1)]), ["c"], "of the same age, one");
    }

    #[test]
    fn the_last_are_counted_among_those_that_the_rule_is_about() {
        let rule = RetentionRule { tags: Some(pattern("[0-9]+")), keep_last: Some(1), ..rule() };
        assert_eq!(kept(&rule, &TAGS), ["3", "latest", "nightly"]);
    }

    #[test]
    fn the_young_stay() {
        let rule = RetentionRule { keep_younger: Some(Duration::from_secs(3)), ..rule() };
        assert_eq!(kept(&rule, &TAGS), ["latest", "nightly"]);
    }

    #[test]
    fn what_matches_stays_and_one_reason_is_enough() {
        let matching = RetentionRule { keep_matching: Some(pattern("latest|1")), ..rule() };
        assert_eq!(kept(&matching, &TAGS), ["1", "latest"]);
        let either = RetentionRule { keep_last: Some(1), ..matching };
        assert_eq!(kept(&either, &TAGS), ["1", "latest", "nightly"]);
    }

    #[test]
    fn what_was_pushed_since_stays() {
        let rule = RetentionRule { keep_last: Some(0), ..rule() };
        assert_eq!(kept(&rule, &[("new", -1), ("old", 1)]), ["new"]);
    }
}
