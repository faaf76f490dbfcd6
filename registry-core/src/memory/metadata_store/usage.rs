use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use async_trait::async_trait;

use super::{MemoryMetadataStore, Repository, Tables};
use crate::protocol::digest::Digest;
use crate::protocol::reference::RepositoryName;
use crate::store::StoreResult;
use crate::store::usage::{NamespaceUsage, RepositoryTag, Usage, UsageStore};

/// Everything is counted when it is asked for, so that databases can be compared with it.
#[async_trait]
impl UsageStore for MemoryMetadataStore {
    async fn repository_usage(&self, repository: &RepositoryName) -> StoreResult<Option<Usage>> {
        let tables = self.tables();
        Ok(tables.repositories.get(repository).map(|found| tables.count([found])))
    }

    async fn namespaces(&self, after: Option<&str>, limit: usize) -> StoreResult<Vec<NamespaceUsage>> {
        let tables = self.tables();
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let names = tables.namespaces.range::<str, _>((after, Bound::Unbounded)).take(limit);
        let counted = |name: &String| NamespaceUsage { namespace: name.clone(), usage: tables.namespace(name) };
        Ok(names.map(counted).collect())
    }

    async fn namespace_usage(&self, namespace: &str) -> StoreResult<Usage> {
        Ok(self.tables().namespace(namespace))
    }

    async fn namespace_tags(
        &self,
        namespace: &str,
        after: Option<&RepositoryTag>,
        limit: usize,
    ) -> StoreResult<Vec<RepositoryTag>> {
        let tables = self.tables();
        let repositories = tables.repositories.iter().filter(|(name, _)| name.namespace() == namespace);
        let tags = repositories.flat_map(|(name, repository)| {
            repository.tags.keys().map(|tag| RepositoryTag { repository: name.clone(), tag: tag.clone() })
        });
        Ok(tags.filter(|tag| after.is_none_or(|after| tag > after)).take(limit).collect())
    }
}

impl Tables {
    fn namespace(&self, namespace: &str) -> Usage {
        self.count(self.repositories.iter().filter(|(name, _)| name.namespace() == namespace).map(|(_, found)| found))
    }

    fn count<'a>(&self, repositories: impl IntoIterator<Item = &'a Repository>) -> Usage {
        let mut usage = Usage::default();
        let mut distinct: BTreeSet<&Digest> = BTreeSet::new();
        let size = |blob: &Digest| self.blobs.get(blob).map_or(0, |blob| blob.size_bytes);
        for repository in repositories {
            usage.tags += repository.tags.len() as u64;
            let manifests: &BTreeMap<_, _> = &repository.manifests;
            for manifest in manifests.values() {
                let own = manifest.record.payload.len() as u64;
                usage.manifests += u64::from(!manifest.withdrawn);
                usage.unique_bytes += own;
                usage.logical_bytes += own + manifest.blobs.iter().map(size).sum::<u64>();
                distinct.extend(&manifest.blobs);
            }
        }
        usage.unique_bytes += distinct.into_iter().map(size).sum::<u64>();
        usage
    }
}
