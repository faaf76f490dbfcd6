use async_trait::async_trait;

use super::{MemoryMetadataStore, Repository, Tables, Target};
use crate::protocol::digest::Digest;
use crate::protocol::reference::{RepositoryName, Tag};
use crate::store::history::{DroppedHistory, HistoryQuery, HistoryStore, PastTag, RestoreOutcome, RestoreTag};
use crate::store::metadata::ReviewSubject;
use crate::store::{StoreResult, Timestamp};

#[async_trait]
impl HistoryStore for MemoryMetadataStore {
    async fn tag_history(&self, query: HistoryQuery<'_>) -> StoreResult<Vec<PastTag>> {
        let tables = self.tables();
        let Some(repository) = tables.repositories.get(query.repository) else { return Ok(Vec::new()) };
        let wanted = |past: &&PastTag| {
            query.tag.is_none_or(|tag| past.tag == *tag)
                && query.after.is_none_or(|(tag, ended_at)| (&past.tag, past.ended_at) > (tag, ended_at))
        };
        let mut found: Vec<PastTag> = repository.history.iter().filter(wanted).cloned().collect();
        found.sort_by(|one, other| (&one.tag, one.ended_at).cmp(&(&other.tag, other.ended_at)));
        found.truncate(query.limit);
        Ok(found)
    }

    async fn restore_tag(&self, restore: RestoreTag<'_>) -> StoreResult<RestoreOutcome> {
        let mut tables = self.tables();
        let Some(repository) = tables.repositories.get(restore.repository) else {
            return Ok(RestoreOutcome::Unknown);
        };
        let found = repository.history.iter().rev().find(|past| {
            past.tag == *restore.tag
                && past.restorable_until > restore.now
                && restore.digest.is_none_or(|digest| past.digest == *digest)
        });
        let Some(digest) = found.map(|past| past.digest) else { return Ok(RestoreOutcome::Unknown) };
        let missing = tables.lost_by(restore.repository, &digest);
        if !missing.is_empty() {
            return Ok(RestoreOutcome::Missing(missing));
        }
        let Some(repository) = tables.repositories.get_mut(restore.repository) else {
            return Ok(RestoreOutcome::Unknown);
        };
        repository.manifests.entry(digest).and_modify(|manifest| manifest.withdrawn = false);
        if let Some(orphan) = repository.point(restore.tag, digest, Timestamp::now(), restore.restorable_until) {
            tables.review(ReviewSubject::Manifest(restore.repository.clone(), orphan), restore.review_after);
        }
        Ok(RestoreOutcome::Restored(digest))
    }

    async fn drop_history(&self, now: Timestamp, limit: usize, review_after: Timestamp) -> StoreResult<DroppedHistory> {
        let mut tables = self.tables();
        let mut dropped: Vec<(RepositoryName, Digest)> = Vec::new();
        for (name, repository) in &mut tables.repositories {
            repository.history.retain(|past| {
                let stays = past.restorable_until > now || dropped.len() == limit;
                if !stays {
                    dropped.push((name.clone(), past.digest));
                }
                stays
            });
        }
        let mut deleted = Vec::new();
        for (name, digest) in &dropped {
            let Some(repository) = tables.repositories.get(name) else { continue };
            match repository.manifests.get(digest) {
                Some(_) if repository.has_history(digest) => {}
                Some(manifest) if manifest.withdrawn => {
                    deleted.push((name.clone(), *digest, manifest.record.payload.len() as u64));
                    tables.remove_manifest(name, digest, review_after);
                }
                Some(_) => tables.review(ReviewSubject::Manifest(name.clone(), *digest), review_after),
                None => {}
            }
        }
        Ok(DroppedHistory { past_tags: dropped.len(), deleted })
    }
}

impl Repository {
    pub(super) fn has_history(&self, digest: &Digest) -> bool {
        self.history.iter().any(|past| past.digest == *digest)
    }

    /// Points a tag to a manifest. Returns what it pointed to before, unless that is the same or becomes history.
    pub(super) fn point(
        &mut self,
        tag: &Tag,
        digest: Digest,
        now: Timestamp,
        restorable_until: Option<Timestamp>,
    ) -> Option<Digest> {
        let previous = self.tags.get(tag).map(|target| target.digest).filter(|previous| *previous != digest);
        if previous.is_some() {
            self.unpoint(tag, restorable_until);
        }
        self.tags.insert(tag.clone(), Target { digest, updated_at: now });
        previous.filter(|_| restorable_until.is_none())
    }

    /// Removes a tag, and remembers it if it is to be restorable.
    pub(super) fn unpoint(&mut self, tag: &Tag, restorable_until: Option<Timestamp>) {
        if let (Some(target), Some(restorable_until)) = (self.tags.remove(tag), restorable_until) {
            self.history.push(PastTag {
                tag: tag.clone(),
                digest: target.digest,
                set_at: target.updated_at,
                ended_at: Timestamp::now(),
                restorable_until,
            });
        }
    }
}

impl Tables {
    /// Returns what a manifest refers to and its repository may not serve any more.
    fn lost_by(&self, name: &RepositoryName, digest: &Digest) -> Vec<Digest> {
        let Some(repository) = self.repositories.get(name) else { return vec![*digest] };
        let Some(manifest) = repository.manifests.get(digest) else { return vec![*digest] };
        let is_served = |blob: &&Digest| repository.blobs.contains(blob) && self.is_served(blob);
        let blobs = manifest.blobs.iter().filter(|blob| !is_served(blob));
        let required = manifest.children.iter().filter(|child| repository.manifests.contains_key(child));
        blobs.chain(required.filter(|child| repository.visible(child).is_none())).copied().collect()
    }
}
