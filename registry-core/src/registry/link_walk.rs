//! Comparing distribution's links with the metadata, where they are written.
//!
//! Every manifest, blob and tag of a repository has to have its link, whether it was pushed before links were written or
//! after. What is in the way of a link's being right is looked at once more, since clients may push and delete meanwhile.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};

use super::Registry;
use super::links::LINKS_AT_ONCE;
use crate::protocol::digest::Digest;
use crate::protocol::reference::{RepositoryName, Tag};
use crate::store::inventory::BlobState;
use crate::store::links::{Link, LinkStore};
use crate::store::{StoreErrorKind, StoreResult};

/// How much is listed at a time.
const PAGE: usize = 500;

/// A link that is not there, or points elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingLink {
    /// The repository that it is in.
    pub repository: RepositoryName,
    /// What it is about.
    pub link: Link,
    /// What it has to point to.
    pub target: Digest,
}

/// A comparison under way: of each repository that has a manifest the manifests, then the blobs, then the tags.
#[derive(Debug)]
pub(super) struct LinkWalk<'a> {
    registry: &'a Registry,
    links: &'a Arc<dyn LinkStore>,
    repositories: VecDeque<RepositoryName>,
    last_repository: Option<RepositoryName>,
    repositories_end: bool,
    next: Next,
}

/// What of a repository comes next, after which.
#[derive(Debug, Default)]
enum Next {
    Manifests(Option<Digest>),
    Blobs(u64),
    Tags(Option<Tag>),
    #[default]
    Repository,
}

impl Registry {
    /// Writes every link that is missing, with the manifests that they need, if this registry writes links. Returns how many.
    ///
    /// # Errors
    /// What the first store says that fails. What was written before stays.
    pub async fn write_missing_links(&self) -> StoreResult<u64> {
        let Some(mut walk) = LinkWalk::new(self) else { return Ok(0) };
        let mut written = 0;
        while let Some((_, missing)) = walk.step().await? {
            for link in missing {
                self.write_missing_link(&link).await?;
                written += 1;
            }
        }
        Ok(written)
    }
}

impl<'a> LinkWalk<'a> {
    /// Begins, if the registry writes links.
    pub(super) fn new(registry: &'a Registry) -> Option<Self> {
        Some(Self {
            registry,
            links: registry.written_links()?,
            repositories: VecDeque::new(),
            last_repository: None,
            repositories_end: false,
            next: Next::Repository,
        })
    }

    /// Looks at some more links. Returns how many, and which of them are missing; `None` at the end.
    pub(super) async fn step(&mut self) -> StoreResult<Option<(usize, Vec<MissingLink>)>> {
        if matches!(self.next, Next::Repository) {
            if !self.next_repository().await? {
                return Ok(None);
            }
            self.next = Next::Manifests(None);
        }
        let Some(repository) = self.repositories.front().cloned() else { return Ok(None) };
        let expected = self.page(&repository).await?;
        let count = expected.len();
        let looked_at = expected.into_iter().map(|(link, target)| self.look(&repository, link, target));
        let looked_at: Vec<Option<MissingLink>> =
            futures::stream::iter(looked_at).buffered(LINKS_AT_ONCE).try_collect().await?;
        Ok(Some((count, looked_at.into_iter().flatten().collect())))
    }

    async fn next_repository(&mut self) -> StoreResult<bool> {
        self.repositories.pop_front();
        if self.repositories.is_empty() && !self.repositories_end {
            let after = self.last_repository.as_ref().map(RepositoryName::as_str);
            let page = self.registry.metadata.repositories(after, PAGE).await?;
            self.repositories_end = page.len() < PAGE;
            self.last_repository = page.last().cloned();
            self.repositories = page.into();
        }
        Ok(!self.repositories.is_empty())
    }

    /// Lists what comes next, with what its links have to point to.
    async fn page(&mut self, repository: &RepositoryName) -> StoreResult<Vec<(Link, Digest)>> {
        let metadata = &self.registry.metadata;
        let (page, next): (Vec<(Link, Digest)>, Next) = match &self.next {
            Next::Repository => (Vec::new(), Next::Repository),
            Next::Manifests(after) => {
                let page = metadata.manifest_digests(repository, after.as_ref(), PAGE).await?;
                let next = page.get(PAGE - 1).map_or(Next::Blobs(0), |last| Next::Manifests(Some(*last)));
                (page.into_iter().map(|digest| (Link::Manifest(digest), digest)).collect(), next)
            }
            Next::Blobs(after) => {
                let page = metadata.repository_blobs(repository, *after, PAGE).await?;
                let next = page.get(PAGE - 1).map_or(Next::Tags(None), |last| Next::Blobs(last.cursor));
                let served = page.into_iter().filter(|found| found.blob.state == BlobState::Served);
                (served.map(|found| (Link::Blob(found.blob.digest), found.blob.digest)).collect(), next)
            }
            Next::Tags(after) => {
                let page = metadata.tag_records(repository, after.as_ref(), PAGE).await?;
                let next = page.get(PAGE - 1).map_or(Next::Repository, |last| Next::Tags(Some(last.tag.clone())));
                (page.into_iter().map(|found| (Link::Tag(found.tag), found.digest)).collect(), next)
            }
        };
        self.next = next;
        Ok(page)
    }

    async fn look(&self, repository: &RepositoryName, link: Link, target: Digest) -> StoreResult<Option<MissingLink>> {
        let found = match self.links.follow(repository, &link).await {
            Err(error) if error.kind() == StoreErrorKind::Corrupt => None,
            found => found?,
        };
        let is_right = found == Some(target)
            && match &link {
                Link::Manifest(digest) => self.links.stat_blob(digest).await?.is_some(),
                Link::Blob(_) | Link::Tag(_) => true,
            };
        let is_wanted = async || StoreResult::Ok(self.registry.target(repository, &link).await? == Some(target));
        if is_right || !is_wanted().await? {
            return Ok(None);
        }
        Ok(Some(MissingLink { repository: repository.clone(), link, target }))
    }
}
