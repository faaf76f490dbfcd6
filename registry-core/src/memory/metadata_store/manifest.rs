use std::collections::BTreeSet;
use std::ops::Bound;

use async_trait::async_trait;

use super::{Manifest, MemoryMetadataStore, Repository, Tables};
use crate::protocol::digest::Digest;
use crate::protocol::reference::{Reference, RepositoryName, Tag};
use crate::store::metadata::{
    ManifestRecord, ManifestStore, Page, PutManifest, PutManifestOutcome, Referrer, ReferrersQuery, ReviewSubject,
};
use crate::store::{StoreResult, Timestamp};

#[async_trait]
impl ManifestStore for MemoryMetadataStore {
    async fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> StoreResult<Option<ManifestRecord>> {
        let tables = self.tables();
        Ok(tables.repositories.get(repository).and_then(|repository| {
            let digest = match reference {
                Reference::Tag(tag) => &repository.tags.get(tag)?.digest,
                Reference::Digest(digest) => digest,
            };
            Some(repository.visible(digest)?.record.clone())
        }))
    }

    async fn put_manifest(&self, put: PutManifest<'_>) -> StoreResult<PutManifestOutcome> {
        Ok(self.tables().put_manifest(&put))
    }

    async fn delete_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        review_after: Timestamp,
        restorable_until: Option<Timestamp>,
    ) -> StoreResult<bool> {
        let mut tables = self.tables();
        let Some(found) = tables.repositories.get_mut(repository) else { return Ok(false) };
        if restorable_until.is_some() {
            if found.visible(digest).is_none() {
                return Ok(false);
            }
            let tags: Vec<Tag> = found.tags_of(digest).cloned().collect();
            tags.iter().for_each(|tag| found.unpoint(tag, restorable_until));
            if found.has_history(digest) {
                found.manifests.entry(*digest).and_modify(|manifest| manifest.withdrawn = true);
                return Ok(true);
            }
        }
        Ok(tables.remove_manifest(repository, digest, review_after))
    }

    async fn delete_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        review_after: Timestamp,
        restorable_until: Option<Timestamp>,
    ) -> StoreResult<bool> {
        Ok(self.tables().remove_tag(repository, tag, review_after, restorable_until))
    }

    async fn tags(&self, repository: &RepositoryName, after: Option<&str>, limit: usize) -> StoreResult<Vec<Tag>> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let tables = self.tables();
        Ok(tables.repositories.get(repository).map_or_else(Vec::new, |repository| {
            repository.tags.range::<str, _>((after, Bound::Unbounded)).map(|(tag, _)| tag.clone()).take(limit).collect()
        }))
    }

    async fn referrers(&self, query: ReferrersQuery<'_>) -> StoreResult<Page<Referrer>> {
        let tables = self.tables();
        let mut page = Page { items: Vec::new(), more: false };
        let Some(repository) = tables.repositories.get(query.repository) else { return Ok(page) };
        let after = query.after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut total_bytes = 0u64;
        for (digest, manifest) in repository.manifests.range((after, Bound::Unbounded)) {
            let wanted = query.artifact_type.is_none() || query.artifact_type == manifest.artifact_type.as_deref();
            if manifest.subject.as_ref() != Some(query.subject) || !wanted || manifest.withdrawn {
                continue;
            }
            let size_bytes = manifest.record.payload.len() as u64;
            total_bytes = total_bytes.saturating_add(size_bytes);
            let full = page.items.len() >= query.limit || total_bytes > query.limit_bytes;
            if full && !page.items.is_empty() {
                page.more = true;
                break;
            }
            page.items.push(Referrer {
                digest: *digest,
                media_type: manifest.record.media_type.to_string(),
                size_bytes,
                artifact_type: manifest.artifact_type.clone(),
                annotations: manifest.annotations.clone(),
            });
        }
        Ok(page)
    }
}

impl Tables {
    pub(super) fn put_manifest(&mut self, put: &PutManifest<'_>) -> PutManifestOutcome {
        let served = self.served_blobs(put);
        let missing = match self.repositories.get(put.repository) {
            Some(repository) => repository.lacks(put, &served),
            None => Repository::default().lacks(put, &served),
        };
        if !missing.is_empty() {
            return PutManifestOutcome::Missing(missing);
        }

        self.namespaces.insert(put.repository.namespace().to_owned());
        let repository = self.repositories.entry(put.repository.clone()).or_default();
        repository.store(put, &served);
        // What is pushed together is of the same age.
        let now = Timestamp::now();
        let mut orphans: Vec<Digest> =
            put.tags.iter().filter_map(|tag| repository.point(tag, *put.digest, now, put.restorable_until)).collect();
        if put.tags.is_empty() {
            orphans.push(*put.digest);
        }
        let tagged = (!put.tags.is_empty()).then_some(put.digest);
        for kept in put.children.iter().chain(put.sparse_children).chain(tagged) {
            self.reviews.remove(&ReviewSubject::Manifest(put.repository.clone(), *kept));
        }
        for blob in served {
            self.reviews.remove(&ReviewSubject::Blob(blob));
        }
        for orphan in orphans {
            self.review(ReviewSubject::Manifest(put.repository.clone(), orphan), put.review_after);
        }
        PutManifestOutcome::Stored
    }

