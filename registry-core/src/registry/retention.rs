//! Retention: delete what the rules do not keep.

use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::Registry;
use crate::error::RegistryResult;
use crate::protocol::digest::Digest;
use crate::protocol::reference::{RepositoryName, Tag};
use crate::retention::{KeptTags, RetentionPolicy, RetentionRule, TagPlan};
use crate::store::Timestamp;
use crate::store::links::Link;
use crate::store::removal::TagRecord;

/// How many repositories, tags or manifests are looked at in one query.
const BATCH: usize = 500;
/// How many are deleted side by side, so that they can share the sync of a commit.
const AT_ONCE: usize = 16;

/// Whether what the rules do not keep is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetentionMode {
    /// It is only reported.
    DryRun,
    /// It is deleted.
    Delete,
}

/// Something that the rules do not keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unkept<'a> {
    /// A tag.
    Tag(&'a RepositoryName, &'a Tag),
    /// A manifest without a tag.
    Manifest(&'a RepositoryName, &'a Digest),
}

/// What came of the rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetentionReport {
    /// Repositories that there is a rule for.
    pub repositories: u64,
    /// Tags that were deleted, or would be.
    pub tags: u64,
    /// Manifests without a tag that were deleted, or would be.
    pub manifests: u64,
}

impl Registry {
    /// Goes through all repositories and deletes what the rules do not keep, or only finds out what that is. `report` hears
    /// of each.
    ///
    /// A tag that is pushed meanwhile stays, and so does a manifest that something begins to refer to. Deleted tags can be
    /// restored as others can. Memory is bounded whatever the number of tags. Repeatable, and safe to run in several
    /// processes at once. Clients need not be permitted to delete.
    ///
    /// # Errors
    /// `ReadOnly`; `Store`, and then what was deleted before stays deleted.
    pub async fn apply_retention(
        &self,
        policy: &RetentionPolicy,
        now: Timestamp,
        mode: RetentionMode,
        report: &mut (dyn FnMut(Unkept<'_>) + Send),
    ) -> RegistryResult<RetentionReport> {
        if mode == RetentionMode::Delete {
            self.ensure_writable()?;
        }
        let mut total = RetentionReport::default();
        let mut after: Option<RepositoryName> = None;
        loop {
            let names = self.metadata.repositories(after.as_ref().map(RepositoryName::as_str), BATCH).await?;
            for name in &names {
                let Some(rule) = policy.rule_for(name) else { continue };
                total.repositories += 1;
                self.finish_adoption_of(name).await?;
                if rule.limits_tags() {
                    total.tags += self.retain_tags(name, rule, now, mode, report).boxed().await?;
                }
                if let Some(age) = rule.untagged_older {
                    total.manifests += self.retain_manifests(name, now.minus(age), mode, report).boxed().await?;
                }
            }
            if names.len() < BATCH {
                return Ok(total);
            }
            after = names.into_iter().last();
        }
    }

    async fn retain_tags(
        &self,
        name: &RepositoryName,
        rule: &RetentionRule,
        now: Timestamp,
        mode: RetentionMode,
        report: &mut (dyn FnMut(Unkept<'_>) + Send),
    ) -> RegistryResult<u64> {
        let mut plan = TagPlan::new(rule, now);
        let mut after: Option<Tag> = None;
        loop {
            let tags = self.metadata.tag_records(name, after.as_ref(), BATCH).await?;
            tags.iter().for_each(|tag| plan.see(tag));
            if tags.len() < BATCH {
                break;
            }
            after = tags.into_iter().last().map(|tag| tag.tag);
        }
        let kept = plan.finish();
        let (mut count, mut after) = (0, None);
        loop {
            let tags = self.metadata.tag_records(name, after.as_ref(), BATCH).await?;
            count += self.delete_unkept(name, &kept, &tags, mode, report).await?;
            if tags.len() < BATCH {
                return Ok(count);
            }
            after = tags.into_iter().last().map(|tag| tag.tag);
        }
    }

    async fn delete_unkept(
        &self,
        name: &RepositoryName,
        kept: &KeptTags<'_>,
        tags: &[TagRecord],
        mode: RetentionMode,
        report: &mut (dyn FnMut(Unkept<'_>) + Send),
    ) -> RegistryResult<u64> {
        let unkept: Vec<&TagRecord> = tags.iter().filter(|tag| !kept.keep(tag)).collect();
        let deletions: Vec<_> = unkept.iter().map(|tag| self.delete_unkept_tag(name, tag, mode).boxed()).collect();
        let deleted: Vec<bool> = stream::iter(deletions).buffered(AT_ONCE).try_collect().await?;
        let deleted = unkept.into_iter().zip(deleted).filter(|(_, deleted)| *deleted);
        Ok(deleted.map(|(tag, _)| report(Unkept::Tag(name, &tag.tag))).count() as u64)
    }

    async fn delete_unkept_tag(
        &self,
        name: &RepositoryName,
        tag: &TagRecord,
        mode: RetentionMode,
    ) -> RegistryResult<bool> {
        if mode == RetentionMode::DryRun {
            return Ok(true);
        }
        let until = self.restorable_until();
        let deleted = self.metadata.delete_unchanged_tag(name, tag, self.review_after(), until).await?;
        self.settle_link(name, &Link::Tag(tag.tag.clone())).await?;
        Ok(deleted)
    }

    async fn delete_unkept_manifest(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        before: Timestamp,
        mode: RetentionMode,
    ) -> RegistryResult<bool> {
        if mode == RetentionMode::DryRun {
            return Ok(true);
        }
        let deleted = self.metadata.delete_untagged_manifest(name, digest, before, self.review_after()).await?;
        self.settle_link(name, &Link::Manifest(*digest)).await?;
        Ok(deleted)
    }

    async fn retain_manifests(
        &self,
        name: &RepositoryName,
        before: Timestamp,
        mode: RetentionMode,
        report: &mut (dyn FnMut(Unkept<'_>) + Send),
    ) -> RegistryResult<u64> {
        let (mut count, mut after) = (0, None);
        loop {
            let part = self.metadata.untagged_manifests(name, before, after.as_ref(), BATCH).await?;
            let unkept = &part.unreferenced;
            let deletions: Vec<_> =
                unkept.iter().map(|digest| self.delete_unkept_manifest(name, digest, before, mode).boxed()).collect();
            let deleted: Vec<bool> = stream::iter(deletions).buffered(AT_ONCE).try_collect().await?;
            let deleted = unkept.iter().zip(deleted).filter(|(_, deleted)| *deleted);
            count += deleted.map(|(digest, _)| report(Unkept::Manifest(name, digest))).count() as u64;
            match part.next {
                Some(next) => after = Some(next),
                None => return Ok(count),
            }
        }
    }
}
