use async_trait::async_trait;

use super::{Blob, MemoryMetadataStore, Tables};
use crate::protocol::digest::Digest;
use crate::protocol::reference::RepositoryName;
use crate::store::inventory::BlobState;
use crate::store::metadata::{BlobLinkStore, BlobRecord, CommitBlob, ReviewSubject};
use crate::store::{StoreResult, Timestamp};

#[async_trait]
impl BlobLinkStore for MemoryMetadataStore {
    async fn blob(&self, repository: &RepositoryName, digest: &Digest) -> StoreResult<Option<BlobRecord>> {
        Ok(self.tables().linked_blob(repository, digest))
    }

    async fn commit_blob(&self, blob: CommitBlob<'_>) -> StoreResult<()> {
        let mut tables = self.tables();
        if blob.is_displaced {
            tables.displace(blob.location, *blob.digest)?;
        }
        if let Some((id, claim)) = blob.upload {
            tables.held_upload(id, claim)?;
            tables.uploads.remove(&id);
        }
        let stored = Blob::new(blob.size_bytes, blob.location);
        match tables.blobs.get_mut(blob.digest) {
            Some(known) => {
                known.touch();
                *known = Blob { changed_at: known.changed_at, ..stored };
            }
            None => {
                tables.blobs.insert(*blob.digest, stored);
            }
        }
        tables.repositories.entry(blob.repository.clone()).or_default().blobs.insert(*blob.digest);
        tables.review(ReviewSubject::Blob(*blob.digest), blob.review_after);
        if blob.is_replicated {
            tables.replicate(*blob.digest, blob.size_bytes);
        }
        Ok(())
    }

    async fn mount_blob(
        &self,
        into: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
        review_after: Timestamp,
    ) -> StoreResult<Option<BlobRecord>> {
        let mut tables = self.tables();
        let offered = match from {
            Some(from) => tables.linked_blob(from, digest).is_some(),
            None => tables.repositories.values().any(|repository| repository.blobs.contains(digest)),
        };
        if !offered || !tables.is_served(digest) {
            return Ok(None);
        }
        tables.repositories.entry(into.clone()).or_default().blobs.insert(*digest);
        tables.postpone(digest, review_after);
        Ok(tables.linked_blob(into, digest))
    }

    async fn unlink_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        review_after: Timestamp,
    ) -> StoreResult<bool> {
        let mut tables = self.tables();
        let unlinked = tables.repositories.get_mut(repository).is_some_and(|found| found.blobs.remove(digest));
        if unlinked {
            tables.review(ReviewSubject::Blob(*digest), review_after);
        }
        Ok(unlinked)
    }

    async fn postpone_blob_review(&self, digest: &Digest, review_after: Timestamp) -> StoreResult<bool> {
        let mut tables = self.tables();
        let is_served = tables.is_served(digest);
        if is_served {
            tables.postpone(digest, review_after);
        }
        Ok(is_served)
    }
}

impl Tables {
    fn linked_blob(&self, repository: &RepositoryName, digest: &Digest) -> Option<BlobRecord> {
        let linked = self.repositories.get(repository)?.blobs.get(digest)?;
        let blob = self.blobs.get(linked).filter(|blob| blob.state == BlobState::Served)?;
        Some(BlobRecord {
            digest: *digest,
            size_bytes: blob.size_bytes,
            location: blob.location.clone(),
            review_after: self.date(&ReviewSubject::Blob(*digest)),
        })
    }

    pub(super) fn is_served(&self, digest: &Digest) -> bool {
        self.blobs.get(digest).is_some_and(|blob| blob.state == BlobState::Served)
    }

    fn postpone(&mut self, digest: &Digest, review_after: Timestamp) {
        if let Some(queued) = self.reviews.get_mut(&ReviewSubject::Blob(*digest)) {
            queued.review_after = review_after.max(queued.review_after);
        }
    }
}
