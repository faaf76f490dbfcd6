use std::ops::Bound;

use async_trait::async_trait;

use super::{Blob, MemoryMetadataStore};
use crate::protocol::digest::Digest;
use crate::protocol::reference::RepositoryName;
use crate::store::inventory::{BlobRecordStore, BlobState, RecordedBlob, RecordedManifest, RepositoryBlob};
use crate::store::metadata::{ManifestRecord, ReviewSubject};
use crate::store::{BlobLocation, StoreResult, Timestamp};

#[async_trait]
impl BlobRecordStore for MemoryMetadataStore {
    async fn recorded_blobs(&self, after: Option<&Digest>, limit: usize) -> StoreResult<Vec<RecordedBlob>> {
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        let tables = self.tables();
        Ok(tables.blobs.range((first, Bound::Unbounded)).take(limit).map(record).collect())
    }

    async fn recorded_blob(&self, digest: &Digest) -> StoreResult<Option<RecordedBlob>> {
        Ok(self.tables().blobs.get_key_value(digest).map(record))
    }

    async fn repository_blobs(
        &self,
        repository: &RepositoryName,
        after: u64,
        limit: usize,
    ) -> StoreResult<Vec<RepositoryBlob>> {
        let tables = self.tables();
        let all = tables.repositories.get(repository).into_iter().flat_map(|found| &found.blobs);
        let all = all.filter_map(|digest| tables.blobs.get_key_value(digest)).map(record).zip(1..);
        let page = all.skip(usize::try_from(after).unwrap_or(usize::MAX)).take(limit);
        Ok(page.map(|(blob, cursor)| RepositoryBlob { cursor, blob }).collect())
    }

    async fn recorded_manifests(&self, after: u64, limit: usize) -> StoreResult<Vec<RecordedManifest>> {
        let tables = self.tables();
        let all = tables.repositories.iter().flat_map(|(name, repository)| {
            repository.manifests.values().map(move |manifest| (name.clone(), &manifest.record))
        });
        let page = all.zip(1..).skip(usize::try_from(after).unwrap_or(usize::MAX)).take(limit);
        let manifest = |((repository, record), cursor): ((_, &ManifestRecord), _)| RecordedManifest {
            cursor,
            repository,
            digest: record.digest,
            payload: record.payload.clone(),
        };
        Ok(page.map(manifest).collect())
    }

    async fn manifests_among(&self, digests: &[Digest]) -> StoreResult<Vec<Digest>> {
        let tables = self.tables();
        let is_manifest =
            |digest: &&Digest| tables.repositories.values().any(|found| found.manifests.contains_key(digest));
        Ok(digests.iter().filter(is_manifest).copied().collect())
    }

    async fn quarantine_blob(&self, blob: &RecordedBlob) -> StoreResult<bool> {
        Ok(self.set_state(blob, BlobState::Served, BlobState::Quarantined))
    }

    async fn release_blob(&self, blob: &RecordedBlob) -> StoreResult<bool> {
        Ok(self.set_state(blob, BlobState::Quarantined, BlobState::Served))
    }

    async fn record_stray_blob(
        &self,
        digest: &Digest,
        size_bytes: u64,
        location: &BlobLocation,
        review_after: Timestamp,
    ) -> StoreResult<bool> {
        let mut tables = self.tables();
        if tables.blobs.contains_key(digest) {
            return Ok(false);
        }
        tables.blobs.insert(*digest, Blob::new(size_bytes, location));
        tables.review(ReviewSubject::Blob(*digest), review_after);
        Ok(true)
    }
}

impl MemoryMetadataStore {
    fn set_state(&self, blob: &RecordedBlob, from: BlobState, to: BlobState) -> bool {
        let mut tables = self.tables();
        let found = tables.blobs.get_mut(&blob.digest);
        let Some(found) = found.filter(|found| found.changed_at == blob.changed_at && found.state == from) else {
            return false;
        };
        found.state = to;
        found.touch();
        true
    }
}

fn record((digest, blob): (&Digest, &Blob)) -> RecordedBlob {
    RecordedBlob {
        digest: *digest,
        size_bytes: blob.size_bytes,
        location: blob.location.clone(),
        state: blob.state,
        changed_at: blob.changed_at,
    }
}
