//! distribution's links beside the metadata: adopting what the metadata lack, and writing them for the way back.
//!
//! **Adopting.** What a client asks for and the metadata do not know is looked for in the storage and, if it is there,
//! recorded and served. That holds as long as the repository is open, which it is until its import is finished. Whatever
//! needs to know all of a repository, such as a list of its tags or a delete, finishes its import first.
//!
//! **Writing.** After a change is recorded, and before it is acknowledged, the links that it concerns are *settled*: set to
//! what the metadata say, and looked at again until the metadata have not changed meanwhile. So of two writers of a tag the
//! one that comes last leaves the link as it has to be, in whatever order they wrote it.

use std::sync::Arc;

use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt};

use super::Registry;
use crate::error::RegistryResult;
use crate::import::{self, Adopter, Failure, ImportObserver, ImportOptions, ImportReport, Importer, Scope};
use crate::protocol::digest::Digest;
use crate::protocol::reference::{Reference, RepositoryName, Tag};
use crate::store::StoreResult;
use crate::store::import::{AdoptOutcome, ImportState};
use crate::store::links::{Link, LinkKind, LinkStore};

/// How many links are listed at a time.
const PAGE: usize = 1000;
/// How many of them are read at a time.
pub(super) const LINKS_AT_ONCE: usize = 16;

/// What a registry does with distribution's links. Neither is the rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkUse {
    /// What is missing in the metadata is adopted from the storage.
    pub adopt: bool,
    /// Changes are written to the links as well, and manifests to the storage.
    pub write: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Links {
    store: Arc<dyn LinkStore>,
    used: LinkUse,
}

impl Registry {
    /// Has the registry use the links beside its blobs.
    pub fn with_links(self, links: Arc<dyn LinkStore>, used: LinkUse) -> Self {
        Self { links: Some(Links { store: links, used }), ..self }
    }

    /// Imports all that the storage has and the metadata lack, if this registry adopts and that was not done before. Serving
    /// goes on meanwhile. Returns `None` if there was nothing to do.
    ///
    /// # Errors
    /// Those of [`Importer::run`]. A later call goes on.
    pub async fn finish_adoption(&self, observer: &dyn ImportObserver) -> StoreResult<Option<ImportReport>> {
        let Some(links) = self.adopted_links() else { return Ok(None) };
        if self.metadata.import_state().await? == ImportState::Finished {
            return Ok(None);
        }
        let options = ImportOptions { resume: true, ..ImportOptions::default() };
        let metadata = Some(Arc::clone(&self.metadata));
        let importer = Importer::new(Arc::clone(links), metadata, self.review_after(), options);
        importer.run(observer).await.map(Some)
    }

    /// Adopts a manifest that the metadata lack. Returns whether it is worth asking them again.
    pub(super) async fn adopt_manifest(&self, repository: &RepositoryName, wanted: &Reference) -> RegistryResult<bool> {
        let Some(links) = self.adopted_links() else { return Ok(false) };
        let adopt = async move {
            let Some(adopter) = self.adopter(links, repository).await? else { return Ok(false) };
            let scope = Scope::new(repository);
            let adopted = match wanted {
                Reference::Tag(tag) => adopter.tag(&scope, tag).await,
                Reference::Digest(digest) => adopter.manifest(&scope, digest).await,
            };
            found(adopted, repository, wanted)
        };
        // Who does not need it shall not have the room for it in every future.
        adopt.boxed().await
    }

    /// Adopts a blob that the metadata lack. Returns whether it is worth asking them again.
    pub(super) async fn adopt_blob(&self, repository: &RepositoryName, digest: &Digest) -> RegistryResult<bool> {
        let Some(links) = self.adopted_links() else { return Ok(false) };
        let adopt = async move {
            let Some(adopter) = self.adopter(links, repository).await? else { return Ok(false) };
            found(adopter.blob(&Scope::new(repository), digest, None).await, repository, digest)
        };
        adopt.boxed().await
    }

    /// Adopts blobs and manifests that a manifest needs. Returns whether it is worth storing it again.
    pub(super) async fn adopt_missing(&self, repository: &RepositoryName, missing: &[Digest]) -> RegistryResult<bool> {
        for digest in missing {
            let there = self.adopt_blob(repository, digest).await?
                || self.adopt_manifest(repository, &Reference::Digest(*digest)).await?;
            if !there {
                return Ok(false);
            }
        }
        Ok(self.adopted_links().is_some())
    }

    /// Makes sure that the metadata have all that the storage has of a repository.
    pub(super) async fn finish_adoption_of(&self, repository: &RepositoryName) -> RegistryResult<()> {
        let Some(links) = self.adopted_links() else { return Ok(()) };
        let finish = async move {
            if let Some(adopter) = self.adopter(links, repository).await? {
                import::import_repository(&adopter, repository).await?;
            }
            Ok(())
        };
        finish.boxed().await
    }

    /// Has a link say what the metadata say, if links are written.
    pub(crate) async fn settle_link(&self, repository: &RepositoryName, link: &Link) -> RegistryResult<()> {
        match self.written_links() {
            Some(links) => self.settle(links, repository, link).boxed().await,
            None => Ok(()),
        }
    }

