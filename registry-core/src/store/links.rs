//! The port to the links of distribution's storage: small files which say what each repository has.
//!
//! distribution keeps no database. That a repository has a blob or a manifest, and where a tag points to, is a file in its
//! storage whose content is a digest. Reading them is how a registry takes such a storage over, and writing them is how it
//! gives it back. For this registry itself they mean nothing: the truth is in the metadata.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use super::blob::BlobLocation;
use super::error::StoreResult;
use crate::protocol::digest::Digest;
use crate::protocol::reference::{RepositoryName, Tag};

/// What a link of a repository is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Link {
    /// The repository has the blob. The target is another digest where distribution knows the blob by two.
    Blob(Digest),
    /// The repository has the manifest. The target is the same digest.
    Manifest(Digest),
    /// The tag points to the target.
    Tag(Tag),
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blob(digest) => write!(f, "blob {digest}"),
            Self::Manifest(digest) => write!(f, "manifest {digest}"),
            Self::Tag(tag) => write!(f, "tag {tag}"),
        }
    }
}

/// The kinds of link, each of which is listed by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// [`Link::Blob`].
    Blob,
    /// [`Link::Manifest`].
    Manifest,
    /// [`Link::Tag`].
    Tag,
}

/// Where a list goes on: the store's own text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkCursor(String);

impl LinkCursor {
    /// Wraps the store's own text.
    pub fn new(cursor: impl Into<String>) -> Self {
        Self(cursor.into())
    }

    /// Returns the store's own text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Some of what a list has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkPage<T> {
    /// What was found, in the storage's order; may be empty even if the list goes on.
    pub items: Vec<T>,
    /// Where in the storage there is something that cannot be what is listed, since its name is none.
    pub strangers: Vec<String>,
    /// Where the list goes on, if it does.
    pub next: Option<LinkCursor>,
}

/// A blob's bytes as the storage has them, whether or not the metadata know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// How many there are.
    pub size_bytes: u64,
    /// Where they are, for [`BlobStore::read`](super::BlobStore::read).
    pub location: BlobLocation,
}

/// Keeps distribution's links, beside a [`BlobStore`](super::BlobStore) over the same storage.
///
/// Whatever is done here is done at once and by itself. A change is durable when its method returns.
#[async_trait]
pub trait LinkStore: Send + Sync + fmt::Debug + 'static {
    /// Lists the repositories that have any link, each once, from the beginning or where an earlier page ended. Reads
    /// about `limit` files' names at most.
    async fn repositories(&self, after: Option<&LinkCursor>, limit: usize) -> StoreResult<LinkPage<RepositoryName>>;

    /// Lists the links of one kind of a repository, without reading them, from the beginning or where an earlier page
    /// ended. Reads `limit` files' names at most. A repository that is not there has none.
    async fn links(
        &self,
        repository: &RepositoryName,
        kind: LinkKind,
        after: Option<&LinkCursor>,
        limit: usize,
    ) -> StoreResult<LinkPage<Link>>;

    /// Returns what a link points to, or `None` if there is no such link.
    ///
    /// # Errors
    /// `Corrupt` if its content is no digest.
    async fn follow(&self, repository: &RepositoryName, link: &Link) -> StoreResult<Option<Digest>>;

    /// Looks for a blob's bytes where distribution keeps them, which is also where it keeps manifests.
    async fn stat_blob(&self, digest: &Digest) -> StoreResult<Option<StoredBlob>>;

    /// Reads a whole blob of a known size, which the caller bounds.
    ///
    /// # Errors
    /// `NotFound` if it is not there; `Corrupt` if it is shorter.
    async fn read_blob(&self, digest: &Digest, size_bytes: u64) -> StoreResult<Bytes>;

    /// Reads the bytes in the place of a blob, however many, and tells whether they have a digest: the blob's own, or one of
    /// another kind.
    ///
    /// # Errors
    /// `NotFound` if there are none.
    async fn verify_blob(&self, place: &Digest, digest: &Digest) -> StoreResult<bool>;

    /// Gives the bytes in the place of a blob the place of another digest as well, where they stay whatever becomes of the
    /// first, and returns where that is. Atomic. Costs no copy on a file system with hard links.
    ///
    /// # Errors
    /// `NotFound` if there are none.
    async fn copy_blob(&self, place: &Digest, digest: &Digest) -> StoreResult<BlobLocation>;

    /// Makes a link point to `target`, and enters a tag's target into the tag's history.
    async fn set(&self, repository: &RepositoryName, link: &Link, target: &Digest) -> StoreResult<()>;

    /// Removes a link, and a tag's history. Succeeds if there is none.
    async fn remove(&self, repository: &RepositoryName, link: &Link) -> StoreResult<()>;
}
