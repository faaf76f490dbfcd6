//! Making a file of an upload.

use bytes::Bytes;
use registry_core::store::StoreErrorKind;

use super::Parts;
use crate::driver::object::checkpoint;
use crate::driver::object::objects::Purpose;
use crate::driver::object::store::Store;
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

impl Store {
    /// Completes an upload in parts. Its answer may have been lost before: then the object is there.
    pub(in crate::driver::object) async fn finish(
        &self,
        upload: &StoragePath,
        parts: &Parts,
        size_bytes: u64,
    ) -> DriverResult<()> {
        match self.backend.complete(upload, &parts.id, &parts.tags).await {
            Err(failure) if failure.kind() == StoreErrorKind::NotFound || failure.is_ambiguous => {
                match self.size(upload).await? {
                    Some(size) if size == size_bytes => Ok(()),
                    _ => Err(failure.into()),
                }
            }
            completed => Ok(completed?),
        }
    }

    /// Turns the first bytes of an upload into a file, and returns where it is.
    pub(in crate::driver::object) async fn complete_upload(
        &self,
        upload: &StoragePath,
        target: &StoragePath,
        size_bytes: u64,
    ) -> DriverResult<StoragePath> {
        if size_bytes == 0 {
            self.backend.put(target, Bytes::new(), Purpose::File, None).await?;
            return Ok(target.clone());
        }
        let Some(at) = self.checkpoint(upload, size_bytes).await? else {
            return self.completed_before(upload, target, size_bytes).await;
        };
        let tail = checkpoint::at(upload, size_bytes);
        if at.parts == 0 {
            self.backend.copy(&tail, target).await?;
            self.backend.abort(upload, &at.id).await?;
            self.backend.delete(&tail).await?;
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
            parts.tags.push(self.backend.copy_part(upload, &parts.id, number, &tail, None).await?);
        }
        self.finish(upload, &parts, size_bytes).await?;
        // From now on the object is the file.
        self.backend.delete(&checkpoint::sealed(upload)).await?;
        self.backend.delete(&tail).await?;
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
            if self.size(path).await? == Some(size_bytes) {
                return Ok(path.clone());
            }
        }
        let staged = self.backend.list(&checkpoint::directory(upload), None, None, 1).await?;
        let (kind, why) = match staged.objects.is_empty() {
            true => (StoreErrorKind::NotFound, "it is not there".to_owned()),
            false => (StoreErrorKind::Corrupt, format!("it was not synced at {size_bytes} bytes")),
        };
        Err(DriverError::new(kind, "complete upload", upload, why))
    }
}
