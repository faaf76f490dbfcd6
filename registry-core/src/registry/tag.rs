//! Tags: list, delete.

use super::Registry;
use crate::error::{RegistryError, RegistryResult};
use crate::protocol::reference::{Reference, RepositoryName, Tag};
use crate::store::links::Link;
use crate::store::metadata::Page;

impl Registry {
    /// Lists up to `limit` tags of a repository in byte order, all greater than `after`.
    ///
    /// # Errors
    /// `RepositoryUnknown` if nothing was ever put into the repository.
    pub async fn list_tags(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: usize,
    ) -> RegistryResult<Page<Tag>> {
        self.finish_adoption_of(repository).await?;
        let mut items = self.metadata.tags(repository, after, limit.saturating_add(1)).await?;
        if items.is_empty() && !self.metadata.repository_exists(repository).await? {
            return Err(RegistryError::RepositoryUnknown(repository.clone()));
        }
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Page { items, more })
    }

    /// Deletes a tag. The manifest it points to stays for as long as the tag can be restored, and is then put up for
    /// review.
    ///
    /// # Errors
    /// `ManifestUnknown`, `DeleteDisabled`, `ReadOnly`.
    pub async fn delete_tag(&self, repository: &RepositoryName, tag: &Tag) -> RegistryResult<()> {
        self.ensure_deletable()?;
        self.finish_adoption_of(repository).await?;
        let deleted = self.metadata.delete_tag(repository, tag, self.review_after(), self.restorable_until()).await?;
        self.settle_link(repository, &Link::Tag(tag.clone())).await?;
        if deleted {
            return Ok(());
        }
        let reference = Reference::Tag(tag.clone());
        Err(RegistryError::ManifestUnknown { repository: repository.clone(), reference })
    }
}
