//! How much there is.
//!
//! All figures are kept in the transactions that change them, so that they are exact, and reading them costs the same
//! whatever they are. Bytes are those of manifests and of the blobs that manifests refer to, whether or not these are still
//! visible: what can be restored is still kept, and counts. A blob that no manifest refers to does not.
//!
//! A repository's *namespace* is what stands before the first `/` of its name, and empty for a name without one.

use async_trait::async_trait;

use super::error::StoreResult;
use crate::protocol::reference::{RepositoryName, Tag};

/// How much there is in a repository or a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// How many manifests can be seen.
    pub manifests: u64,
    /// How many tags there are.
    pub tags: u64,
    /// The bytes of all manifests, each with all blobs that it refers to: what it would be if nothing were shared.
    pub logical_bytes: u64,
    /// The bytes of all manifests, and of all blobs that they refer to, each once in the repository or namespace.
    pub unique_bytes: u64,
}

/// A namespace, and how much there is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceUsage {
    /// What the names of its repositories begin with, without the `/`; empty for repositories whose names have none.
    pub namespace: String,
    /// How much there is in all of them.
    pub usage: Usage,
}

/// A tag of some repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RepositoryTag {
    /// The repository.
    pub repository: RepositoryName,
    /// The tag.
    pub tag: Tag,
}

/// Figures, and lists across repositories.
#[async_trait]
pub trait UsageStore: Send + Sync + 'static {
    /// Returns how much there is in a repository, or `None` if nothing was ever put into it.
    async fn repository_usage(&self, repository: &RepositoryName) -> StoreResult<Option<Usage>>;

    /// Returns up to `limit` namespaces that ever had a manifest, in byte order, all greater than `after`. One that has
    /// none any more is among them.
    async fn namespaces(&self, after: Option<&str>, limit: usize) -> StoreResult<Vec<NamespaceUsage>>;

    /// Returns how much there is in a namespace; nothing, if it is not known.
    async fn namespace_usage(&self, namespace: &str) -> StoreResult<Usage>;

    /// Returns up to `limit` tags of all repositories of a namespace, in byte order of repository and tag, all greater
    /// than `after`.
    async fn namespace_tags(
        &self,
        namespace: &str,
        after: Option<&RepositoryTag>,
        limit: usize,
    ) -> StoreResult<Vec<RepositoryTag>>;
}