    /// Writes a manifest's bytes to where distribution has them ([`payload`](super::payload)), and settles its links, if
    /// links are written.
    pub(super) async fn settle_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        payload: Bytes,
        tags: Vec<Tag>,
    ) -> RegistryResult<()> {
        let Some(links) = self.written_links() else { return Ok(()) };
        let settle = async move {
            self.write_payload(links, digest, payload).await?;
            self.settle(links, repository, &Link::Manifest(*digest)).await?;
            for tag in tags {
                self.settle(links, repository, &Link::Tag(tag)).await?;
            }
            Ok(())
        };
        settle.boxed().await
    }

    /// Settles the links of a manifest that was deleted, and of all tags that point to it, if links are written. distribution
    /// reads every tag's link for that, and so must this.
    pub(super) async fn settle_deleted_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> RegistryResult<()> {
        let Some(links) = self.written_links() else { return Ok(()) };
        let settle = async move {
            self.settle(links, repository, &Link::Manifest(*digest)).await?;
            self.settle_all(links, repository, LinkKind::Tag, Some(digest)).await
        };
        settle.boxed().await
    }

    /// Settles all links of a repository that was deleted, if links are written.
    pub(super) async fn settle_deleted_repository(&self, repository: &RepositoryName) -> RegistryResult<()> {
        let Some(links) = self.written_links() else { return Ok(()) };
        let settle = async move {
            for kind in [LinkKind::Tag, LinkKind::Manifest, LinkKind::Blob] {
                self.settle_all(links, repository, kind, None).await?;
            }
            Ok(())
        };
        settle.boxed().await
    }

    /// Settles the links of one kind, or those that point to `wanted`.
    async fn settle_all(
        &self,
        links: &Arc<dyn LinkStore>,
        repository: &RepositoryName,
        kind: LinkKind,
        wanted: Option<&Digest>,
    ) -> RegistryResult<()> {
        let mut after = None;
        loop {
            let page = links.links(repository, kind, after.as_ref(), PAGE).await?;
            let each = futures::stream::iter(page.items).map(Ok);
            each.try_for_each_concurrent(LINKS_AT_ONCE, |link| async move {
                if let Some(wanted) = wanted {
                    // One that cannot be read may have pointed anywhere.
                    let target = links.follow(repository, &link).await.unwrap_or(Some(*wanted));
                    if target != Some(*wanted) {
                        return Ok(());
                    }
                }
                self.settle(links, repository, &link).await
            })
            .await?;
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn settle(&self, links: &Arc<dyn LinkStore>, repository: &RepositoryName, link: &Link) -> RegistryResult<()> {
        let mut target = self.target(repository, link).await?;
        loop {
            match &target {
                Some(target) => links.set(repository, link, target).await?,
                None => {
                    links.remove(repository, link).await?;
                    if let Link::Manifest(digest) = link {
                        self.give_up_payload(links, digest).await?;
                    }
                }
            }
            let settled = target;
            target = self.target(repository, link).await?;
            if target == settled {
                return Ok(());
            }
        }
    }

    /// Returns what a link has to point to, or `None` if there must be none.
    pub(super) async fn target(&self, repository: &RepositoryName, link: &Link) -> StoreResult<Option<Digest>> {
        let manifest = match link {
            Link::Blob(digest) => {
                return Ok(self.metadata.blob(repository, digest).await?.map(|blob| blob.digest));
            }
            Link::Manifest(digest) => Reference::Digest(*digest),
            Link::Tag(tag) => Reference::Tag(tag.clone()),
        };
        Ok(self.metadata.manifest(repository, &manifest).await?.map(|manifest| manifest.digest))
    }

    /// Returns what adopts into a repository, if the storage may have something that the metadata lack.
    async fn adopter(
        &self,
        links: &Arc<dyn LinkStore>,
        repository: &RepositoryName,
    ) -> RegistryResult<Option<Adopter>> {
        if self.metadata.is_imported(repository).await? {
            return Ok(None);
        }
        Ok(Some(Adopter {
            links: Arc::clone(links),
            metadata: Some(Arc::clone(&self.metadata)),
            review_after: self.review_after(),
            overwrite: false,
            verify: false,
        }))
    }

    /// Returns what finds a blob's bytes by its digest, whether or not links are used.
    pub(crate) fn link_store(&self) -> Option<&Arc<dyn LinkStore>> {
        self.links.as_ref().map(|links| &links.store)
    }

    fn adopted_links(&self) -> Option<&Arc<dyn LinkStore>> {
        self.links.as_ref().filter(|links| links.used.adopt).map(|links| &links.store)
    }

    pub(super) fn written_links(&self) -> Option<&Arc<dyn LinkStore>> {
        self.links.as_ref().filter(|links| links.used.write).map(|links| &links.store)
    }
}

/// Turns what became of something into whether it can be there now. Damage is for the operator: the client is told that the
/// thing is not there.
fn found(
    adopted: Result<Option<AdoptOutcome>, Failure>,
    repository: &RepositoryName,
    wanted: &(dyn std::fmt::Display + Sync),
) -> RegistryResult<bool> {
    match adopted {
        Ok(outcome) => Ok(outcome.is_some()),
        Err(Failure::Skip(problem)) => {
            tracing::warn!(%repository, %wanted, problem = problem.line(), "damaged in the storage, and not adopted");
            Ok(false)
        }
        Err(Failure::Store(error)) => Err(error.into()),
    }
}
