//! Appending to an upload: one part is filled while the one before it is sent.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use registry_core::store::{StagedUpload, StoreErrorKind};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use super::checkpoint::{self, Checkpoint};
use super::objects::Purpose;
use super::store::Store;
use super::uploads::Parts;
use crate::driver::UploadWriter;
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

/// Appends to one upload.
pub(super) struct ObjectWriter {
    store: Arc<Store>,
    path: StoragePath,
    /// `None` until something is written to a new upload.
    parts: Option<Parts>,
    /// What is no part yet, with its room.
    tail: Tail,
    /// The part that is being sent.
    sending: Option<Sending>,
    /// Where the upload was synced last.
    synced: u64,
    /// Where it was synced before that, which nobody goes back to any more.
    superseded: u64,
    offset: u64,
    /// Something that was begun did not come to its end, so that it is not known what the upload has.
    is_lost: bool,
}

#[derive(Default)]
struct Tail {
    bytes: BytesMut,
    room: Option<OwnedSemaphorePermit>,
}

/// A part on its way. It is given up if the writer is.
struct Sending(JoinHandle<DriverResult<String>>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl ObjectWriter {
    /// Begins an upload anew.
    pub(super) fn new(store: Arc<Store>, path: StoragePath) -> Self {
        let (parts, tail, sending) = (None, Tail::default(), None);
        Self { store, path, parts, tail, sending, synced: 0, superseded: 0, offset: 0, is_lost: false }
    }

    /// Goes on with an upload. `tail` is what its checkpoint has, with its room.
    pub(super) fn resumed(
        store: Arc<Store>,
        path: StoragePath,
        at: &Checkpoint,
        parts: Parts,
        tail: BytesMut,
        room: OwnedSemaphorePermit,
    ) -> Self {
        let (parts, tail, sending) = (Some(parts), Tail { bytes: tail, room: Some(room) }, None);
        let (synced, superseded, offset) = (at.offset, at.previous, at.offset);
        Self { store, path, parts, tail, sending, synced, superseded, offset, is_lost: false }
    }

    /// Begins what the upload is lost without.
    fn begin_step(&mut self) -> DriverResult<()> {
        if std::mem::replace(&mut self.is_lost, true) {
            let why = "something that was written before was not taken";
            return Err(DriverError::new(StoreErrorKind::Unavailable, "write to upload", &self.path, why));
        }
        Ok(())
    }

    async fn append(&mut self, pieces: Vec<Bytes>) -> DriverResult<()> {
        for mut piece in pieces {
            while !piece.is_empty() {
                let part_bytes = self.begun().await?.part_bytes;
                if self.tail.room.is_none() {
                    self.tail.room = Some(self.store.room(part_bytes).await?);
                }
                let missing = usize::try_from(part_bytes).unwrap_or(usize::MAX) - self.tail.bytes.len();
                let taken = piece.split_to(missing.min(piece.len()));
                self.tail.bytes.extend_from_slice(&taken);
                self.offset += taken.len() as u64;
                if self.tail.bytes.len() as u64 == part_bytes {
                    self.send().await?;
                }
            }
        }
        Ok(())
    }

    /// Begins the upload in parts, if that was not done. From then on the upload can be seen, and aborted.
    async fn begun(&mut self) -> DriverResult<&mut Parts> {
        if self.parts.is_none() {
            if self.store.backend.head(&self.path).await?.is_some() {
                let why = "it was completed, and what is written now would replace the file";
                return Err(DriverError::new(StoreErrorKind::Corrupt, "write to upload", &self.path, why));
            }
            let id = self.store.backend.begin(&self.path).await?;
            self.parts = Some(Parts { id, part_bytes: self.store.part_bytes, tags: Vec::new() });
        }
        Ok(self.parts.as_mut().expect("it was begun"))
    }

    /// Sends what there is as the next part, after the one before it.
    async fn send(&mut self) -> DriverResult<()> {
        self.sent().await?;
        let Some(parts) = &self.parts else { return Ok(()) };
        self.store.check_parts(&self.path, parts)?;
        let Tail { bytes, room } = std::mem::take(&mut self.tail);
        let (store, path, id, number) =
            (Arc::clone(&self.store), self.path.clone(), parts.id.clone(), parts.tags.len() + 1);
        self.sending = Some(Sending(tokio::spawn(async move {
            let sent = store.backend.put_part(&path, &id, number, bytes.freeze()).await;
            drop(room);
            Ok(sent?)
        })));
        Ok(())
    }

    /// Waits for the part that is being sent.
    async fn sent(&mut self) -> DriverResult<()> {
        let Some(sending) = &mut self.sending else { return Ok(()) };
        let stopped = |error| DriverError::new(StoreErrorKind::Unavailable, "upload part of", &self.path, error);
        let tag = (&mut sending.0).await.map_err(stopped).flatten()?;
        self.sending = None;
        if let Some(parts) = &mut self.parts {
            parts.tags.push(tag);
        }
        Ok(())
    }

    /// Writes down where the upload stands, and makes sure that it was not aborted meanwhile.
    async fn put_checkpoint(&mut self, parts: &Parts) -> DriverResult<()> {
        let at = Checkpoint {
            offset: self.offset,
            id: parts.id.clone(),
            part_bytes: parts.part_bytes,
            parts: parts.tags.len(),
            tags: Checkpoint::sum(&parts.tags),
            previous: self.synced,
        };
        let tail = std::mem::take(&mut self.tail.bytes).freeze();
        self.store.put_checkpoint(&self.path, &at, tail.clone()).await?;
        self.tail.bytes = tail.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        if let Err(failure) = self.store.backend.parts(&self.path, &parts.id, 1).await {
            // Whoever aborts an upload looks for checkpoints after its parts are gone: either they or we see this one.
            self.store.backend.delete(&checkpoint::at(&self.path, self.offset)).await?;
            return Err(failure.into());
        }
        Ok(())
    }
}

#[async_trait]
impl UploadWriter for ObjectWriter {
    async fn write(&mut self, pieces: Vec<Bytes>) -> DriverResult<()> {
        self.begin_step()?;
        self.append(pieces).await?;
        self.is_lost = false;
        Ok(())
    }

    async fn sync(&mut self) -> DriverResult<StagedUpload> {
        self.begin_step()?;
        self.sent().await?;
        if self.offset > self.synced
            && let Some(parts) = self.parts.clone()
        {
            self.put_checkpoint(&parts).await?;
            if self.superseded > 0 {
                self.store.backend.delete(&checkpoint::at(&self.path, self.superseded)).await?;
            }
            (self.superseded, self.synced) = (0, self.offset);
        }
        self.is_lost = false;
        Ok(StagedUpload::new(self.path.as_str()))
    }

    async fn complete(mut self: Box<Self>, last: Vec<Bytes>, target: &StoragePath) -> DriverResult<StoragePath> {
        self.begin_step()?;
        if self.parts.is_none() {
            // All of it came at once, and nobody knows of it yet.
            self.store.backend.put(target, last.concat().into(), Purpose::File, None).await?;
            return Ok(target.clone());
        }
        self.append(last).await?;
        self.sent().await?;
        let is_empty = self.parts.as_ref().is_none_or(|parts| parts.tags.is_empty());
        if !self.tail.bytes.is_empty() || is_empty {
            self.send().await?;
            self.sent().await?;
        }
        if let Some(parts) = &self.parts {
            self.store.finish(&self.path, parts, self.offset).await?;
        }
        if self.synced > 0 {
            // From now on the object is the file.
            self.store.backend.delete(&checkpoint::sealed(&self.path)).await?;
            self.store.abort_upload(&self.path).await?;
        }
        Ok(self.path)
    }
}
