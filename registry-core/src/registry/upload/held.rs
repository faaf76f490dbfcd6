//! An upload that this request holds the claim on.

use std::time::Duration;

use bytes::Bytes;

use super::Chunk;
use super::pump::{self, Pumped};
use super::room::Place;
use crate::body::BodyError;
use crate::error::{RegistryError, RegistryResult};
use crate::protocol::digest::Digester;
use crate::protocol::reference::RepositoryName;
use crate::registry::Registry;
use crate::store::metadata::{ClaimOutcome, UploadRecord};
use crate::store::{
    BlobWriter, ClaimToken, MetadataStore, StagedUpload, StoreError, StoreErrorKind, StoreResult, Timestamp, UploadId,
};

/// How long a claim lasts unless it is renewed. Whoever holds it longer without news may be dead.
const CLAIM_LIFETIME: Duration = Duration::from_secs(60);
/// How long after the last renewal a claim is renewed.
const RENEW_AFTER: Duration = Duration::from_secs(20);

/// A session's record, and the proof that nobody else may write to it.
pub(super) struct HeldUpload {
    pub(super) record: UploadRecord,
    pub(super) claim: ClaimToken,
    /// Where the store's record says that the bytes are, if we work on a copy of them. They are needed until our progress
    /// is recorded: nobody could go on from there if we died before.
    replaced: Option<StagedUpload>,
}

impl HeldUpload {
    pub(super) fn digester(&self) -> StoreResult<Digester> {
        Digester::resume(self.record.algorithm, &self.record.digester_state).map_err(|error| {
            StoreError::with_source(StoreErrorKind::Corrupt, format!("resuming upload {}", self.record.id), error)
        })
    }
}

