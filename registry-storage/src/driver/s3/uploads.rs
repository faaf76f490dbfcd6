//! Uploads: going on with them, copying, completing and removing them.
//!
//! ```text
//! <path>                              the upload in parts; once it is completed, the file
//! <directory>/_staged/<name>/<offset> where it stood when it was synced
//! <directory>/_staged/<name>/sealed   for a moment: the object at <path> is no file, but the parts so far
//! ```
//!
//! Parts cannot be read before the upload is completed. Where they have to be read or copied all the same, because a
//! writer was lost or a digest of another kind is asked for, the upload is *sealed*: completed as it is, so that nobody
//! can write to it any more. Whoever goes on with it has the store copy the parts into a new upload.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use registry_core::store::{StagedUpload, StoreErrorKind, Timestamp};

use super::Store;
use super::checkpoint::{self, Checkpoint};
use super::config::S3Config;
use super::multipart::MAX_PARTS;
use super::objects::{AT_ONCE, Purpose};
use super::read;
use crate::driver::{Content, DriverStream};
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

/// How large the parts are that a file is copied in which is too large to be copied as one.
const COPY_PART_BYTES: u64 = 1024 * 1024 * 1024;

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
        let Some(headers) = self.client.head(&at).await? else { return Ok(None) };
        let damaged = || DriverError::new(StoreErrorKind::Corrupt, "use the upload", &at, "it says nothing of parts");
        Checkpoint::parse(offset, &headers, self.client.dialect).ok_or_else(damaged).map(Some)
    }

    /// Finds where an upload stood when it had at least `size_bytes`.
    async fn checkpoint_beyond(&self, upload: &StoragePath, size_bytes: u64) -> DriverResult<Checkpoint> {
        if let Some(found) = self.checkpoint(upload, size_bytes).await? {
            return Ok(found);
        }
        let (directory, after) = (checkpoint::directory(upload), checkpoint::at(upload, size_bytes));
        let page = self.client.list(&directory, Some(&after), None, 1).await?;
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
        let extra = Some((self.client.dialect.checkpoint.clone(), at.header()));
        Ok(self.client.put(&checkpoint::at(upload, at.offset), tail, Purpose::Checkpoint, extra).await?)
    }

    /// Goes on with the parts of an upload where a checkpoint says it stood.
    ///
    /// # Errors
    /// `NotFound` if there is no such upload any more; `Corrupt` if its parts are others.
    pub(super) async fn resume(&self, upload: &StoragePath, at: &Checkpoint) -> DriverResult<Parts> {
        let (id, part_bytes) = (at.id.clone(), at.part_bytes);
        let listed = self.client.parts(upload, &at.id, at.parts).await;
        let tags = match listed {
            Err(failure) if failure.kind() == StoreErrorKind::NotFound && self.is_sealed(upload).await? => {
                return self.copy_sealed(upload, upload, at.parts, part_bytes).await;
            }
            listed => listed?,
        };
        if tags.len() == at.parts && Checkpoint::sum(&tags) == at.tags {
            return Ok(Parts { id, part_bytes, tags });
        }
        let cause = "its parts are not those that were synced";
        Err(DriverError::new(StoreErrorKind::Corrupt, "use upload", upload, cause))
    }

    async fn is_sealed(&self, upload: &StoragePath) -> DriverResult<bool> {
        Ok(self.client.head(&checkpoint::sealed(upload)).await?.is_some())
    }

    /// Makes the parts of an upload an object, if they are not one yet.
    async fn seal(&self, upload: &StoragePath, at: &Checkpoint) -> DriverResult<()> {
        if self.is_sealed(upload).await? && self.client.head(upload).await?.is_some() {
            return Ok(());
        }
        let parts = self.resume(upload, at).await?;
        self.client.put(&checkpoint::sealed(upload), Bytes::new(), Purpose::Checkpoint, None).await?;
        self.finish(upload, &parts, at.in_parts()).await
    }

    /// Begins an upload with the first parts of one that is sealed.
    async fn copy_sealed(
        &self,
        sealed: &StoragePath,
        upload: &StoragePath,
        parts: usize,
        part_bytes: u64,
    ) -> DriverResult<Parts> {
        let id = self.client.begin(upload).await?;
        match self.client.copy_parts(upload, &id, sealed, parts as u64 * part_bytes, part_bytes).await {
            Ok(tags) => Ok(Parts { id, part_bytes, tags }),
            Err(failure) => {
                self.client.abort(upload, &id).await?;
                Err(failure.into())
            }
        }
    }

    /// Has a file copied. Atomic.
    pub(super) async fn keep_copy(&self, path: &StoragePath, copy: &StoragePath) -> DriverResult<()> {
        let missing = || DriverError::new(StoreErrorKind::NotFound, "copy", path, "it is not there");
        let size_bytes = self.client.size(path).await?.ok_or_else(missing)?;
        if size_bytes <= S3Config::MAX_PART_BYTES {
            return Ok(self.client.copy(path, copy).await?);
        }
        let id = self.client.begin(copy).await?;
        let copied = async {
            let tags = self.client.copy_parts(copy, &id, path, size_bytes, COPY_PART_BYTES).await?;
            let parts = Parts { id: id.clone(), part_bytes: COPY_PART_BYTES, tags };
            self.finish(copy, &parts, size_bytes).await
        };
        if let Err(error) = copied.await {
            self.client.abort(copy, &id).await?;
            return Err(error);
        }
        Ok(())
    }

    /// Completes an upload in parts. Its answer may have been lost before: then the object is there.
    pub(super) async fn finish(&self, upload: &StoragePath, parts: &Parts, size_bytes: u64) -> DriverResult<()> {
        match self.client.complete(upload, &parts.id, &parts.tags).await {
            Err(failure) if failure.kind() == StoreErrorKind::NotFound || failure.is_ambiguous => {
                match self.client.size(upload).await? {
                    Some(size) if size == size_bytes => Ok(()),
                    _ => Err(failure.into()),
                }
            }
            completed => Ok(completed?),
        }
    }

    /// Reads the first bytes of an upload.
    pub(super) async fn read_upload(&self, upload: &StoragePath, size_bytes: u64) -> DriverResult<DriverStream> {
        if size_bytes == 0 {
            return Ok(futures::stream::empty().boxed());
        }
        let at = self.checkpoint_beyond(upload, size_bytes).await?;
        self.read_synced(upload, &at, 0..size_bytes).await
    }

    /// Reads a range of what was synced.
    async fn read_synced(
        &self,
        upload: &StoragePath,
        at: &Checkpoint,
        range: Range<u64>,
    ) -> DriverResult<DriverStream> {
        let in_parts = at.in_parts();
        let mut streams = Vec::new();
        if range.start < range.end.min(in_parts) {
            self.seal(upload, at).await?;
            streams.push(read::open(&self.client, upload, range.start..range.end.min(in_parts)).await?);
        }
        if range.end > in_parts {
            let tail = range.start.max(in_parts) - in_parts..range.end - in_parts;
            streams.push(read::open(&self.client, &checkpoint::at(upload, at.offset), tail).await?);
        }
        Ok(futures::stream::iter(streams).flatten().boxed())
    }

    /// Begins another upload with the first bytes of one.
    pub(super) async fn copy_upload(
        &self,
        upload: &StoragePath,
        path: &StoragePath,
        size_bytes: u64,
    ) -> DriverResult<()> {
        if size_bytes == 0 {
            return Ok(());
        }
        let at = self.checkpoint_beyond(upload, size_bytes).await?;
        let part_bytes = at.part_bytes;
        let whole_parts = size_bytes / part_bytes;
        let _room = self.room(part_bytes).await?;
        if whole_parts > 0 {
            self.seal(upload, &at).await?;
        }
        let rest = self.read_synced(upload, &at, whole_parts * part_bytes..size_bytes).await?;
        let tail = Content::Stream(rest).into_bytes().await?;
        let parts = self.copy_sealed(upload, path, whole_parts as usize, part_bytes).await?;
        let copy = Checkpoint {
            offset: size_bytes,
            id: parts.id,
            part_bytes,
            parts: parts.tags.len(),
            tags: Checkpoint::sum(&parts.tags),
            previous: 0,
        };
        self.put_checkpoint(path, &copy, tail).await
    }

    /// Turns the first bytes of an upload into a file, and returns where it is.
    pub(super) async fn complete_upload(
        &self,
        upload: &StoragePath,
        target: &StoragePath,
        size_bytes: u64,
    ) -> DriverResult<StoragePath> {
        if size_bytes == 0 {
            self.client.put(target, Bytes::new(), Purpose::File, None).await?;
            return Ok(target.clone());
        }
        let Some(at) = self.checkpoint(upload, size_bytes).await? else {
            return self.completed_before(upload, target, size_bytes).await;
        };
        let tail = checkpoint::at(upload, size_bytes);
        if at.parts == 0 {
            self.client.copy(&tail, target).await?;
            self.client.abort(upload, &at.id).await?;
            self.client.delete(&tail).await?;
            return Ok(target.clone());
        }
        let mut parts = match self.resume(upload, &at).await {
            Err(error) if error.kind() == StoreErrorKind::NotFound => {
                return self.completed_before(upload, target, size_bytes).await;
            }
            resumed => resumed?,
        };
        if at.offset > at.in_parts() {
            let number = parts.tags.len() + 1;
            parts.tags.push(self.client.copy_part(upload, &parts.id, number, &tail, None).await?);
        }
        self.finish(upload, &parts, size_bytes).await?;
        // From now on the object is the file.
        self.client.delete(&checkpoint::sealed(upload)).await?;
        self.client.delete(&tail).await?;
        Ok(upload.clone())
    }

    /// Looks for the file that an upload was completed to.
    async fn completed_before(
        &self,
        upload: &StoragePath,
        target: &StoragePath,
        size_bytes: u64,
    ) -> DriverResult<StoragePath> {
        for path in [upload, target] {
            if self.client.size(path).await? == Some(size_bytes) {
                return Ok(path.clone());
            }
        }
        let staged = self.client.list(&checkpoint::directory(upload), None, None, 1).await?;
        let (kind, why) = match staged.objects.is_empty() {
            true => (StoreErrorKind::NotFound, "it is not there".to_owned()),
            false => (StoreErrorKind::Corrupt, format!("it was not synced at {size_bytes} bytes")),
        };
        Err(DriverError::new(kind, "complete upload", upload, why))
    }

    /// Removes an upload and all that is left of it, but not the file that it was completed to.
    pub(super) async fn abort_upload(&self, upload: &StoragePath) -> DriverResult<()> {
        let mut next = None;
        loop {
            let page = self.client.uploads(&self.client.address.key(upload), next.as_ref()).await?;
            // Others may have keys that begin with this one.
            for begun in page.uploads.iter().filter(|begun| begun.path == *upload) {
                self.client.abort(upload, &begun.id).await?;
            }
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        // After that: a writer that has its parts taken away removes the checkpoint that it has just written.
        self.delete_checkpoints(upload).await
    }

    /// Removes what is beside an upload.
    pub(super) async fn delete_checkpoints(&self, upload: &StoragePath) -> DriverResult<()> {
        let (directory, sealed) = (checkpoint::directory(upload), checkpoint::sealed(upload));
        loop {
            let page = self.client.list(&directory, None, None, AT_ONCE).await?;
            let paths: Vec<_> = page.objects.into_iter().map(|object| object.path).collect();
            if paths.contains(&sealed) {
                self.client.delete(upload).await?;
            }
            match &paths[..] {
                [] => {}
                [only] => self.client.delete(only).await?,
                several => self.client.delete_all(several).await?,
            }
            if page.next.is_none() {
                return Ok(());
            }
        }
    }

    /// Finds uploads that were last written to before a time.
    pub(super) async fn uploads_before(
        &self,
        directory: &StoragePath,
        before: Timestamp,
        limit: usize,
    ) -> DriverResult<Vec<StagedUpload>> {
        let mut found: Vec<StoragePath> = Vec::new();
        let mut next = None;
        loop {
            let page = self.client.uploads(&self.client.address.prefix(directory), next.as_ref()).await?;
            for begun in page.uploads {
                let is_here = begun.path.parent().as_ref() == Some(directory);
                if is_here
                    && begun.begun_at < before
                    && found.len() < limit
                    && !found.contains(&begun.path)
                    && self.is_untouched(&begun.path, before).await?
                {
                    found.push(begun.path);
                }
            }
            next = page.next;
            if next.is_none() || found.len() >= limit {
                break;
            }
        }
        // Then those whose upload in parts is gone: sealed, or removed without what is beside it.
        let staged = checkpoint::all(Some(directory));
        let mut after: Option<String> = None;
        while found.len() < limit {
            let page = self.client.list(&staged, None, after.as_deref(), AT_ONCE).await?;
            for object in page.objects.iter().filter(|object| object.modified_at < before) {
                let Some(upload) = checkpoint::upload(directory, &object.path) else { continue };
                if found.len() < limit && !found.contains(&upload) && self.is_untouched(&upload, before).await? {
                    found.push(upload);
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(found.into_iter().map(|path| StagedUpload::new(path.as_str())).collect())
    }

    /// Tells whether nothing was written beside an upload since a time.
    async fn is_untouched(&self, upload: &StoragePath, before: Timestamp) -> DriverResult<bool> {
        let page = self.client.list(&checkpoint::directory(upload), None, None, AT_ONCE).await?;
        Ok(page.objects.iter().all(|object| object.modified_at < before))
    }
}

impl Store {
    /// Refuses more parts than an upload can have.
    pub(super) fn check_parts(&self, upload: &StoragePath, parts: &Parts) -> DriverResult<()> {
        if parts.tags.len() < MAX_PARTS {
            return Ok(());
        }
        let why = format!(
            "it has {MAX_PARTS} parts of {} bytes, the most that can be; raise `storage.s3.chunksize`",
            parts.part_bytes
        );
        Err(DriverError::new(StoreErrorKind::Unsupported, "write to upload", upload, why))
    }
}

/// Shares a store.
pub(super) type SharedStore = Arc<Store>;
