//! Finding uploads that nobody goes on with.

use registry_core::store::{StagedUpload, Timestamp};

use crate::driver::object::checkpoint;
use crate::driver::object::multipart::UploadScope;
use crate::driver::object::store::Store;
use crate::error::DriverResult;
use crate::path::StoragePath;

impl Store {
    /// Finds uploads that were last written to before a time.
    pub(in crate::driver::object) async fn uploads_before(
        &self,
        directory: &StoragePath,
        before: Timestamp,
        limit: usize,
    ) -> DriverResult<Vec<StagedUpload>> {
        let mut found = Vec::new();
        self.find_in_parts(directory, before, limit, &mut found).await?;
        self.find_staged(directory, before, limit, &mut found).await?;
        Ok(found.into_iter().map(|path| StagedUpload::new(path.as_str())).collect())
    }

    /// Finds those whose parts are there.
    async fn find_in_parts(
        &self,
        directory: &StoragePath,
        before: Timestamp,
        limit: usize,
        found: &mut Vec<StoragePath>,
    ) -> DriverResult<()> {
        let mut next = None;
        while found.len() < limit {
            let page = self.backend.uploads(UploadScope::In(directory), next.as_deref()).await?;
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
            if next.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Finds those whose parts are gone: sealed, or removed without what is beside them.
    async fn find_staged(
        &self,
        directory: &StoragePath,
        before: Timestamp,
        limit: usize,
        found: &mut Vec<StoragePath>,
    ) -> DriverResult<()> {
        let (staged, at_once) = (checkpoint::all(Some(directory)), self.backend.limits().at_once);
        let mut next: Option<String> = None;
        while found.len() < limit {
            let page = self.backend.list(&staged, None, next.as_deref(), at_once).await?;
            for object in page.objects.iter().filter(|object| object.modified_at < before) {
                let Some(upload) = checkpoint::upload(directory, &object.path) else { continue };
                if found.len() < limit && !found.contains(&upload) && self.is_untouched(&upload, before).await? {
                    found.push(upload);
                }
            }
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Tells whether nothing was written beside an upload since a time.
    async fn is_untouched(&self, upload: &StoragePath, before: Timestamp) -> DriverResult<bool> {
        let directory = checkpoint::directory(upload);
        let page = self.backend.list(&directory, None, None, self.backend.limits().at_once).await?;
        Ok(page.objects.iter().all(|object| object.modified_at < before))
    }
}
