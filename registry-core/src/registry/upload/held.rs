//! An upload that this request holds the claim on.

use std::time::Duration;

use super::{Chunk, pump};
use crate::body::BodyError;
use crate::error::{RegistryError, RegistryResult};
use crate::protocol::digest::Digester;
use crate::protocol::reference::RepositoryName;
use crate::registry::Registry;
use crate::store::metadata::{ClaimOutcome, UploadRecord};
use crate::store::{ClaimToken, MetadataStore, StoreError, StoreErrorKind, StoreResult, Timestamp, UploadId};

/// How long a claim lasts unless it is renewed. Whoever holds it longer without news may be dead.
const CLAIM_LIFETIME: Duration = Duration::from_secs(60);
/// How long after the last renewal a claim is renewed.
const RENEW_AFTER: Duration = Duration::from_secs(20);

/// A session's record, and the proof that nobody else may write to it.
pub(super) struct HeldUpload {
    pub(super) record: UploadRecord,
    pub(super) claim: ClaimToken,
}

impl HeldUpload {
    pub(super) fn digester(&self) -> StoreResult<Digester> {
        Digester::resume(self.record.algorithm, &self.record.digester_state).map_err(|error| {
            StoreError::with_source(StoreErrorKind::Corrupt, format!("resuming upload {}", self.record.id), error)
        })
    }
}

/// Keeps a claim alive for as long as bytes arrive.
pub(super) struct Lease<'a> {
    metadata: &'a dyn MetadataStore,
    id: UploadId,
    claim: ClaimToken,
    renewed: Timestamp,
}

impl<'a> Lease<'a> {
    fn new(registry: &'a Registry, held: &HeldUpload) -> Self {
        let metadata = &*registry.metadata;
        Self { metadata, id: held.record.id, claim: held.claim, renewed: Timestamp::now() }
    }

    /// Renews the claim if it is time to.
    pub(super) async fn keep(&mut self) -> StoreResult<()> {
        let now = Timestamp::now();
        if now < self.renewed.plus(RENEW_AFTER) {
            return Ok(());
        }
        self.renewed = now;
        self.metadata.renew_claim(self.id, self.claim, now.plus(CLAIM_LIFETIME)).await
    }
}

impl Registry {
    pub(super) async fn hold_upload(&self, repository: &RepositoryName, id: UploadId) -> RegistryResult<HeldUpload> {
        let claim = ClaimToken::random();
        let now = Timestamp::now();
        match self.metadata.claim_upload(repository, id, claim, now, now.plus(CLAIM_LIFETIME)).await? {
            ClaimOutcome::Claimed(record) => Ok(HeldUpload { record, claim }),
            ClaimOutcome::TakenOver(mut record) => {
                // The earlier writer may wake up at any time; from now on it writes where nobody looks.
                let old = record.staged.clone();
                record.staged = self.blobs.take_over(&old, record.offset).await?;
                let held = HeldUpload { record, claim };
                self.discard(&old).await;
                Ok(held)
            }
            ClaimOutcome::Busy => Err(RegistryError::UploadBusy(id)),
            ClaimOutcome::Unknown => Err(RegistryError::UploadUnknown { repository: repository.clone(), upload: id }),
        }
    }

    /// Writes a chunk and moves the held record on to what is synced. The record in the store stays as it is.
    pub(super) async fn take_chunk(&self, held: &mut HeldUpload, chunk: Chunk) -> RegistryResult<()> {
        let offset = held.record.offset;
        if let Some(range) = &chunk.range
            && range.start != offset
        {
            return Err(RegistryError::ChunkOutOfOrder { offset, start: range.start });
        }
        let mut body = std::pin::pin!(futures::stream::StreamExt::peekable(chunk.body));
        let expected = chunk.range.map(|range| range.len());
        if expected.is_none() && body.as_mut().peek().await.is_none() {
            return Ok(());
        }
        let mut digester = held.digester()?;
        let mut writer = match self.blobs.open_writer(&held.record.staged, offset).await {
            Err(error) if error.kind() == StoreErrorKind::Corrupt => return Err(self.end_lost(held, error).await),
            opened => opened?,
        };
        let mut lease = Lease::new(self, held);
        let taken = pump::pump(&mut *writer, &mut digester, body, expected, Some(&mut lease)).await;
        match &taken.outcome {
            Ok(()) | Err(RegistryError::Body(BodyError::Aborted(_) | BodyError::TimedOut(_))) => {}
            Err(_) => {
                drop(writer);
                self.drop_beyond(&held.record).await;
                return taken.outcome;
            }
        }
        held.record.staged = match writer.sync().await {
            Ok(staged) => staged,
            Err(error) => {
                // What a failed sync has lost cannot be known; the upload has to start over.
                self.abandon(&held.record).await;
                return Err(error.into());
            }
        };
        held.record.offset = offset + taken.written;
        held.record.digester_state = digester.save();
        taken.outcome
    }

    /// Ends a session whose bytes are gone, which the client learns as soon as it asks for more.
    async fn end_lost(&self, held: &HeldUpload, error: StoreError) -> RegistryError {
        let (upload, repository) = (held.record.id, held.record.repository.clone());
        tracing::error!(%upload, error = &error as &dyn std::error::Error, "the bytes of an upload are gone; ending it");
        self.abandon(&held.record).await;
        RegistryError::UploadUnknown { repository, upload }
    }

    /// Gives back the room of bytes that were written but not taken; on a full disk everybody waits for it.
    async fn drop_beyond(&self, record: &UploadRecord) {
        if let Err(error) = self.blobs.open_writer(&record.staged, record.offset).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(upload = %record.id, error, "bytes that were not taken could not be dropped");
        }
    }

    /// Records how far the upload came and lets others at it.
    pub(super) async fn release(&self, mut held: HeldUpload) -> RegistryResult<()> {
        held.record.expires_at = Timestamp::now().plus(self.options.upload_lifetime);
        match self.metadata.release_upload(&held.record, held.claim).await {
            Err(error) if error.kind() == StoreErrorKind::Conflict => {
                Err(RegistryError::UploadUnknown { repository: held.record.repository, upload: held.record.id })
            }
            released => Ok(released?),
        }
    }

    /// Releases after an error, which stays the answer whatever becomes of the release.
    pub(super) async fn release_after(&self, held: HeldUpload, error: RegistryError) -> RegistryError {
        if matches!(error, RegistryError::UploadUnknown { .. }) {
            return error;
        }
        let id = held.record.id;
        if let Err(release) = self.release(held).await {
            let release = &release as &dyn std::error::Error;
            tracing::warn!(upload = %id, error = release, "upload could not be released; its claim will run out");
        }
        error
    }
}
