//! Uploads: start, append, commit, cancel.
//!
//! A session is a record in the metadata (offset, digester state, staging) and staged bytes in the blob store. A chunk
//! is synced before the record says that it was taken, so that the record never promises more than is there. A request
//! that writes holds a claim on the session; a second one is told that it is busy.

mod held;
mod pump;
mod purge;
mod room;

pub use purge::PurgeReport;
pub(super) use room::Room;

use futures::StreamExt;

use self::held::{HeldUpload, Received};
use super::{Registry, RegistryOptions};
use crate::body::BodyStream;
use crate::error::{RegistryError, RegistryResult};
use crate::protocol::byte_range::ChunkRange;
use crate::protocol::digest::{Algorithm, Digest, Digester};
use crate::protocol::reference::RepositoryName;
use crate::store::gc::BlobHold;
use crate::store::links::Link;
use crate::store::metadata::{CommitBlob, UploadRecord};
use crate::store::{BlobLocation, ClaimToken, StagedUpload, StoreErrorKind, Timestamp, UploadId};

/// The next bytes of an upload.
pub struct Chunk {
    /// Which bytes of the blob these are, if the client says so. Without it they follow what was taken before.
    pub range: Option<ChunkRange>,
    /// The bytes.
    pub body: BodyStream,
}

impl Chunk {
    /// A chunk without bytes.
    pub fn empty() -> Self {
        Self { range: None, body: futures::stream::empty().boxed() }
    }
}

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadStatus {
    /// Its name.
    pub id: UploadId,
    /// How many bytes are taken; the next chunk starts here.
    pub offset: u64,
}

/// A blob that was pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushedBlob {
    /// Its name, verified.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
}

impl Registry {
    /// Starts an upload. `algorithm` is the one that the blob's digest is going to have, as far as the client says so;
    /// a blob whose digest turns out to have another one is read once more when it is committed.
    ///
    /// # Errors
    /// `ReadOnly`.
    pub async fn start_upload(
        &self,
        repository: &RepositoryName,
        algorithm: Algorithm,
    ) -> RegistryResult<UploadStatus> {
        self.ensure_writable()?;
        let id = UploadId::random();
        let record = UploadRecord {
            id,
            repository: repository.clone(),
            staged: self.blobs.stage(id).await?,
            offset: 0,
            algorithm,
            digester_state: Digester::new(algorithm).save(),
            expires_at: Timestamp::now().plus(self.options.upload_lifetime),
        };
        self.metadata.create_upload(&record).await?;
        Ok(UploadStatus { id, offset: 0 })
    }

    /// Tells where an upload stands, also while another request is writing to it.
    ///
    /// # Errors
    /// `UploadUnknown`.
    pub async fn upload_status(&self, repository: &RepositoryName, id: UploadId) -> RegistryResult<UploadStatus> {
        match self.metadata.upload(repository, id, Timestamp::now()).await? {
            Some(record) => Ok(UploadStatus { id, offset: record.offset }),
            None => Err(RegistryError::UploadUnknown { repository: repository.clone(), upload: id }),
        }
    }

