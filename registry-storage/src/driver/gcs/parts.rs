//! Uploads in parts, which are objects of their own until they are composed to one.
//!
//! ```text
//! <directory>/_parts/<name>/<id>/00000         the upload to <directory>/<name> was begun, and has not ended
//! <directory>/_parts/<name>/<id>/<number>      a part; its tag is its generation
//! <directory>/_parts/<name>/<id>/composed-…    for a moment: some parts put together
//! ```
//!
//! Whoever writes a part looks afterwards whether the upload has ended; whoever ends it says so before the parts are
//! removed. One of them removes what was written too late.

use async_trait::async_trait;
use bytes::Bytes;
use registry_core::store::StoreErrorKind;

use super::backend::Gcs;
use super::compose::Source;
use super::objects::AT_ONCE;
use crate::driver::object::error::Failure;
use crate::driver::object::multipart::{Multipart, UnfinishedUpload, UploadPage, UploadScope};
use crate::driver::object::objects::Objects;
use crate::error::DriverError;
use crate::path::{StoragePath, is_component};

/// Where the parts of all uploads of a directory are.
const PARTS: &str = "_parts";

/// Where the parts of one upload are.
#[derive(Debug)]
pub(super) struct PartsDirectory(StoragePath);

impl PartsDirectory {
    /// Returns the directory of an upload's parts, `None` if there can be no upload with this id.
    fn new(upload: &StoragePath, id: &str) -> Option<Self> {
        is_component(id).then(|| Self(path(format!("{}/{id}", of_uploads_at(upload)))))
    }

    fn begun(&self) -> StoragePath {
        self.part(0)
    }

    fn part(&self, number: usize) -> StoragePath {
        path(format!("{}/{number:05}", self.0))
    }

    /// Returns where parts are put together that are too many for one composition. `attempt` keeps apart who does so.
    pub(super) fn composed(&self, attempt: &str, level: usize, index: usize) -> StoragePath {
        path(format!("{}/composed-{attempt}-{level}-{index}", self.0))
    }
}

/// Returns where the parts of all uploads to a path are.
fn of_uploads_at(upload: &StoragePath) -> StoragePath {
    let name = upload.as_str().rsplit('/').next().unwrap_or_default();
    path(format!("{}/{name}", of_uploads_in(upload.parent().as_ref())))
}

/// Returns where the parts of all uploads to paths in a directory are.
fn of_uploads_in(directory: Option<&StoragePath>) -> StoragePath {
    path(format!("{}/{PARTS}", directory.map_or("", StoragePath::as_str)))
}

/// Returns the path and the id of the upload that an object is of.
fn upload_of(object: &StoragePath) -> Option<(StoragePath, &str)> {
    let mut components = object.as_str().rsplitn(5, '/').skip(1);
    let (id, name, parts, directory) = (components.next()?, components.next()?, components.next()?, components.next()?);
    (parts == PARTS).then(|| (path(format!("{directory}/{name}")), id))
}

fn path(text: String) -> StoragePath {
    text.parse().expect("uploads have short paths, to which valid components were added")
}

impl Gcs {
    fn parts_directory(&self, upload: &StoragePath, id: &str) -> Result<PartsDirectory, Failure> {
        PartsDirectory::new(upload, id).ok_or_else(|| self.missing(upload))
    }

    fn missing(&self, upload: &StoragePath) -> Failure {
        let key = self.address.root.key(upload);
        DriverError::new(StoreErrorKind::NotFound, "use the parts of upload", key, "it was ended, or never begun")
            .into()
    }

    /// Makes sure that a part that was written is one of an upload that has not ended.
    async fn in_time(&self, upload: &StoragePath, parts: &PartsDirectory, number: usize) -> Result<(), Failure> {
        if self.head(&parts.begun()).await?.is_some() {
            return Ok(());
        }
        self.delete(&parts.part(number)).await?;
        Err(self.missing(upload))
    }

    /// Removes all that is left of an upload.
    async fn remove(&self, parts: &PartsDirectory) -> Result<(), Failure> {
        self.delete(&parts.begun()).await?;
        loop {
            let page = self.list(&parts.0, None, None, AT_ONCE).await?;
            let paths: Vec<_> = page.objects.into_iter().map(|object| object.path).collect();
            if let Some(error) = self.delete_each(&paths).await?.into_values().next() {
                return Err(error.into());
            }
            if page.next.is_none() {
                return Ok(());
            }
        }
    }
}

