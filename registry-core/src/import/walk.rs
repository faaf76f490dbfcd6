//! Going through a whole storage.

use std::sync::{Mutex, PoisonError};

use futures::{StreamExt, TryStreamExt};

use super::adopter::{Adopted, Adopter, Failure};
use super::images::Conversion;
use super::problem::{Problem, Skipped, SkippedThing};
use super::scope::Scope;
use super::{ImportObserver, ImportOptions, ImportReport, Tally};
use crate::protocol::reference::RepositoryName;
use crate::store::import::AdoptOutcome;
use crate::store::links::{Link, LinkKind};
use crate::store::{ImageStore, StoreResult};

/// How many files' names are listed at a time.
const PAGE: usize = 1000;
/// How many repositories are gone through at a time.
const REPOSITORIES_AT_ONCE: usize = 4;
/// How many links of a repository are followed at a time.
const LINKS_AT_ONCE: usize = 16;

pub(super) struct Walk<'a> {
    adopter: &'a Adopter,
    options: &'a ImportOptions,
    observer: &'a dyn ImportObserver,
    report: Mutex<ImportReport>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(adopter: &'a Adopter, options: &'a ImportOptions, observer: &'a dyn ImportObserver) -> Self {
        Self { adopter, options, observer, report: Mutex::default() }
    }

    pub(super) async fn run(&self, images: Option<&dyn ImageStore>) -> StoreResult<ImportReport> {
        if let Some(images) = images {
            let (links, options, writes) = (&self.adopter.links, self.options, self.adopter.metadata.is_some());
            let converted =
                Conversion { images, links, options, writes, skip: &|skipped| self.skip(skipped) }.run().await?;
            self.report().images = converted;
        }
        if let Some(metadata) = &self.adopter.metadata {
            metadata.begin_import(!self.options.resume).await?;
        }
        if self.options.repositories.is_empty() {
            self.all_repositories().await?;
            if let Some(metadata) = &self.adopter.metadata {
                metadata.finish_import().await?;
            }
        } else {
            self.repositories(&self.options.repositories).await?;
        }
        Ok(*self.report())
    }

    async fn all_repositories(&self) -> StoreResult<()> {
        let mut after = None;
        loop {
            let page = self.adopter.links.repositories(after.as_ref(), PAGE).await?;
            self.strangers(None, page.strangers);
            self.repositories(&page.items).await?;
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn repositories(&self, names: &[RepositoryName]) -> StoreResult<()> {
        let each = futures::stream::iter(names.to_vec()).map(|name| async move { self.repository(&name).await });
        each.buffer_unordered(REPOSITORIES_AT_ONCE).try_collect().await
    }

    pub(super) async fn repository(&self, name: &RepositoryName) -> StoreResult<()> {
        if let Some(metadata) = self.adopter.metadata.as_ref().filter(|_| self.options.resume)
            && metadata.is_imported(name).await?
        {
            self.report().left_out += 1;
            return Ok(());
        }
        let scope = Scope::new(name);
        self.links_of(&scope).await?;
        if let Some(metadata) = &self.adopter.metadata {
            metadata.finish_repository_import(name).await?;
        }
        let report = &mut *self.report();
        report.repositories += 1;
        report.tally += scope.tally();
        self.observer.progress(name, report);
        Ok(())
    }

    /// Adopts all that a repository has. If somebody else has finished its import meanwhile, nothing more is to be done.
    async fn links_of(&self, scope: &Scope<'_>) -> StoreResult<()> {
        let name = scope.repository;
        for kind in [LinkKind::Manifest, LinkKind::Blob, LinkKind::Tag] {
            let mut after = None;
            loop {
                let page = self.adopter.links.links(name, kind, after.as_ref(), PAGE).await?;
                self.strangers(Some(name), page.strangers);
                let each = futures::stream::iter(page.items).map(|link| async move { self.link(scope, &link).await });
                let open: Vec<bool> = each.buffer_unordered(LINKS_AT_ONCE).try_collect().await?;
                if open.contains(&false) {
                    return Ok(());
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
                self.tell(name, scope.tally());
            }
        }
        Ok(())
    }

    /// Adopts what a link stands for. Returns whether the repository is still open.
    async fn link(&self, scope: &Scope<'_>, link: &Link) -> StoreResult<bool> {
        let adopted: Adopted = match link {
            Link::Manifest(digest) => self.adopter.manifest(scope, digest).await,
            Link::Blob(digest) => self.adopter.blob(scope, digest, None).await,
            Link::Tag(tag) => self.adopter.tag(scope, tag).await,
        };
        match adopted {
            Ok(Some(AdoptOutcome::Closed)) => return Ok(false),
            // What is gone since it was listed is nothing.
            Ok(_) => {}
            Err(Failure::Skip(problem)) => {
                let what = SkippedThing::Link(link.clone());
                self.skip(Skipped { repository: Some(scope.repository.clone()), what, problem });
            }
            Err(Failure::Store(error)) => return Err(error),
        }
        Ok(true)
    }

    fn strangers(&self, repository: Option<&RepositoryName>, paths: Vec<String>) {
        for path in paths {
            let what = SkippedThing::File(path);
            self.skip(Skipped { repository: repository.cloned(), what, problem: Problem::OutOfPlace });
        }
    }

    fn skip(&self, skipped: Skipped) {
        self.report().skipped += 1;
        self.observer.skipped(&skipped);
    }

    /// Tells how far a repository is that is not finished.
    fn tell(&self, repository: &RepositoryName, so_far: Tally) {
        let mut report = *self.report();
        report.tally += so_far;
        self.observer.progress(repository, &report);
    }

    fn report(&self) -> std::sync::MutexGuard<'_, ImportReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
