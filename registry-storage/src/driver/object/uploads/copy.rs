//! Copies: of the first bytes of an upload, and of a file.

use std::ops::Range;

use futures::StreamExt;
use registry_core::store::StoreErrorKind;

use super::Parts;
use crate::driver::object::checkpoint::{self, Checkpoint};
use crate::driver::object::read;
use crate::driver::object::store::Store;
use crate::driver::{Content, DriverStream};
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

/// How large the parts are that a file is copied in which is too large to be copied as one.
const COPY_PART_BYTES: u64 = 1024 * 1024 * 1024;

impl Store {
    /// Reads the first bytes of an upload.
    pub(in crate::driver::object) async fn read_upload(
        &self,
        upload: &StoragePath,
        size_bytes: u64,
    ) -> DriverResult<DriverStream> {
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
            streams.push(self.read_parts(upload, at, range.start..range.end.min(in_parts)).await?);
        }
        if range.end > in_parts {
            let tail = range.start.max(in_parts) - in_parts..range.end - in_parts;
            streams.push(read::open(&self.backend, &checkpoint::at(upload, at.offset), tail).await?);
        }
        Ok(futures::stream::iter(streams).flatten().boxed())
    }

    /// Begins another upload with the first bytes of one.
    pub(in crate::driver::object) async fn copy_upload(
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
        let rest = self.read_synced(upload, &at, whole_parts * part_bytes..size_bytes).await?;
        let tail = Content::Stream(rest).into_bytes().await?;
        let parts = self.fork(upload, &at, path, whole_parts as usize).await?;
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

    /// Has a file copied. Atomic.
    pub(in crate::driver::object) async fn keep_copy(
        &self,
        path: &StoragePath,
        copy: &StoragePath,
    ) -> DriverResult<()> {
        let missing = || DriverError::new(StoreErrorKind::NotFound, "copy", path, "it is not there");
        let size_bytes = self.size(path).await?.ok_or_else(missing)?;
        let limits = self.backend.limits();
        if size_bytes <= limits.max_copy_bytes {
            return Ok(self.backend.copy(path, copy).await?);
        }
        let part_bytes = COPY_PART_BYTES.clamp(*limits.part_bytes.start(), *limits.part_bytes.end());
        let id = self.backend.begin(copy).await?;
        let copied = async {
            let tags = self.copy_ranges(copy, &id, path, size_bytes, part_bytes).await?;
            let parts = Parts { id: id.clone(), part_bytes, tags };
            self.finish(copy, &parts, size_bytes).await
        };
        self.or_abort(copy, &id, copied.await).await
    }
}
