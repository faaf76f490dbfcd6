use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{MemoryMetadataStore, Queued, Repository, Tables};
use crate::protocol::digest::Digest;
use crate::protocol::reference::RepositoryName;
use crate::store::gc::{
    BlobExplanation, BlobHold, CollectionStore, CondemnedBlob, Explanation, ManifestExplanation, ReviewedBlobs,
    ReviewedManifests, Suspect, SuspectKind,
};
use crate::store::inventory::BlobState;
use crate::store::metadata::ReviewSubject;
use crate::store::{StoreError, StoreErrorKind, StoreResult, Timestamp};

#[async_trait]
impl CollectionStore for MemoryMetadataStore {
    async fn hold_blob(&self, digest: &Digest, now: Timestamp, _: Timestamp) -> StoreResult<BlobHold> {
        self.holds.hold(digest, now).ok_or_else(|| {
            StoreError::new(StoreErrorKind::Unavailable, format!("blob `{digest}` is just being deleted"))
        })
    }

    async fn end_hold(&self, hold: BlobHold) -> StoreResult<bool> {
        hold.settle();
        Ok(true)
    }

    async fn expired_holds(&self, _: Timestamp, _: usize) -> StoreResult<Vec<Digest>> {
        Ok(Vec::new())
    }

    async fn forgotten_holds(&self) -> StoreResult<Option<u64>> {
        Ok(self.holds.forgotten())
    }

    async fn end_forgotten_holds(&self, seen: u64) -> StoreResult<()> {
        self.holds.end_forgotten(seen);
        Ok(())
    }

    async fn collect_manifests(
        &self,
        now: Timestamp,
        review_after: Timestamp,
        limit: usize,
    ) -> StoreResult<ReviewedManifests> {
        let mut tables = self.tables();
        let mut due = tables.due_manifests(now, limit);
        due.sort_unstable();
        let mut reviewed = ReviewedManifests { done: due.len() < limit, ..ReviewedManifests::default() };
        for (repository, digest) in due {
            if !tables.is_due(&ReviewSubject::Manifest(repository.clone(), digest), now) {
                // It went together with another one of these.
                continue;
            }
            match tables.orphans(&repository, digest, now) {
                Orphans::Kept => {
                    tables.reviews.remove(&ReviewSubject::Manifest(repository, digest));
                    reviewed.kept += 1;
                }
                Orphans::Waiting(waiting) => {
                    for digest in waiting {
                        tables.review(ReviewSubject::Manifest(repository.clone(), digest), review_after);
                    }
                    reviewed.kept += 1;
                }
                Orphans::Due(group) => {
                    for digest in group {
                        let manifest = &tables.repositories[&repository].manifests[&digest];
                        let size_bytes = manifest.record.payload.len() as u64;
                        tables.remove_manifest(&repository, &digest, review_after);
                        reviewed.deleted.push((repository.clone(), digest, size_bytes));
                    }
                }
            }
        }
        Ok(reviewed)
    }

    async fn condemn_blobs(&self, now: Timestamp, lease_end: Timestamp, limit: usize) -> StoreResult<ReviewedBlobs> {
        let mut tables = self.tables();
        let due = tables.due_blobs(now, limit);
        let mut reviewed = ReviewedBlobs { done: due.len() < limit, ..ReviewedBlobs::default() };
        for digest in due {
            if !self.holds.begin_deletion(&digest, now, lease_end) {
                continue;
            }
            let subject = ReviewSubject::Blob(digest);
            if tables.is_referenced(&digest) {
                tables.reviews.remove(&subject);
                self.holds.end_deletion(&digest);
                reviewed.kept += 1;
                continue;
            }
            let had = tables
                .repositories
                .iter_mut()
                .filter_map(|(name, repository)| repository.blobs.remove(&digest).then(|| name.clone()));
            let repositories = had.collect();
            let failures = tables.reviews.get(&subject).map_or(0, |queued| queued.failures);
            tables.reviews.insert(subject, Queued { review_after: lease_end, failures });
            if let Some(blob) = tables.blobs.get_mut(&digest) {
                blob.state = BlobState::Condemned;
                let (size_bytes, location) = (blob.size_bytes, blob.location.clone());
                reviewed.condemned.push(CondemnedBlob {
                    digest,
                    size_bytes,
                    location,
                    lease_end,
                    failures,
                    repositories,
                });
            }
        }
        Ok(reviewed)
    }

