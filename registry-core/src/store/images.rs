//! The port to what a registry of the first version has left in a storage.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use super::error::StoreResult;
use super::links::{LinkCursor, LinkPage};
use crate::protocol::digest::Digest;
use crate::protocol::image_v1::{ImageId, ImageLayer};

/// A tag, as the first registry has kept it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageTag {
    /// The repository's namespace; `library` if it was pushed without one.
    pub namespace: String,
    /// The repository's name in it.
    pub name: String,
    /// The tag.
    pub tag: String,
    /// The file that says where the tag points to.
    pub path: String,
}

/// Reads images of the first registry, and gives what they are made of a place among the blobs of the same storage.
#[async_trait]
pub trait ImageStore: Send + Sync + fmt::Debug + 'static {
    /// Lists the tags of all repositories, in the order of their repositories, from the beginning or where an earlier page
    /// ended. Reads `limit` files' names at most.
    async fn tags(&self, after: Option<&LinkCursor>, limit: usize) -> StoreResult<LinkPage<ImageTag>>;

    /// Returns what a tag's file says, `None` if there is none.
    ///
    /// # Errors
    /// `Corrupt` if it is longer than any id.
    async fn target(&self, tag: &ImageTag) -> StoreResult<Option<String>>;

    /// Returns the description of an image, `None` if there is none.
    ///
    /// # Errors
    /// `Corrupt` if it is longer than any description.
    async fn description(&self, id: &ImageId) -> StoreResult<Option<Bytes>>;

    /// Returns the list of an image's ancestors, `None` if there is none.
    ///
    /// # Errors
    /// `Corrupt` if it is longer than any such list.
    async fn ancestry(&self, id: &ImageId) -> StoreResult<Option<Bytes>>;

    /// Tells whether the layer of an image is there, and was not being uploaded when its registry ended.
    async fn has_layer(&self, id: &ImageId) -> StoreResult<bool>;

    /// Reads the layer of an image, however large, and tells what it is.
    ///
    /// # Errors
    /// `NotFound` if it is not there; `Corrupt` if it cannot be unpacked; `Unsupported` if it is compressed by something
    /// else than gzip.
    async fn layer(&self, id: &ImageId) -> StoreResult<ImageLayer>;

    /// Gives the layer of an image a second place, which is that of the blob with its digest. Does nothing if there is such a
    /// blob.
    async fn keep_layer(&self, id: &ImageId, layer: &ImageLayer) -> StoreResult<()>;

    /// Puts content in the place of the blob with its digest.
    async fn put_blob(&self, digest: &Digest, content: Bytes) -> StoreResult<()>;
}