    /// Takes the next chunk of an upload.
    ///
    /// If the client goes away in the middle, what arrived is kept and [`upload_status`](Self::upload_status) tells how
    /// much that is. After any other error the upload stands where it stood before.
    ///
    /// # Errors
    /// `UploadUnknown`, `UploadBusy`, `ChunkOutOfOrder`, `ChunkSize`, `Body`, `ReadOnly`.
    pub async fn append_upload(
        &self,
        repository: &RepositoryName,
        id: UploadId,
        chunk: Chunk,
    ) -> RegistryResult<UploadStatus> {
        self.ensure_writable()?;
        let mut held = self.hold_upload(repository, id).await?;
        let taken = match self.receive(&held, chunk).await {
            Ok(Some(received)) => self.keep(&mut held, received).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        let status = UploadStatus { id, offset: held.record.offset };
        match taken {
            Ok(()) => self.release(held).await.map(|()| status),
            Err(error) => Err(self.release_after(held, error).await),
        }
    }

    /// Takes the last chunk, which may be empty, and makes the upload the blob `digest` of the repository.
    ///
    /// A chunk out of order, or one that did not arrive whole, leaves the upload as
    /// [`append_upload`](Self::append_upload) does. Content that does not have the digest ends the upload.
    ///
    /// # Errors
    /// `DigestMismatch`, and those of [`append_upload`](Self::append_upload).
    pub async fn commit_upload(
        &self,
        repository: &RepositoryName,
        id: UploadId,
        chunk: Chunk,
        digest: &Digest,
    ) -> RegistryResult<PushedBlob> {
        self.ensure_writable()?;
        let mut held = self.hold_upload(repository, id).await?;
        if held.record.offset == 0 {
            held.record.algorithm = digest.algorithm();
            held.record.digester_state = Digester::new(digest.algorithm()).save();
        }
        let kept = match self.receive(&held, chunk).await {
            Ok(Some(received)) if held.record.offset == 0 && received.cut_off.is_none() => {
                return self.commit_whole(held, received, digest).await;
            }
            Ok(Some(received)) => self.keep(&mut held, received).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            return Err(self.release_after(held, error).await);
        }
        if let Err(error) = self.verify_held(&held, digest).await {
            return Err(self.abandon(&held, error).await);
        }
        let hold = match self.hold_blob(digest).await {
            Ok(hold) => hold,
            Err(error) => return Err(self.release_after(held, error).await),
        };
        match self.commit_held(&held, digest, &hold).await {
            Ok(blob) => {
                self.discard(&held.record.staged).await;
                self.discard_replaced(&held).await;
                Ok(blob)
            }
            Err(error) => Err(self.abandon(&held, error).await),
        }
    }

    /// Pushes a whole blob at once, without a session.
    ///
    /// # Errors
    /// `DigestMismatch`, `Body`, `ReadOnly`. Nothing is left behind.
    pub async fn push_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        body: BodyStream,
    ) -> RegistryResult<PushedBlob> {
        self.ensure_writable()?;
        let staged = self.blobs.stage(UploadId::random()).await?;
        let mut digester = Digester::new(digest.algorithm());
        let pushed = async {
            let mut writer = self.blobs.open_writer(&staged, 0).await?;
            let pumped = pump::pump(&mut *writer, &mut digester, body, None, self.room.enter(), None).await;
            pumped.outcome?;
            verify(digest, digester.finish())?;
            let hold = self.hold_blob(digest).await?;
            let location = writer.commit(pumped.rest, digest).await?;
            self.make_visible(repository, digest, &location, pumped.bytes, None, &hold).await
        }
        .await;
        if pushed.is_err() {
            self.discard(&staged).await;
        }
        pushed
    }

    /// Ends an upload without a blob and frees its bytes.
    ///
    /// # Errors
    /// `UploadUnknown`, `ReadOnly`.
    pub async fn cancel_upload(&self, repository: &RepositoryName, id: UploadId) -> RegistryResult<()> {
        self.ensure_writable()?;
        match self.metadata.remove_upload(repository, id).await? {
            Some(record) => Ok(self.blobs.discard(&record.staged).await?),
            None => Err(RegistryError::UploadUnknown { repository: repository.clone(), upload: id }),
        }
    }

