use async_trait::async_trait;

use super::{Claim, MemoryMetadataStore, Tables, Upload};
use crate::protocol::reference::RepositoryName;
use crate::store::metadata::{ClaimOutcome, UploadRecord, UploadStore};
use crate::store::{ClaimToken, StoreError, StoreErrorKind, StoreResult, Timestamp, UploadId};

#[async_trait]
impl UploadStore for MemoryMetadataStore {
    async fn create_upload(&self, upload: &UploadRecord) -> StoreResult<()> {
        let created = || Upload { record: upload.clone(), claim: None };
        self.tables().uploads.entry(upload.id).or_insert_with(created);
        Ok(())
    }

    async fn upload(
        &self,
        repository: &RepositoryName,
        id: UploadId,
        now: Timestamp,
    ) -> StoreResult<Option<UploadRecord>> {
        Ok(self.tables().live_upload(repository, id, now).map(|upload| upload.record.clone()))
    }

    async fn claim_upload(
        &self,
        repository: &RepositoryName,
        id: UploadId,
        claim: ClaimToken,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<ClaimOutcome> {
        let mut tables = self.tables();
        let Some(upload) = tables.live_upload(repository, id, now) else { return Ok(ClaimOutcome::Unknown) };
        let record = upload.record.clone();
        let outcome = match &upload.claim {
            Some(held) if held.token != claim && held.until > now => return Ok(ClaimOutcome::Busy),
            Some(_) => ClaimOutcome::TakenOver(record),
            None => ClaimOutcome::Claimed(record),
        };
        upload.claim = Some(Claim { token: claim, until });
        Ok(outcome)
    }

    async fn renew_claim(&self, id: UploadId, claim: ClaimToken, until: Timestamp) -> StoreResult<()> {
        self.tables().held_upload(id, claim)?.claim = Some(Claim { token: claim, until });
        Ok(())
    }

    async fn release_upload(&self, upload: &UploadRecord, claim: ClaimToken) -> StoreResult<()> {
        let mut tables = self.tables();
        let held = tables.held_upload(upload.id, claim)?;
        // The session stays in the repository that it was created for.
        let repository = held.record.repository.clone();
        *held = Upload { record: UploadRecord { repository, ..upload.clone() }, claim: None };
        Ok(())
    }

    async fn remove_upload(&self, repository: &RepositoryName, id: UploadId) -> StoreResult<Option<UploadRecord>> {
        let mut tables = self.tables();
        if tables.uploads.get(&id).is_none_or(|upload| upload.record.repository != *repository) {
            return Ok(None);
        }
        Ok(tables.uploads.remove(&id).map(|upload| upload.record))
    }

    async fn expired_uploads(&self, now: Timestamp, limit: usize) -> StoreResult<Vec<UploadRecord>> {
        let tables = self.tables();
        let mut expired: Vec<&UploadRecord> = tables
            .uploads
            .values()
            .filter(|upload| upload.record.expires_at <= now)
            .filter(|upload| upload.claim.as_ref().is_none_or(|claim| claim.until <= now))
            .map(|upload| &upload.record)
            .collect();
        expired.sort_by_key(|record| (record.expires_at, record.id));
        Ok(expired.into_iter().take(limit).cloned().collect())
    }
}

impl Tables {
    /// Finds a session of the repository that has not expired.
    fn live_upload(&mut self, repository: &RepositoryName, id: UploadId, now: Timestamp) -> Option<&mut Upload> {
        let upload = self.uploads.get_mut(&id)?;
        (upload.record.repository == *repository && upload.record.expires_at > now).then_some(upload)
    }

    /// Finds a session that the claim holds.
    pub(super) fn held_upload(&mut self, id: UploadId, claim: ClaimToken) -> StoreResult<&mut Upload> {
        self.uploads
            .get_mut(&id)
            .filter(|upload| upload.claim.as_ref().is_some_and(|held| held.token == claim))
            .ok_or_else(|| {
                StoreError::new(StoreErrorKind::Conflict, format!("upload `{id}` is not held by this claim"))
            })
    }
}
