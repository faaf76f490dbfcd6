//! Blobs: look, mount, unlink.

use std::time::Duration;

use super::Registry;
use crate::error::{RegistryError, RegistryResult};
use crate::protocol::digest::Digest;
use crate::protocol::reference::RepositoryName;
use crate::store::Timestamp;
use crate::store::links::Link;
use crate::store::metadata::BlobRecord;

/// Where a mounted blob may come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountSource {
    /// This repository only. The caller has made sure that the client may read it.
    Repository(RepositoryName),
    /// Any repository. The caller has made sure that the client may read all of them.
    Anywhere,
}

impl Registry {
    /// Finds a blob of a repository. A blob that waits for its review stays for at least the grace period from now; this
    /// writes only if it would not.
    ///
    /// # Errors
    /// `BlobUnknown`.
    pub async fn stat_blob(&self, repository: &RepositoryName, digest: &Digest) -> RegistryResult<BlobRecord> {
        let blob = self.blob(repository, digest).await?;
        let grace_end = Timestamp::now().plus(self.options.push_grace());
        let is_near = blob.review_after.is_some_and(|review_after| review_after < grace_end);
        if is_near && !self.metadata.postpone_blob_review(digest, self.pushed_review_after()).await? {
            // It was found unreferenced in this moment. Nobody was told of it.
            return Err(RegistryError::BlobUnknown { repository: repository.clone(), digest: *digest });
        }
        Ok(blob)
    }

    /// Finds a blob of a repository, in order to read it by [`read_blob`](Self::read_blob). Changes nothing that is known, so
    /// that pulls go on where nothing can be written.
    ///
    /// # Errors
    /// `BlobUnknown`.
    pub async fn blob(&self, repository: &RepositoryName, digest: &Digest) -> RegistryResult<BlobRecord> {
        let blob = match self.metadata.blob(repository, digest).await? {
            None if self.adopt_blob(repository, digest).await? => self.metadata.blob(repository, digest).await?,
            found => found,
        };
        blob.ok_or_else(|| RegistryError::BlobUnknown { repository: repository.clone(), digest: *digest })
    }

    /// Returns an address by which a client can `GET` a blob that was just [found](Self::blob) from the storage itself, for
    /// `lifetime`, if the storage has such addresses.
    ///
    /// # Errors
    /// `Store`.
    pub async fn redirect_blob(&self, blob: &BlobRecord, lifetime: Duration) -> RegistryResult<Option<String>> {
        Ok(self.blobs.redirect(&blob.location, lifetime).await?)
    }

    /// Makes a blob of another repository visible in `into`, without moving a byte. Idempotent. Returns `None` if the
    /// source does not have it.
    ///
    /// # Errors
    /// `ReadOnly`.
    pub async fn mount_blob(
        &self,
        into: &RepositoryName,
        digest: &Digest,
        source: &MountSource,
    ) -> RegistryResult<Option<BlobRecord>> {
        self.ensure_writable()?;
        let from = match source {
            MountSource::Repository(name) => Some(name),
            MountSource::Anywhere => None,
        };
        let mut mounted = self.metadata.mount_blob(into, digest, from, self.pushed_review_after()).await?;
        if let (None, Some(from)) = (&mounted, from)
            && self.adopt_blob(from, digest).await?
        {
            mounted = self.metadata.mount_blob(into, digest, Some(from), self.pushed_review_after()).await?;
        }
        if mounted.is_some() {
            self.settle_link(into, &Link::Blob(*digest)).await?;
        }
        Ok(mounted)
    }

    /// Takes a blob out of a repository. Other repositories that have it keep it.
    ///
    /// # Errors
    /// `BlobUnknown`, `DeleteDisabled`, `ReadOnly`.
    pub async fn delete_blob(&self, repository: &RepositoryName, digest: &Digest) -> RegistryResult<()> {
        self.ensure_deletable()?;
        self.finish_adoption_of(repository).await?;
        let unlinked = self.metadata.unlink_blob(repository, digest, self.review_after()).await?;
        self.settle_link(repository, &Link::Blob(*digest)).await?;
        if unlinked {
            Ok(())
        } else {
            Err(RegistryError::BlobUnknown { repository: repository.clone(), digest: *digest })
        }
    }
}
