//! What it takes to remove much, in transactions that are bounded, and to remove only what is still as it was seen.

use async_trait::async_trait;

use super::error::StoreResult;
use super::timestamp::Timestamp;
use crate::protocol::digest::Digest;
use crate::protocol::reference::{RepositoryName, Tag};

/// A tag as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagRecord {
    /// The tag.
    pub tag: Tag,
    /// What it points to.
    pub digest: Digest,
    /// When it was last pushed or restored.
    pub updated_at: Timestamp,
}

/// Part of a repository's manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntaggedManifests {
    /// Those of the part that nothing refers to and that are older than was asked for.
    pub unreferenced: Vec<Digest>,
    /// Where the next part begins; `None` if this was the last.
    pub next: Option<Digest>,
}

/// Lists of all that is in a repository, and removals under a condition.
#[async_trait]
pub trait RemovalStore: Send + Sync + 'static {
    /// Returns up to `limit` tags in byte order, all greater than `after`, with what they point to.
    async fn tag_records(
        &self,
        repository: &RepositoryName,
        after: Option<&Tag>,
        limit: usize,
    ) -> StoreResult<Vec<TagRecord>>;

    /// Deletes a tag as [`delete_tag`](super::metadata::ManifestStore::delete_tag) does, unless it was pushed since it
    /// was seen. Returns whether it was deleted.
    async fn delete_unchanged_tag(
        &self,
        repository: &RepositoryName,
        seen: &TagRecord,
        review_after: Timestamp,
        restorable_until: Option<Timestamp>,
    ) -> StoreResult<bool>;

    /// Deletes `limit` of the tags that point to a manifest, if there are more. Returns whether there were.
    async fn thin_tags(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        limit: usize,
        restorable_until: Option<Timestamp>,
    ) -> StoreResult<bool>;

    /// Looks at the next `limit` manifests, by digest as text after `after`, and returns which of them were first pushed
    /// before `before` and have neither a tag nor a past tag, an index that lists them, nor a subject that exists.
    async fn untagged_manifests(
        &self,
        repository: &RepositoryName,
        before: Timestamp,
        after: Option<&Digest>,
        limit: usize,
    ) -> StoreResult<UntaggedManifests>;

    /// Deletes a manifest that [`untagged_manifests`](Self::untagged_manifests) would return. Returns whether it did.
    async fn delete_untagged_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        before: Timestamp,
        review_after: Timestamp,
    ) -> StoreResult<bool>;

    /// Returns up to `limit` manifests by digest as text, all greater than `after`, withdrawn ones included.
    async fn manifest_digests(
        &self,
        repository: &RepositoryName,
        after: Option<&Digest>,
        limit: usize,
    ) -> StoreResult<Vec<Digest>>;

    /// Returns up to `limit` of the repository's blobs, whichever they are.
    async fn some_blobs(&self, repository: &RepositoryName, limit: usize) -> StoreResult<Vec<Digest>>;

    /// Removes a repository that has neither manifests nor blobs, so that it does not exist. Returns whether it is not
    /// there any more.
    async fn remove_empty_repository(&self, repository: &RepositoryName) -> StoreResult<bool>;
}