    /// Commits an upload of which nobody was told that anything was taken, so that its bytes need no safe place before
    /// they are a blob. If that fails, it stands where it stood, without any.
    async fn commit_whole(&self, held: HeldUpload, received: Received, digest: &Digest) -> RegistryResult<PushedBlob> {
        let Received { writer, digester, bytes, rest, .. } = received;
        if let Err(error) = verify(digest, digester.finish()) {
            drop(writer);
            return Err(self.abandon(&held, error).await);
        }
        let hold = match self.hold_blob(digest).await {
            Ok(hold) => hold,
            Err(error) => {
                drop(writer);
                self.drop_beyond(&held.record).await;
                return Err(self.release_after(held, error).await);
            }
        };
        let location = match writer.commit(rest, digest).await {
            Ok(location) => location,
            Err(_) if self.is_lost(&held).await => return Err(self.lost(&held).await),
            Err(error) => {
                self.drop_beyond(&held.record).await;
                return Err(self.release_after(held, error.into()).await);
            }
        };
        let record = &held.record;
        let upload = Some((record.id, held.claim));
        match self.make_visible(&record.repository, digest, &location, bytes, upload, &hold).await {
            Ok(blob) => {
                self.discard_replaced(&held).await;
                Ok(blob)
            }
            Err(error) => Err(self.abandon(&held, error).await),
        }
    }

    async fn verify_held(&self, held: &HeldUpload, digest: &Digest) -> RegistryResult<()> {
        let record = &held.record;
        let actual = if record.algorithm == digest.algorithm() {
            held.digester()?.finish()
        } else {
            self.digest_staged(record, digest.algorithm()).await?
        };
        verify(digest, actual)
    }

    async fn commit_held(&self, held: &HeldUpload, digest: &Digest, hold: &BlobHold) -> RegistryResult<PushedBlob> {
        let record = &held.record;
        let location = self.blobs.commit(&record.staged, digest, record.offset).await?;
        let upload = Some((record.id, held.claim));
        self.make_visible(&record.repository, digest, &location, record.offset, upload, hold).await
    }

    /// Keeps a blob's bytes from being deleted while they are put in place, or looked for, and recorded.
    ///
    /// A push does so once it knows that its bytes have the digest: if it is killed from now on, whatever is in place is
    /// taken for its own ([`gc`](crate::gc)).
    pub(super) async fn hold_blob(&self, digest: &Digest) -> RegistryResult<BlobHold> {
        let now = Timestamp::now();
        Ok(self.metadata.hold_blob(digest, now, now.plus(RegistryOptions::HOLD_LIFETIME)).await?)
    }

    async fn make_visible(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        location: &BlobLocation,
        size_bytes: u64,
        upload: Option<(UploadId, ClaimToken)>,
        hold: &BlobHold,
    ) -> RegistryResult<PushedBlob> {
        let review_after = self.pushed_review_after();
        let is_displaced = self.blobs.place(digest) != *location;
        let blob = CommitBlob {
            repository,
            digest,
            size_bytes,
            location,
            is_displaced,
            is_replicated: self.options.replicates,
            upload,
            hold: Some(hold),
            review_after,
        };
        if let Err(error) = self.metadata.commit_blob(blob).await {
            if error.kind() == StoreErrorKind::Conflict && !is_displaced {
                // Nothing has recorded the bytes that are in place now.
                self.metadata.record_stray_blob(digest, size_bytes, location, review_after).await?;
                hold.settle();
            }
            return Err(error.into());
        }
        hold.settle();
        self.settle_link(repository, &Link::Blob(*digest)).await?;
        Ok(PushedBlob { digest: *digest, size_bytes })
    }

    async fn digest_staged(&self, record: &UploadRecord, algorithm: Algorithm) -> RegistryResult<Digest> {
        let mut digester = Digester::new(algorithm);
        let mut content = self.blobs.read_staged(&record.staged, record.offset).await?;
        while let Some(piece) = content.next().await {
            digester.update(&piece?);
        }
        Ok(digester.finish())
    }

    pub(super) async fn discard(&self, staged: &StagedUpload) {
        if let Err(error) = self.blobs.discard(staged).await
            && error.kind() != StoreErrorKind::NotFound
        {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(staged = staged.as_str(), error, "staged bytes could not be discarded");
        }
    }
}

fn verify(expected: &Digest, actual: Digest) -> RegistryResult<()> {
    if *expected == actual { Ok(()) } else { Err(RegistryError::digest_mismatch(expected, &actual)) }
}
