//! A vendor's requests about uploads in parts.

use async_trait::async_trait;
use bytes::Bytes;
use registry_core::store::Timestamp;

use super::error::Failure;
use crate::path::StoragePath;

/// Requests about uploads in parts, which become an object when they are completed.
///
/// An upload has an id, so that there may be several at one path. Its parts are numbered from 1; all but the last are of
/// one size.
#[async_trait]
pub(crate) trait Multipart {
    /// Begins an upload, and returns its id. From then on [`parts`](Self::parts) and [`uploads`](Self::uploads) know it.
    /// Changes nothing about the object at the path, if there is one.
    async fn begin(&self, path: &StoragePath) -> Result<String, Failure>;

    /// Uploads a part, in place of the one of this number, and returns its tag, which tells its content from any other.
    async fn put_part(&self, path: &StoragePath, id: &str, number: usize, body: Bytes) -> Result<String, Failure>;

    /// Has bytes `first..=last` of an object copied to a part, or all of it, and returns the part's tag.
    async fn copy_part(
        &self,
        path: &StoragePath,
        id: &str,
        number: usize,
        source: &StoragePath,
        range: Option<(u64, u64)>,
    ) -> Result<String, Failure>;

    /// Returns the tags of an upload's parts, from the first one on without a gap, at most `limit` of them.
    ///
    /// # Errors
    /// `NotFound` if there is no such upload, which is also so once it is completed or aborted.
    async fn parts(&self, path: &StoragePath, id: &str, limit: usize) -> Result<Vec<String>, Failure>;

    /// Makes an object of an upload's parts, which ends the upload. Atomic. Parts beyond those named are dropped.
    ///
    /// # Errors
    /// `NotFound` if there is no such upload, which is also so once it is completed or aborted; `Corrupt` if a part is
    /// another one than its tag says, and where the store does not drop parts, as Ceph does not, if there are more.
    async fn complete(&self, path: &StoragePath, id: &str, tags: &[String]) -> Result<(), Failure>;

    /// Removes an upload and its parts, but never the object at the path. Succeeds if there is none.
    async fn abort(&self, path: &StoragePath, id: &str) -> Result<(), Failure>;

    /// Lists uploads that have not ended. There may be others in the list than those asked for.
    async fn uploads(&self, scope: UploadScope<'_>, next: Option<&str>) -> Result<UploadPage, Failure>;

    /// Returns where a part can be read, and copied from, as an object of its own, before the upload is completed. `None`,
    /// which is so for all parts or for none, if parts are nothing by themselves: to read them, the upload is completed.
    fn part_path(&self, _path: &StoragePath, _id: &str, _number: usize) -> Option<StoragePath> {
        None
    }
}

/// Which uploads are asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum UploadScope<'a> {
    /// Those at this path.
    At(&'a StoragePath),
    /// Those at paths in this directory.
    In(&'a StoragePath),
}

/// An upload that has not ended.
#[derive(Debug)]
pub(crate) struct UnfinishedUpload {
    pub(crate) path: StoragePath,
    pub(crate) id: String,
    /// When it was begun, or last written to.
    pub(crate) begun_at: Timestamp,
}

/// A part of a list of uploads.
#[derive(Debug)]
pub(crate) struct UploadPage {
    pub(crate) uploads: Vec<UnfinishedUpload>,
    /// Where to go on, if there may be more.
    pub(crate) next: Option<String>,
}
