use std::ops::Bound;

use async_trait::async_trait;

use super::{MemoryMetadataStore, Repository};
use crate::protocol::digest::Digest;
use crate::protocol::reference::{RepositoryName, Tag};
use crate::store::removal::{RemovalStore, TagRecord, UntaggedManifests};
use crate::store::{StoreResult, Timestamp};

#[async_trait]
impl RemovalStore for MemoryMetadataStore {
    async fn tag_records(
        &self,
        repository: &RepositoryName,
        after: Option<&Tag>,
        limit: usize,
    ) -> StoreResult<Vec<TagRecord>> {
        let tables = self.tables();
        let Some(repository) = tables.repositories.get(repository) else { return Ok(Vec::new()) };
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let tags = repository.tags.range::<Tag, _>((after, Bound::Unbounded)).take(limit);
        let record = |(tag, target): (&Tag, &super::Target)| TagRecord {
            tag: tag.clone(),
            digest: target.digest,
            updated_at: target.updated_at,
        };
        Ok(tags.map(record).collect())
    }

    async fn delete_unchanged_tag(
        &self,
        repository: &RepositoryName,
        seen: &TagRecord,
        review_after: Timestamp,
        restorable_until: Option<Timestamp>,
    ) -> StoreResult<bool> {
        let mut tables = self.tables();
        let target = tables.repositories.get(repository).and_then(|found| found.tags.get(&seen.tag));
        let unchanged =
            target.is_some_and(|target| target.digest == seen.digest && target.updated_at == seen.updated_at);
        Ok(unchanged && tables.remove_tag(repository, &seen.tag, review_after, restorable_until))
    }

    async fn thin_tags(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        limit: usize,
        restorable_until: Option<Timestamp>,
    ) -> StoreResult<bool> {
        let mut tables = self.tables();
        let Some(found) = tables.repositories.get_mut(repository) else { return Ok(false) };
        let tags: Vec<Tag> = found.tags_of(digest).take(limit.saturating_add(1)).cloned().collect();
        let too_many = tags.len() > limit;
        if too_many {
            tags[..limit].iter().for_each(|tag| found.unpoint(tag, restorable_until));
        }
        Ok(too_many)
    }

    async fn untagged_manifests(
        &self,
        repository: &RepositoryName,
        before: Timestamp,
        after: Option<&Digest>,
        limit: usize,
    ) -> StoreResult<UntaggedManifests> {
        let tables = self.tables();
        let mut part = UntaggedManifests { unreferenced: Vec::new(), next: None };
        let Some(found) = tables.repositories.get(repository) else { return Ok(part) };
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let looked_at: Vec<&Digest> =
            found.manifests.range((after, Bound::Unbounded)).map(|(digest, _)| digest).take(limit).collect();
        part.next = looked_at.last().filter(|_| looked_at.len() == limit).map(|last| **last);
        part.unreferenced =
            looked_at.into_iter().filter(|digest| found.is_unreferenced(digest, before)).copied().collect();
        Ok(part)
    }

    async fn delete_untagged_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        before: Timestamp,
        review_after: Timestamp,
    ) -> StoreResult<bool> {
        let mut tables = self.tables();
        let found = tables.repositories.get(repository);
        let unreferenced = found.is_some_and(|found| found.is_unreferenced(digest, before));
        Ok(unreferenced && tables.remove_manifest(repository, digest, review_after))
    }

    async fn manifest_digests(
        &self,
        repository: &RepositoryName,
        after: Option<&Digest>,
        limit: usize,
    ) -> StoreResult<Vec<Digest>> {
        let tables = self.tables();
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(tables.repositories.get(repository).map_or_else(Vec::new, |found| {
            found.manifests.range((after, Bound::Unbounded)).map(|(digest, _)| *digest).take(limit).collect()
        }))
    }

    async fn some_blobs(&self, repository: &RepositoryName, limit: usize) -> StoreResult<Vec<Digest>> {
        let tables = self.tables();
        let found = tables.repositories.get(repository);
        Ok(found.map_or_else(Vec::new, |found| found.blobs.iter().take(limit).copied().collect()))
    }

    async fn remove_empty_repository(&self, repository: &RepositoryName) -> StoreResult<bool> {
        let mut tables = self.tables();
        let is_empty = |found: &Repository| found.manifests.is_empty() && found.blobs.is_empty();
        if tables.repositories.get(repository).is_some_and(is_empty) {
            tables.repositories.remove(repository);
        }
        Ok(!tables.repositories.contains_key(repository))
    }
}

impl Repository {
    /// Tells whether a manifest that readers can see is older than `before` and nothing refers to it.
    fn is_unreferenced(&self, digest: &Digest, before: Timestamp) -> bool {
        let Some(manifest) = self.visible(digest).filter(|manifest| manifest.created_at < before) else { return false };
        self.tags_of(digest).next().is_none()
            && !self.has_history(digest)
            && !self.manifests.values().any(|parent| parent.children.contains(digest))
            && !manifest.subject.is_some_and(|subject| self.manifests.contains_key(&subject))
    }
}
