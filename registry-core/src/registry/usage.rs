//! How much there is, and lists across repositories.

use super::Registry;
use crate::error::{RegistryError, RegistryResult};
use crate::protocol::reference::{Namespace, RepositoryName};
use crate::store::metadata::Page;
use crate::store::usage::{NamespaceUsage, RepositoryTag, Usage};

impl Registry {
    /// Returns how much there is in a repository.
    ///
    /// # Errors
    /// `RepositoryUnknown` if nothing was ever put into it.
    pub async fn repository_usage(&self, repository: &RepositoryName) -> RegistryResult<Usage> {
        self.finish_adoption_of(repository).await?;
        let usage = self.metadata.repository_usage(repository).await?;
        usage.ok_or_else(|| RegistryError::RepositoryUnknown(repository.clone()))
    }

    /// Lists up to `limit` namespaces that ever had a manifest, in byte order, all greater than `after`.
    ///
    /// # Errors
    /// `Store`.
    pub async fn list_namespaces(&self, after: Option<&str>, limit: usize) -> RegistryResult<Page<NamespaceUsage>> {
        let mut items = self.metadata.namespaces(after, limit.saturating_add(1)).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Page { items, more })
    }

    /// Returns how much there is in all repositories of a namespace: nothing, if it is not known.
    ///
    /// # Errors
    /// `Store`.
    pub async fn namespace_usage(&self, namespace: &Namespace) -> RegistryResult<Usage> {
        Ok(self.metadata.namespace_usage(namespace.as_str()).await?)
    }

    /// Lists up to `limit` tags of all repositories of a namespace, by repository and tag in byte order.
    ///
    /// # Errors
    /// `Store`.
    pub async fn list_namespace_tags(
        &self,
        namespace: &Namespace,
        after: Option<&RepositoryTag>,
        limit: usize,
    ) -> RegistryResult<Page<RepositoryTag>> {
        let mut items = self.metadata.namespace_tags(namespace.as_str(), after, limit.saturating_add(1)).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Page { items, more })
    }
}
