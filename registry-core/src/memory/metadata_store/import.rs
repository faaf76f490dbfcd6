use async_trait::async_trait;

use super::{Blob, MemoryMetadataStore, Tables};
use crate::protocol::reference::RepositoryName;
use crate::store::import::{AdoptBlob, AdoptOutcome, AdoptTag, ImportState, ImportStore};
use crate::store::inventory::BlobState;
use crate::store::metadata::{PutManifest, PutManifestOutcome, ReviewSubject};
use crate::store::{StoreResult, Timestamp};

#[async_trait]
impl ImportStore for MemoryMetadataStore {
    async fn import_state(&self) -> StoreResult<ImportState> {
        Ok(match self.tables().import.finished {
            None => ImportState::Never,
            Some(false) => ImportState::Unfinished,
            Some(true) => ImportState::Finished,
        })
    }

    async fn begin_import(&self, afresh: bool) -> StoreResult<()> {
        let import = &mut self.tables().import;
        import.finished = Some(false);
        if afresh {
            import.repositories.clear();
        }
        Ok(())
    }

    async fn is_imported(&self, repository: &RepositoryName) -> StoreResult<bool> {
        Ok(self.tables().is_closed(repository))
    }

    async fn finish_repository_import(&self, repository: &RepositoryName) -> StoreResult<()> {
        self.tables().import.repositories.insert(repository.clone());
        Ok(())
    }

    async fn finish_import(&self) -> StoreResult<()> {
        self.tables().import.finished = Some(true);
        Ok(())
    }

    async fn adopt_blob(&self, blob: AdoptBlob<'_>) -> StoreResult<AdoptOutcome> {
        let mut tables = self.tables();
        if tables.is_closed(blob.repository) {
            return Ok(AdoptOutcome::Closed);
        }
        let found = tables.blobs.entry(*blob.digest).or_insert_with(|| Blob::new(blob.size_bytes, blob.location));
        if found.state != BlobState::Served {
            return Ok(AdoptOutcome::Missing);
        }
        if !tables.repositories.entry(blob.repository.clone()).or_default().blobs.insert(*blob.digest) {
            return Ok(AdoptOutcome::Kept);
        }
        tables.review(ReviewSubject::Blob(*blob.digest), blob.review_after);
        Ok(AdoptOutcome::Adopted)
    }

    async fn adopt_manifest(&self, manifest: PutManifest<'_>) -> StoreResult<AdoptOutcome> {
        let mut tables = self.tables();
        if tables.is_closed(manifest.repository) {
            return Ok(AdoptOutcome::Closed);
        }
        let there = tables.repositories.get(manifest.repository);
        if there.is_some_and(|found| found.visible(manifest.digest).is_some()) {
            return Ok(AdoptOutcome::Kept);
        }
        Ok(match tables.put_manifest(&manifest) {
            PutManifestOutcome::Stored => AdoptOutcome::Adopted,
            PutManifestOutcome::Missing(_) => AdoptOutcome::Missing,
        })
    }

    async fn adopt_tag(&self, adopt: AdoptTag<'_>) -> StoreResult<AdoptOutcome> {
        let mut tables = self.tables();
        if tables.is_closed(adopt.repository) {
            return Ok(AdoptOutcome::Closed);
        }
        let Some(repository) = tables.repositories.get_mut(adopt.repository) else { return Ok(AdoptOutcome::Missing) };
        let previous = repository.tags.get(adopt.tag).map(|target| target.digest);
        if previous == Some(*adopt.target) || (previous.is_some() && !adopt.overwrite) {
            return Ok(AdoptOutcome::Kept);
        }
        if repository.visible(adopt.target).is_none() {
            return Ok(AdoptOutcome::Missing);
        }
        repository.point(adopt.tag, *adopt.target, Timestamp::now(), None);
        if let Some(previous) = previous {
            tables.review(ReviewSubject::Manifest(adopt.repository.clone(), previous), adopt.review_after);
        }
        Ok(AdoptOutcome::Adopted)
    }
}

impl Tables {
    fn is_closed(&self, repository: &RepositoryName) -> bool {
        self.import.finished == Some(true) || self.import.repositories.contains(repository)
    }
}