/// A chunk that has come in.
pub(super) struct Received {
    pub(super) writer: Box<dyn BlobWriter>,
    /// Over the upload with the whole chunk.
    pub(super) digester: Digester,
    pub(super) bytes: u64,
    /// What the writer does not have yet.
    pub(super) rest: Vec<Bytes>,
    /// What that takes of the room.
    pub(super) place: Place,
    /// The client went away; what came before counts all the same.
    pub(super) cut_off: Option<BodyError>,
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
            ClaimOutcome::Claimed(record) => Ok(HeldUpload { record, claim, replaced: None }),
            ClaimOutcome::TakenOver(mut record) => {
                // The earlier writer may wake up at any time; from now on it writes where nobody looks.
                let copy = self.blobs.take_over(&record.staged, record.offset).await?;
                let replaced = Some(std::mem::replace(&mut record.staged, copy));
                Ok(HeldUpload { record, claim, replaced })
            }
            ClaimOutcome::Busy => Err(RegistryError::UploadBusy(id)),
            ClaimOutcome::Unknown => Err(RegistryError::UploadUnknown { repository: repository.clone(), upload: id }),
        }
    }

    /// Receives a chunk and writes all of it but what the writer is to take last. Gives nothing for a chunk without bytes.
    pub(super) async fn receive(&self, held: &HeldUpload, chunk: Chunk) -> RegistryResult<Option<Received>> {
        let offset = held.record.offset;
        if let Some(range) = &chunk.range
            && range.start != offset
        {
            return Err(RegistryError::ChunkOutOfOrder { offset, start: range.start });
        }
        let mut body = std::pin::pin!(futures::stream::StreamExt::peekable(chunk.body));
        let expected = chunk.range.map(|range| range.len());
        if expected.is_none() && body.as_mut().peek().await.is_none() {
            return Ok(None);
        }
        let mut digester = held.digester()?;
        let mut writer = match self.blobs.open_writer(&held.record.staged, offset).await {
            Err(error) if error.kind() == StoreErrorKind::Corrupt => return Err(self.end_gone(held, error).await),
            opened => opened?,
        };
        let mut lease = Lease::new(self, held);
        let Pumped { bytes, rest, place, outcome } =
            pump::pump(&mut *writer, &mut digester, body, expected, self.room.enter(), Some(&mut lease)).await;
        let cut_off = match outcome {
            Ok(()) => None,
            Err(RegistryError::Body(error)) => Some(error),
            Err(error) => {
                drop(writer);
                self.drop_beyond(&held.record).await;
                return Err(error);
            }
        };
        Ok(Some(Received { writer, digester, bytes, rest, place, cut_off }))
    }

    /// Syncs what was received and moves the held record on. The record in the store stays as it is.
    pub(super) async fn keep(&self, held: &mut HeldUpload, received: Received) -> RegistryResult<()> {
        let Received { mut writer, digester, bytes, rest, place, cut_off } = received;
        let written = writer.write(rest).await;
        drop(place);
        if let Err(error) = written {
            drop(writer);
            self.drop_beyond(&held.record).await;
            return Err(error.into());
        }
        held.record.staged = match writer.sync().await {
            Ok(staged) => staged,
            Err(error) => {
                // What a failed sync has lost cannot be known; the upload has to start over.
                return Err(self.abandon(held, error.into()).await);
            }
        };
        held.record.offset += bytes;
        held.record.digester_state = digester.save();
        cut_off.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Ends a session whose bytes are gone, which the client learns as soon as it asks for more.
    async fn end_gone(&self, held: &HeldUpload, error: StoreError) -> RegistryError {
        let (upload, repository) = (held.record.id, held.record.repository.clone());
        if !self.is_lost(held).await {
            let error = &error as &dyn std::error::Error;
            tracing::error!(%upload, error, "the bytes of an upload are gone; ending it");
        }
        self.abandon(held, RegistryError::UploadUnknown { repository, upload }).await
    }

    /// Gives back the room of bytes that were written but not taken; on a full disk everybody waits for it.
    pub(super) async fn drop_beyond(&self, record: &UploadRecord) {
        let dropped = async { self.blobs.open_writer(&record.staged, record.offset).await?.write(Vec::new()).await };
        if let Err(error) = dropped.await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(upload = %record.id, error, "bytes that were not taken could not be dropped");
        }
    }

    /// Records how far the upload came and lets others at it.
    pub(super) async fn release(&self, mut held: HeldUpload) -> RegistryResult<()> {
        held.record.expires_at = Timestamp::now().plus(self.options.upload_lifetime);
        match self.metadata.release_upload(&held.record, held.claim).await {
            Err(error) if error.kind() == StoreErrorKind::Conflict => return Err(self.lost(&held).await),
            released => released?,
        }
        self.discard_replaced(&held).await;
        Ok(())
    }

    /// Releases after an error, which stays the answer unless it says no more than that the upload was lost.
    pub(super) async fn release_after(&self, held: HeldUpload, error: RegistryError) -> RegistryError {
        let id = held.record.id;
        let is_conflict = matches!(&error, RegistryError::Store(store) if store.kind() == StoreErrorKind::Conflict);
        match self.release(held).await {
            Ok(()) => error,
            Err(lost @ (RegistryError::UploadUnknown { .. } | RegistryError::UploadBusy(_))) => {
                if is_conflict {
                    lost
                } else {
                    error
                }
            }
            Err(release) => {
                let release = &release as &dyn std::error::Error;
                tracing::warn!(upload = %id, error = release, "upload could not be released; its claim will run out");
                error
            }
        }
    }

    /// Ends a session that came to nothing by `error`, and returns what to tell the client. The purge finds what this
    /// fails to remove.
    pub(super) async fn abandon(&self, held: &HeldUpload, error: RegistryError) -> RegistryError {
        if self.is_lost(held).await {
            return self.lost(held).await;
        }
        let record = &held.record;
        if let Err(error) = self.metadata.remove_upload(&record.repository, record.id).await {
            tracing::warn!(upload = %record.id, error = &error as &dyn std::error::Error, "upload could not be ended");
        }
        self.discard(&record.staged).await;
        self.discard_replaced(held).await;
        error
    }

    /// Frees what nobody goes on from any more, because the record says otherwise now or is gone.
    pub(super) async fn discard_replaced(&self, held: &HeldUpload) {
        if let Some(replaced) = &held.replaced {
            self.discard(replaced).await;
        }
    }

    /// Tells whether somebody has cancelled the upload, or has taken it over from us because we were slow. If not, it
    /// stays ours for a while.
    pub(super) async fn is_lost(&self, held: &HeldUpload) -> bool {
        let until = Timestamp::now().plus(CLAIM_LIFETIME);
        let renewed = self.metadata.renew_claim(held.record.id, held.claim, until).await;
        renewed.is_err_and(|error| error.kind() == StoreErrorKind::Conflict)
    }

    /// Returns what to tell a client whose upload was lost.
    pub(super) async fn lost(&self, held: &HeldUpload) -> RegistryError {
        let HeldUpload { record, replaced, .. } = held;
        let (error, is_ours) = match self.metadata.upload(&record.repository, record.id, Timestamp::now()).await {
            // Whoever took over discards what we both began from.
            Ok(Some(_)) => (RegistryError::UploadBusy(record.id), replaced.is_some()),
            Ok(None) => {
                let (repository, upload) = (record.repository.clone(), record.id);
                (RegistryError::UploadUnknown { repository, upload }, true)
            }
            Err(error) => (error.into(), false),
        };
        if is_ours {
            self.discard(&record.staged).await;
        }
        error
    }
}
