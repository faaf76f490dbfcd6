use std::ops::Bound;

use async_trait::async_trait;

use super::MemoryMetadataStore;
use crate::protocol::reference::RepositoryName;
use crate::store::StoreResult;
use crate::store::metadata::RepositoryStore;

#[async_trait]
impl RepositoryStore for MemoryMetadataStore {
    async fn repository_exists(&self, repository: &RepositoryName) -> StoreResult<bool> {
        Ok(self.tables().repositories.contains_key(repository))
    }

    async fn repositories(&self, after: Option<&str>, limit: usize) -> StoreResult<Vec<RepositoryName>> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(self
            .tables()
            .repositories
            .range::<str, _>((after, Bound::Unbounded))
            .filter(|(_, repository)| repository.manifests.values().any(|manifest| !manifest.withdrawn))
            .map(|(name, _)| name.clone())
            .take(limit)
            .collect())
    }

    async fn check(&self) -> StoreResult<()> {
        Ok(())
    }
}