    async fn put_off_manifests(&self, failed: &[(RepositoryName, Digest, Timestamp)]) -> StoreResult<()> {
        let mut tables = self.tables();
        for (repository, digest, review_after) in failed {
            let subject = ReviewSubject::Manifest(repository.clone(), *digest);
            if let Some(queued) = tables.reviews.get_mut(&subject).filter(|queued| queued.review_after < *review_after)
            {
                *queued = Queued { review_after: *review_after, failures: queued.failures + 1 };
            }
        }
        Ok(())
    }

    async fn forget_blobs(&self, gone: &[CondemnedBlob], failed: &[(CondemnedBlob, Timestamp)]) -> StoreResult<()> {
        let mut tables = self.tables();
        for blob in gone {
            if tables.is_condemned_by(blob) {
                tables.reviews.remove(&ReviewSubject::Blob(blob.digest));
                tables.blobs.remove(&blob.digest);
                tables.leave_replica(&blob.digest);
                self.holds.end_deletion(&blob.digest);
            }
        }
        for (blob, review_after) in failed {
            if tables.is_condemned_by(blob) {
                let queued = Queued { review_after: *review_after, failures: blob.failures + 1 };
                tables.reviews.insert(ReviewSubject::Blob(blob.digest), queued);
                self.holds.end_deletion(&blob.digest);
            }
        }
        Ok(())
    }

    async fn suspects(
        &self,
        kind: SuspectKind,
        now: Timestamp,
        cursor: u64,
        limit: usize,
    ) -> StoreResult<Vec<Suspect>> {
        let tables = self.tables();
        let due = tables.reviews.iter().filter(|(_, queued)| queued.review_after <= now).map(|(subject, _)| subject);
        let of_kind = due.filter(|subject| match subject {
            ReviewSubject::Blob(_) => kind == SuspectKind::Blobs,
            ReviewSubject::Manifest(..) => kind == SuspectKind::Manifests,
        });
        let page = of_kind.zip(1..).skip(usize::try_from(cursor).unwrap_or(usize::MAX)).take(limit);
        Ok(page.map(|(subject, cursor)| tables.suspect(subject, cursor, now)).collect())
    }

    async fn explain(&self, digest: &Digest, limit: usize) -> StoreResult<Explanation> {
        let tables = self.tables();
        let mut cut = Cut { limit, more: false };
        let blob = tables.blobs.get(digest).map(|blob| {
            let linked = tables.repositories.iter().filter(|(_, repository)| repository.blobs.contains(digest));
            let referring = tables.repositories.iter().flat_map(|(name, repository)| {
                let manifests = repository.manifests.iter().filter(|(_, manifest)| manifest.blobs.contains(digest));
                manifests.map(move |(manifest, _)| (name.clone(), *manifest))
            });
            BlobExplanation {
                size_bytes: blob.size_bytes,
                is_condemned: blob.state == BlobState::Condemned,
                is_quarantined: blob.state == BlobState::Quarantined,
                review_after: tables.date(&ReviewSubject::Blob(*digest)),
                repositories: cut.take(linked.map(|(name, _)| name.clone())),
                manifests: cut.take(referring),
            }
        });
        let holders = tables.repositories.iter().filter(|(_, repository)| repository.manifests.contains_key(digest));
        let holders = cut.take(holders);
        let manifests = holders.into_iter().map(|(name, repository)| {
            let tags =
                repository.tags.iter().filter(|(_, target)| target.digest == *digest).map(|(tag, _)| tag.clone());
            let parents = repository.manifests.iter().filter(|(_, other)| other.children.contains(digest));
            let past = repository.history.iter().filter(|past| past.digest == *digest);
            let past: BTreeSet<_> = past.map(|past| (past.tag.clone(), past.restorable_until)).collect();
            ManifestExplanation {
                repository: name.clone(),
                review_after: tables.date(&ReviewSubject::Manifest(name.clone(), *digest)),
                tags: cut.take(tags),
                past_tags: cut.take(past.into_iter()),
                is_withdrawn: repository.visible(digest).is_none(),
                parents: cut.take(parents.map(|(parent, _)| *parent)),
                subject: repository.living_subject(digest),
            }
        });
        let manifests = manifests.collect();
        Ok(Explanation { blob, manifests, more: cut.more })
    }
}

/// Cuts lists off, and remembers whether it did.
struct Cut {
    limit: usize,
    more: bool,
}

