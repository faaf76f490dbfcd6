//! Parts before they are the file: reading them, and giving them to another upload.
//!
//! Where parts are objects of their own, they are read and copied as such. Elsewhere they cannot be read before the upload is
//! completed. Where they have to be all the same, because a writer was lost or a digest of another kind is asked for, the
//! upload is *sealed*: completed as it is, so that nobody can write to it any more. Whoever goes on with it has the store
//! copy the parts into a new upload.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use registry_core::store::StoreErrorKind;

use super::Parts;
use crate::driver::DriverStream;
use crate::driver::object::checkpoint::{self, Checkpoint};
use crate::driver::object::error::Failure;
use crate::driver::object::objects::Purpose;
use crate::driver::object::read;
use crate::driver::object::store::Store;
use crate::error::DriverResult;
use crate::path::StoragePath;

impl Store {
    pub(super) async fn is_sealed(&self, upload: &StoragePath) -> DriverResult<bool> {
        Ok(self.backend.head(&checkpoint::sealed(upload)).await?.is_some())
    }

    /// Makes the parts of an upload an object, if they are not one yet. What a writer that was lost has sent beyond them may
    /// follow them there.
    async fn seal(&self, upload: &StoragePath, at: &Checkpoint) -> DriverResult<()> {
        if self.is_sealed(upload).await? && self.backend.head(upload).await?.is_some() {
            return Ok(());
        }
        let parts = self.resume(upload, at).await?;
        self.backend.put(&checkpoint::sealed(upload), Bytes::new(), Purpose::Checkpoint, None).await?;
        match self.finish(upload, &parts, at.in_parts()).await {
            Err(error) if error.kind() == StoreErrorKind::Corrupt => self.seal_all(upload, &parts.id).await,
            finished => finished,
        }
    }

    /// Seals an upload with all of its parts. Ceph completes none of which others are named than it has.
    async fn seal_all(&self, upload: &StoragePath, id: &str) -> DriverResult<()> {
        let tags = self.backend.parts(upload, id, usize::MAX).await?;
        match self.backend.complete(upload, id, &tags).await {
            Err(failure) if self.backend.head(upload).await?.is_none() => Err(failure.into()),
            _ => Ok(()),
        }
    }

    /// Reads a range of what is in parts.
    pub(super) async fn read_parts(
        &self,
        upload: &StoragePath,
        at: &Checkpoint,
        range: Range<u64>,
    ) -> DriverResult<DriverStream> {
        let part = |index: u64| self.backend.part_path(upload, &at.id, index as usize + 1);
        let touched = range.start / at.part_bytes..range.end.div_ceil(at.part_bytes);
        let Some(paths) = touched.clone().map(part).collect::<Option<Vec<_>>>() else {
            self.seal(upload, at).await?;
            return read::open(&self.backend, upload, range).await;
        };
        self.resume(upload, at).await?;
        let (backend, part_bytes) = (Arc::clone(&self.backend), at.part_bytes);
        let pieces = touched.zip(paths).map(move |(index, path)| {
            let start = index * part_bytes;
            (path, range.start.max(start) - start..range.end.min(start + part_bytes) - start)
        });
        let opened = futures::stream::iter(pieces).then(move |(path, range)| {
            let backend = Arc::clone(&backend);
            async move { read::open(&backend, &path, range).await }
        });
        Ok(opened.try_flatten().boxed())
    }

    /// Begins an upload at `path` with the first `count` parts of another.
    pub(super) async fn fork(
        &self,
        upload: &StoragePath,
        at: &Checkpoint,
        path: &StoragePath,
        count: usize,
    ) -> DriverResult<Parts> {
        let part = |number| self.backend.part_path(upload, &at.id, number);
        let Some(sources) = (1..=count).map(part).collect::<Option<Vec<_>>>() else {
            self.seal(upload, at).await?;
            return self.copy_sealed(upload, path, count, at.part_bytes).await;
        };
        let id = &self.backend.begin(path).await?;
        let copies = sources
            .iter()
            .enumerate()
            .map(|(index, source)| async move { self.backend.copy_part(path, id, index + 1, source, None).await });
        let copied = async {
            let copies: Vec<_> = copies.collect();
            let tags = futures::stream::iter(copies).buffered(self.copies_at_once).try_collect().await?;
            if count > 0 {
                // A writer that was lost may have replaced one of them meanwhile.
                self.resume(upload, at).await?;
            }
            Ok(Parts { id: id.clone(), part_bytes: at.part_bytes, tags })
        };
        self.or_abort(path, id, copied.await).await
    }

    /// Begins an upload with the first `count` parts of one that is sealed.
    pub(super) async fn copy_sealed(
        &self,
        sealed: &StoragePath,
        upload: &StoragePath,
        count: usize,
        part_bytes: u64,
    ) -> DriverResult<Parts> {
        let id = self.backend.begin(upload).await?;
        let copied = self.copy_ranges(upload, &id, sealed, count as u64 * part_bytes, part_bytes).await;
        let copied = copied.map(|tags| Parts { id: id.clone(), part_bytes, tags }).map_err(Into::into);
        self.or_abort(upload, &id, copied).await
    }

    /// Has the first `size_bytes` bytes of an object copied to the first parts of an upload, each of `part_bytes` but the
    /// last, and returns their tags.
    pub(super) async fn copy_ranges(
        &self,
        path: &StoragePath,
        id: &str,
        source: &StoragePath,
        size_bytes: u64,
        part_bytes: u64,
    ) -> Result<Vec<String>, Failure> {
        let copies = (0..size_bytes.div_ceil(part_bytes)).map(|index| async move {
            let (first, end) = (index * part_bytes, size_bytes.min((index + 1) * part_bytes));
            self.backend.copy_part(path, id, index as usize + 1, source, Some((first, end - 1))).await
        });
        futures::stream::iter(copies).buffered(self.copies_at_once).try_collect().await
    }

    /// Removes an upload that was begun for what then failed.
    pub(super) async fn or_abort<T>(&self, path: &StoragePath, id: &str, done: DriverResult<T>) -> DriverResult<T> {
        if done.is_err() {
            self.backend.abort(path, id).await?;
        }
        done
    }
}