#[async_trait]
impl Multipart for Gcs {
    async fn begin(&self, path: &StoragePath) -> Result<String, Failure> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let parts = self.parts_directory(path, &id)?;
        self.insert_media("begin upload", &parts.begun(), Bytes::new()).await?;
        Ok(id)
    }

    async fn put_part(&self, path: &StoragePath, id: &str, number: usize, body: Bytes) -> Result<String, Failure> {
        let parts = self.parts_directory(path, id)?;
        let generation = self.insert_media("upload part of", &parts.part(number), body).await?;
        self.in_time(path, &parts, number).await?;
        Ok(generation)
    }

    async fn copy_part(
        &self,
        path: &StoragePath,
        id: &str,
        number: usize,
        source: &StoragePath,
        range: Option<(u64, u64)>,
    ) -> Result<String, Failure> {
        let parts = self.parts_directory(path, id)?;
        if range.is_some() {
            let (key, why) = (self.address.root.key(source), "Google Cloud Storage copies objects as a whole");
            return Err(DriverError::new(StoreErrorKind::Unsupported, "copy a range of", key, why).into());
        }
        let generation = self.rewrite("copy to part of", source, &parts.part(number)).await?;
        self.in_time(path, &parts, number).await?;
        Ok(generation)
    }

    async fn parts(&self, path: &StoragePath, id: &str, limit: usize) -> Result<Vec<String>, Failure> {
        let parts = self.parts_directory(path, id)?;
        let prefix = self.address.root.prefix(&parts.0);
        let mut generations = Vec::new();
        let mut next: Option<String> = None;
        loop {
            // One more, for that the upload was begun.
            let wanted = limit + 1 - generations.len();
            let page = self.page("list parts of", &prefix, None, next.as_deref(), wanted).await?;
            let found = page.items.len();
            for object in page.items.into_iter().take(wanted) {
                if object.name != self.address.root.key(&parts.part(generations.len())) {
                    break;
                }
                generations.push(object.generation);
            }
            next = page.next_page_token.filter(|_| found > 0 && generations.len() <= limit);
            if next.is_none() {
                break;
            }
        }
        if generations.is_empty() {
            return Err(self.missing(path));
        }
        generations.remove(0);
        Ok(generations)
    }

    async fn complete(&self, path: &StoragePath, id: &str, tags: &[String]) -> Result<(), Failure> {
        let parts = self.parts_directory(path, id)?;
        if self.head(&parts.begun()).await?.is_none() {
            return Err(self.missing(path));
        }
        let source = |(index, generation): (usize, &String)| Source {
            path: parts.part(index + 1),
            generation: generation.clone(),
        };
        self.compose_all(&parts, tags.iter().enumerate().map(source).collect(), path).await?;
        // The object is there. What is left of the upload now is found as one that has not ended.
        drop(self.remove(&parts).await);
        Ok(())
    }

    async fn abort(&self, path: &StoragePath, id: &str) -> Result<(), Failure> {
        match PartsDirectory::new(path, id) {
            Some(parts) => self.remove(&parts).await,
            None => Ok(()),
        }
    }

    async fn uploads(&self, scope: UploadScope<'_>, next: Option<&str>) -> Result<UploadPage, Failure> {
        let directory = match scope {
            UploadScope::At(upload) => of_uploads_at(upload),
            UploadScope::In(directory) => of_uploads_in(Some(directory)),
        };
        let page = self.list(&directory, None, next, AT_ONCE).await?;
        let mut uploads: Vec<UnfinishedUpload> = Vec::new();
        for object in page.objects {
            let Some((path, id)) = upload_of(&object.path) else { continue };
            match uploads.last_mut() {
                Some(last) if last.path == path && last.id == id => {
                    last.begun_at = last.begun_at.max(object.modified_at)
                }
                _ => uploads.push(UnfinishedUpload { path, id: id.to_owned(), begun_at: object.modified_at }),
            }
        }
        Ok(UploadPage { uploads, next: page.next })
    }

    fn part_path(&self, path: &StoragePath, id: &str, number: usize) -> Option<StoragePath> {
        Some(PartsDirectory::new(path, id)?.part(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_beside_the_upload() {
        let path = |text: &str| text.parse::<StoragePath>().unwrap();
        for (upload, part) in [("/a/uploads/u1", "/a/uploads/_parts/u1/id/00007"), ("/u1", "/_parts/u1/id/00007")] {
            let parts = PartsDirectory::new(&path(upload), "id").unwrap();
            assert_eq!(parts.part(7), path(part));
            for object in [parts.begun(), parts.part(7), parts.composed("a", 1, 2)] {
                assert_eq!(upload_of(&object), Some((path(upload), "id")));
            }
        }
        assert_eq!(upload_of(&path("/a/uploads/_staged/u1/id/1")), None);
        assert_eq!(upload_of(&path("/_parts/u1")), None);
    }

    #[test]
    fn an_id_cannot_lead_elsewhere() {
        let upload = "/a/u1".parse().unwrap();
        for id in ["", ".", "..", "a/b", "a b"] {
            assert!(PartsDirectory::new(&upload, id).is_none(), "{id:?}");
        }
    }

    /// The parts of an upload come in order, before what is composed of them.
    #[test]
    fn names_sort_by_number() {
        let parts = PartsDirectory::new(&"/a/u1".parse().unwrap(), "id").unwrap();
        let names = [
            parts.begun(),
            parts.part(1),
            parts.part(9),
            parts.part(10),
            parts.part(10_000),
            parts.composed("a", 1, 0),
        ];
        assert!(names.is_sorted());
    }
}
