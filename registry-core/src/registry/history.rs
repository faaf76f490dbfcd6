//! What tags pointed to, and back to it.

use super::Registry;
use crate::error::{RegistryError, RegistryResult};
use crate::protocol::digest::Digest;
use crate::protocol::reference::{Reference, RepositoryName, Tag};
use crate::store::Timestamp;
use crate::store::history::{HistoryQuery, PastTag, RestoreOutcome, RestoreTag};
use crate::store::metadata::Page;

/// A place in the history of tags: after what the tag pointed to until then.
pub type HistoryPosition = (Tag, Timestamp);

impl Registry {
    /// Lists up to `limit` of the things that the tags of a repository, or one of them, pointed to before they moved or
    /// went: by tag in byte order, and for each tag the oldest first.
    ///
    /// # Errors
    /// `RepositoryUnknown` if nothing was ever put into the repository.
    pub async fn tag_history(
        &self,
        repository: &RepositoryName,
        tag: Option<&Tag>,
        after: Option<&HistoryPosition>,
        limit: usize,
    ) -> RegistryResult<Page<PastTag>> {
        self.finish_adoption_of(repository).await?;
        let after = after.map(|(tag, ended_at)| (tag, *ended_at));
        let query = HistoryQuery { repository, tag, after, limit: limit.saturating_add(1) };
        let mut items = self.metadata.tag_history(query).await?;
        if items.is_empty() && !self.metadata.repository_exists(repository).await? {
            return Err(RegistryError::RepositoryUnknown(repository.clone()));
        }
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Page { items, more })
    }

    /// Points a tag to what it once pointed to, or to `digest` if it once did, and returns to what. What it points to now
    /// becomes history in its turn, so that without a `digest` a second call undoes the first.
    ///
    /// # Errors
    /// `TagNotRestorable`, `ManifestBlobUnknown` if something that the manifest refers to was deleted by itself, `ReadOnly`.
    pub async fn restore_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        digest: Option<&Digest>,
    ) -> RegistryResult<Digest> {
        self.ensure_writable()?;
        self.finish_adoption_of(repository).await?;
        let restore = RestoreTag {
            repository,
            tag,
            digest,
            now: Timestamp::now(),
            restorable_until: self.restorable_until(),
            review_after: self.review_after(),
        };
        match self.metadata.restore_tag(restore).await? {
            RestoreOutcome::Restored(digest) => {
                // If it is gone again, whoever deleted it settles its links.
                if let Some(manifest) = self.metadata.manifest(repository, &Reference::Digest(digest)).await? {
                    self.settle_manifest(repository, &digest, manifest.payload, vec![tag.clone()]).await?;
                }
                Ok(digest)
            }
            RestoreOutcome::Missing(missing) => {
                Err(RegistryError::ManifestBlobUnknown { repository: repository.clone(), missing })
            }
            RestoreOutcome::Unknown => {
                let reference = digest.map_or_else(|| Reference::Tag(tag.clone()), |digest| Reference::Digest(*digest));
                Err(RegistryError::TagNotRestorable { repository: repository.clone(), tag: tag.clone(), reference })
            }
        }
    }
}
