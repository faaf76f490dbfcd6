//! Whether the storage has links of another registry, of which nobody knows what they need until they are imported.

use futures::{StreamExt, TryStreamExt};

use super::Registry;
use super::links::LINKS_AT_ONCE;
use crate::protocol::digest::Digest;
use crate::protocol::reference::RepositoryName;
use crate::store::StoreResult;
use crate::store::identity::IdentityStore;
use crate::store::links::{LinkKind, LinkStore};

/// How many links are listed at a time.
const PAGE: usize = 1000;

impl Registry {
    /// Tells whether the metadata know of every link in the storage. If this registry writes links, all of them are listed
    /// and looked up, until there is one that it does not know; otherwise none can be its own.
    pub(super) async fn knows_all_links(&self, identity: &dyn IdentityStore) -> StoreResult<bool> {
        if !identity.has_foreign_repositories().await? {
            return Ok(true);
        }
        let Some(links) = self.written_links() else { return Ok(false) };
        let mut after = None;
        loop {
            let page = links.repositories(after.as_ref(), PAGE).await?;
            if !page.strangers.is_empty() {
                return Ok(false);
            }
            for repository in &page.items {
                for kind in [LinkKind::Tag, LinkKind::Manifest, LinkKind::Blob] {
                    if !self.knows_links(&**links, repository, kind).await? {
                        return Ok(false);
                    }
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(true);
            }
        }
    }

    async fn knows_links(
        &self,
        links: &dyn LinkStore,
        repository: &RepositoryName,
        kind: LinkKind,
    ) -> StoreResult<bool> {
        let mut after = None;
        loop {
            let page = links.links(repository, kind, after.as_ref(), PAGE).await?;
            let targets = page.items.into_iter().map(|link| async move { self.target(repository, &link).await });
            let targets: Vec<Option<Digest>> =
                futures::stream::iter(targets).buffer_unordered(LINKS_AT_ONCE).try_collect().await?;
            if !page.strangers.is_empty() || targets.contains(&None) {
                return Ok(false);
            }
            after = page.next;
            if after.is_none() {
                return Ok(true);
            }
        }
    }
}
