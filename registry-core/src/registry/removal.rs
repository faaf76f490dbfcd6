//! Repositories: remove whole.

use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::Registry;
use crate::error::{RegistryError, RegistryResult};
use crate::protocol::digest::Digest;
use crate::protocol::reference::RepositoryName;

/// How many manifests or blobs are looked up at once.
const BATCH: usize = 1000;
/// How many of them are removed side by side, so that they can share the sync of a commit.
const AT_ONCE: usize = 16;
/// How often what was pushed in the meantime is removed as well, before its clients have won.
const ROUNDS: usize = 8;

impl Registry {
    /// Deletes a repository with all that is in it, for good: none of its tags can be restored.
    ///
    /// It takes as many transactions as there are manifests and blobs, none of which is long, and goes on with what is
    /// pushed meanwhile. If it ends early, part of the repository is gone, and it can be called again.
    ///
    /// # Errors
    /// `RepositoryUnknown`, `RepositoryBusy` if clients go on pushing into it, `DeleteDisabled`, `ReadOnly`.
    pub async fn delete_repository(&self, repository: &RepositoryName) -> RegistryResult<()> {
        self.ensure_deletable()?;
        self.finish_adoption_of(repository).await?;
        let exists = self.metadata.repository_exists(repository).await?;
        if exists && !self.remove_all(repository).await? {
            return Err(RegistryError::RepositoryBusy(repository.clone()));
        }
        self.settle_deleted_repository(repository).await?;
        if exists { Ok(()) } else { Err(RegistryError::RepositoryUnknown(repository.clone())) }
    }

    /// Returns whether the repository is gone.
    async fn remove_all(&self, repository: &RepositoryName) -> RegistryResult<bool> {
        for _ in 0..ROUNDS {
            self.remove_manifests(repository).await?;
            self.remove_blobs(repository).await?;
            if self.metadata.remove_empty_repository(repository).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn remove_manifests(&self, repository: &RepositoryName) -> RegistryResult<()> {
        let mut after: Option<Digest> = None;
        loop {
            let digests = self.metadata.manifest_digests(repository, after.as_ref(), BATCH).await?;
            let Some(last) = digests.last() else { return Ok(()) };
            after = Some(*last);
            let removals: Vec<_> =
                digests.iter().map(|digest| self.remove_manifest(repository, digest, None).boxed()).collect();
            stream::iter(removals).buffer_unordered(AT_ONCE).try_for_each(|_| async { Ok(()) }).await?;
        }
    }

    async fn remove_blobs(&self, repository: &RepositoryName) -> RegistryResult<()> {
        loop {
            let digests = self.metadata.some_blobs(repository, BATCH).await?;
            if digests.is_empty() {
                return Ok(());
            }
            let review_after = self.review_after();
            let removals: Vec<_> =
                digests.iter().map(|digest| self.metadata.unlink_blob(repository, digest, review_after)).collect();
            stream::iter(removals).buffer_unordered(AT_ONCE).try_for_each(|_| async { Ok(()) }).await?;
        }
    }
}