impl Cut {
    fn take<T>(&mut self, mut items: impl Iterator<Item = T>) -> Vec<T> {
        let taken = items.by_ref().take(self.limit).collect();
        self.more |= items.next().is_some();
        taken
    }
}

/// What a look at a manifest and all that hold on to it finds.
enum Orphans {
    /// One of them has a tag, or had one that can be restored, or is not due.
    Kept,
    /// None of them is kept, but some are not in the queue, because they were kept by others when they were looked at.
    Waiting(BTreeSet<Digest>),
    /// None of them is kept, and all are due.
    Due(BTreeSet<Digest>),
}

impl Tables {
    fn due_manifests(&self, now: Timestamp, limit: usize) -> Vec<(RepositoryName, Digest)> {
        let due = self.due(now).into_iter().filter_map(|subject| match subject {
            ReviewSubject::Manifest(repository, digest) => Some((repository.clone(), *digest)),
            ReviewSubject::Blob(_) => None,
        });
        due.take(limit).collect()
    }

    fn due_blobs(&self, now: Timestamp, limit: usize) -> Vec<Digest> {
        let due = self.due(now).into_iter().filter_map(|subject| match subject {
            ReviewSubject::Blob(digest) => Some(*digest),
            ReviewSubject::Manifest(..) => None,
        });
        due.take(limit).collect()
    }

    /// Returns all that is due, in the order of the dates.
    fn due(&self, now: Timestamp) -> Vec<&ReviewSubject> {
        let mut due: Vec<_> = self.reviews.iter().filter(|(_, queued)| queued.review_after <= now).collect();
        due.sort_by_key(|(_, queued)| queued.review_after);
        due.into_iter().map(|(subject, _)| subject).collect()
    }

    fn is_due(&self, subject: &ReviewSubject, now: Timestamp) -> bool {
        self.date(subject).is_some_and(|date| date <= now)
    }

    fn is_referenced(&self, blob: &Digest) -> bool {
        let mut manifests = self.repositories.values().flat_map(|repository| repository.manifests.values());
        manifests.any(|manifest| manifest.blobs.contains(blob))
    }

    fn is_condemned_by(&self, blob: &CondemnedBlob) -> bool {
        self.blobs.get(&blob.digest).is_some_and(|found| found.state == BlobState::Condemned)
            && self.date(&ReviewSubject::Blob(blob.digest)) == Some(blob.lease_end)
    }

    /// Looks at a manifest and all that hold on to it.
    fn orphans(&self, repository: &RepositoryName, digest: Digest, now: Timestamp) -> Orphans {
        let Some(found) = self.repositories.get(repository) else { return Orphans::Kept };
        let (mut group, mut ahead) = (BTreeSet::new(), vec![digest]);
        let mut all_queued = true;
        while let Some(digest) = ahead.pop() {
            if !group.insert(digest) {
                continue;
            }
            let date = self.date(&ReviewSubject::Manifest(repository.clone(), digest));
            let is_tagged = found.tags_of(&digest).next().is_some() || found.has_history(&digest);
            if date.is_some_and(|date| date > now) || is_tagged {
                return Orphans::Kept;
            }
            all_queued &= date.is_some();
            let parents = found.manifests.iter().filter(|(_, other)| other.children.contains(&digest));
            ahead.extend(parents.map(|(parent, _)| *parent));
            ahead.extend(found.living_subject(&digest));
        }
        if all_queued { Orphans::Due(group) } else { Orphans::Waiting(group) }
    }

    fn suspect(&self, subject: &ReviewSubject, cursor: u64, now: Timestamp) -> Suspect {
        let (size_bytes, is_referenced) = match subject {
            ReviewSubject::Blob(digest) => {
                (self.blobs.get(digest).map_or(0, |blob| blob.size_bytes), self.is_referenced(digest))
            }
            ReviewSubject::Manifest(repository, digest) => {
                let found = self.repositories.get(repository).and_then(|found| found.manifests.get(digest));
                let size_bytes = found.map_or(0, |manifest| manifest.record.payload.len() as u64);
                (size_bytes, !matches!(self.orphans(repository, *digest, now), Orphans::Due(_)))
            }
        };
        Suspect { subject: subject.clone(), size_bytes, is_referenced, cursor }
    }
}

impl Repository {
    /// Returns the subject of a manifest, if that is there.
    fn living_subject(&self, digest: &Digest) -> Option<Digest> {
        self.manifests.get(digest)?.subject.filter(|subject| self.manifests.contains_key(subject))
    }
}
