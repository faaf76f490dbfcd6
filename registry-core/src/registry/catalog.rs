//! The catalog of repositories.

use super::Registry;
use crate::error::RegistryResult;
use crate::protocol::reference::RepositoryName;
use crate::store::metadata::Page;

impl Registry {
    /// Lists up to `limit` repositories that have a manifest, in byte order, all greater than `after`.
    ///
    /// # Errors
    /// `Store`.
    pub async fn list_repositories(&self, after: Option<&str>, limit: usize) -> RegistryResult<Page<RepositoryName>> {
        let mut items = self.metadata.repositories(after, limit.saturating_add(1)).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Page { items, more })
    }
}
