//! Removing an upload.

use crate::driver::object::checkpoint;
use crate::driver::object::multipart::UploadScope;
use crate::driver::object::store::Store;
use crate::error::DriverResult;
use crate::path::StoragePath;

impl Store {
    /// Removes an upload and all that is left of it, but not the file that it was completed to.
    pub(in crate::driver::object) async fn abort_upload(&self, upload: &StoragePath) -> DriverResult<()> {
        let mut next = None;
        loop {
            let page = self.backend.uploads(UploadScope::At(upload), next.as_deref()).await?;
            // Others may be listed too.
            for begun in page.uploads.iter().filter(|begun| begun.path == *upload) {
                self.backend.abort(upload, &begun.id).await?;
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
    async fn delete_checkpoints(&self, upload: &StoragePath) -> DriverResult<()> {
        let (directory, sealed) = (checkpoint::directory(upload), checkpoint::sealed(upload));
        loop {
            let page = self.backend.list(&directory, None, None, self.backend.limits().at_once).await?;
            let paths: Vec<_> = page.objects.into_iter().map(|object| object.path).collect();
            if paths.contains(&sealed) {
                self.backend.delete(upload).await?;
            }
            self.delete_objects(&paths).await?;
            if page.next.is_none() {
                return Ok(());
            }
        }
    }
}