    /// Returns those of the blobs that a manifest refers to which its repository may serve.
    fn served_blobs(&self, put: &PutManifest<'_>) -> BTreeSet<Digest> {
        let Some(repository) = self.repositories.get(put.repository) else { return BTreeSet::new() };
        let named = put.blobs.iter().chain(put.optional_blobs);
        named.filter(|blob| repository.blobs.contains(blob) && self.is_served(blob)).copied().collect()
    }

    /// Deletes a tag, and has what it pointed to reviewed if that does not become history.
    pub(super) fn remove_tag(
        &mut self,
        repository: &RepositoryName,
        tag: &Tag,
        review_after: Timestamp,
        restorable_until: Option<Timestamp>,
    ) -> bool {
        let Some(found) = self.repositories.get_mut(repository) else { return false };
        let Some(target) = found.tags.get(tag).copied() else { return false };
        found.unpoint(tag, restorable_until);
        if restorable_until.is_none() {
            self.review(ReviewSubject::Manifest(repository.clone(), target.digest), review_after);
        }
        true
    }

    /// Deletes a manifest for good, with its tags and past tags. Returns whether it was there.
    pub(super) fn remove_manifest(
        &mut self,
        repository: &RepositoryName,
        digest: &Digest,
        review_after: Timestamp,
    ) -> bool {
        let Some(found) = self.repositories.get_mut(repository) else { return false };
        let Some(manifest) = found.manifests.remove(digest) else { return false };
        found.tags.retain(|_, target| target.digest != *digest);
        found.history.retain(|past| past.digest != *digest);
        let referrers =
            found.manifests.iter().filter(|(_, other)| other.subject == Some(*digest)).map(|(name, _)| name);
        let children = manifest.children.iter().filter(|child| found.manifests.contains_key(child));
        let orphans: Vec<Digest> = children.chain(referrers).copied().collect();

        self.reviews.remove(&ReviewSubject::Manifest(repository.clone(), *digest));
        for orphan in orphans {
            self.review(ReviewSubject::Manifest(repository.clone(), orphan), review_after);
        }
        for blob in manifest.blobs {
            self.review(ReviewSubject::Blob(blob), review_after);
        }
        true
    }
}

impl Repository {
    /// Finds a manifest that readers can see.
    pub(super) fn visible(&self, digest: &Digest) -> Option<&Manifest> {
        self.manifests.get(digest).filter(|manifest| !manifest.withdrawn)
    }

    pub(super) fn tags_of(&self, digest: &Digest) -> impl Iterator<Item = &Tag> {
        self.tags.iter().filter(move |(_, target)| target.digest == *digest).map(|(tag, _)| tag)
    }

    /// Returns what a manifest refers to and the repository does not have, in the manifest's order.
    fn lacks(&self, put: &PutManifest<'_>, served: &BTreeSet<Digest>) -> Vec<Digest> {
        let blobs = put.blobs.iter().filter(|blob| !served.contains(blob));
        let children = put.children.iter().filter(|child| self.visible(child).is_none());
        blobs.chain(children).copied().collect()
    }

    /// Stores a manifest. References that an earlier push of the same bytes recorded are kept.
    fn store(&mut self, put: &PutManifest<'_>, served: &BTreeSet<Digest>) {
        let (mut blobs, mut children, created_at) = match self.manifests.remove(put.digest) {
            Some(known) => (known.blobs, known.children, known.created_at),
            None => (BTreeSet::new(), BTreeSet::new(), Timestamp::now()),
        };
        blobs.extend(served);
        children.extend(put.children.iter().chain(put.sparse_children));
        let manifest = Manifest {
            record: ManifestRecord {
                digest: *put.digest,
                media_type: put.media_type.into(),
                payload: put.payload.clone(),
            },
            artifact_type: put.artifact_type.map(str::to_owned),
            subject: put.subject.copied(),
            annotations: put.annotations.clone(),
            blobs,
            children,
            created_at,
            withdrawn: false,
        };
        self.manifests.insert(*put.digest, manifest);
    }
}
