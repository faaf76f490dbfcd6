//! Uploads: going on with them, copying, completing and removing them.
//!
//! ```text
//! <path>                              the upload in parts; once it is completed, the file
//! <directory>/_staged/<name>/<offset> where it stood when it was synced
//! <directory>/_staged/<name>/sealed   for a moment: the object at <path> is no file, but the parts so far
//! ```

mod complete;
mod copy;
mod find;
mod parts;
mod remove;

use bytes::Bytes;
use registry_core::store::{StagedUpload, StoreErrorKind};

use super::checkpoint::{self, Checkpoint};
use super::objects::Purpose;
use super::store::Store;
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

/// An upload in parts, to be gone on with or completed.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    /// The store's own id of it.
    pub(super) id: String,
    /// How large each part is.
    pub(super) part_bytes: u64,
    /// The tags of the parts there are.
    pub(super) tags: Vec<String>,
}

/// Returns the path that an upload is known by.
pub(super) fn path(upload: &StagedUpload) -> DriverResult<StoragePath> {
    let foreign = |error| DriverError::new(StoreErrorKind::Corrupt, "use the upload", upload.as_str(), error);
    upload.as_str().parse().map_err(foreign)
}

impl Store {
    /// Finds where an upload stood at exactly `offset`.
    pub(super) async fn checkpoint(&self, upload: &StoragePath, offset: u64) -> DriverResult<Option<Checkpoint>> {
        let at = checkpoint::at(upload, offset);
        let Some(object) = self.backend.head(&at).await? else { return Ok(None) };
        let found = object.note.and_then(|note| Checkpoint::parse(offset, &note));
        let damaged = || DriverError::new(StoreErrorKind::Corrupt, "use the upload", &at, "it says nothing of parts");
        found.ok_or_else(damaged).map(Some)
    }

    /// Finds where an upload stood when it had at least `size_bytes`.
    async fn checkpoint_beyond(&self, upload: &StoragePath, size_bytes: u64) -> DriverResult<Checkpoint> {
        if let Some(found) = self.checkpoint(upload, size_bytes).await? {
            return Ok(found);
        }
        let (directory, after) = (checkpoint::directory(upload), checkpoint::at(upload, size_bytes));
        let page = self.backend.list(&directory, Some(&after), None, 1).await?;
        let offset = page.objects.first().and_then(|object| checkpoint::offset(&object.path));
        let found = match offset {
            Some(offset) => self.checkpoint(upload, offset).await?,
            None => None,
        };
        let fewer = || {
            let cause = format!("it has fewer bytes, expected at least {size_bytes}");
            DriverError::new(StoreErrorKind::Corrupt, "use upload", upload, cause)
        };
        found.ok_or_else(fewer)
    }

    /// Writes down where an upload stands, with its tail.
    pub(super) async fn put_checkpoint(&self, upload: &StoragePath, at: &Checkpoint, tail: Bytes) -> DriverResult<()> {
        let path = checkpoint::at(upload, at.offset);
        Ok(self.backend.put(&path, tail, Purpose::Checkpoint, Some(&at.note())).await?)
    }

    /// Goes on with the parts of an upload where a checkpoint says it stood.
    ///
    /// # Errors
    /// `NotFound` if there is no such upload any more; `Corrupt` if its parts are others.
    pub(super) async fn resume(&self, upload: &StoragePath, at: &Checkpoint) -> DriverResult<Parts> {
        let tags = match self.backend.parts(upload, &at.id, at.parts).await {
            Err(failure) if failure.kind() == StoreErrorKind::NotFound && self.is_sealed(upload).await? => {
                return self.copy_sealed(upload, upload, at.parts, at.part_bytes).await;
            }
            listed => listed?,
        };
        if tags.len() == at.parts && Checkpoint::sum(&tags) == at.tags {
            return Ok(Parts { id: at.id.clone(), part_bytes: at.part_bytes, tags });
        }
        let cause = "its parts are not those that were synced";
        Err(DriverError::new(StoreErrorKind::Corrupt, "use upload", upload, cause))
    }

    /// Refuses more parts than an upload can have.
    pub(super) fn check_parts(&self, upload: &StoragePath, parts: &Parts) -> DriverResult<()> {
        let most = self.backend.limits().max_parts;
        if parts.tags.len() < most {
            return Ok(());
        }
        let (size, name) = (parts.part_bytes, self.backend.name());
        let why =
            format!("it has {most} parts of {size} bytes, the most that can be; raise `storage.{name}.chunksize`");
        Err(DriverError::new(StoreErrorKind::Unsupported, "write to upload", upload, why))
    }
}
