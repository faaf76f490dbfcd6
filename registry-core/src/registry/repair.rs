//! Bringing the database and the storage together again.
//!
//! Nothing that anybody may need is removed here. A blob that cannot be served is quarantined; a file that nobody knows is
//! recorded and put up for review, so that garbage collection takes it after the grace period, with all its care for
//! whoever pushes the same content meanwhile. Each repair is one transaction on a record that has not changed since it was
//! looked at, so that a repair may run while others serve, may be cut short, and may be repeated.

use futures::FutureExt;

use super::Registry;
use super::fsck::Finding;
use super::link_walk::MissingLink;
use super::quarantine::{Damage, Quarantine, examine};
use crate::error::RegistryError;
use crate::protocol::reference::Reference;
use crate::store::identity::{IDENTITY_SETTING, IdentityStore};
use crate::store::import::ImportState;
use crate::store::inventory::{BlobInventory, RecordedBlob, StoredFile};
use crate::store::links::Link;
use crate::store::{StoreError, StoreErrorKind, StoreResult, Timestamp};

/// What became of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// Nobody is told of the blob any more, until it is pushed again.
    Quarantined(Quarantine),
    /// The blob is whole, and served again.
    Released,
    /// The file is recorded, and collected after this if nothing refers to it by then.
    PutUpForReview(Timestamp),
    /// The link is written, with what it needs.
    LinkWritten,
    /// It is not any more as it was found.
    Changed,
    /// Nothing could be done.
    LeftAlone(LeftAlone),
}

/// Why nothing could be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftAlone {
    /// The blob's bytes are still damaged or missing.
    Damaged,
    /// The file is where no blob can be, so that nobody knows what it is.
    OutOfPlace,
    /// The storage has repositories of another registry that are not imported, which may need the file.
    NotImported,
}

impl LeftAlone {
    /// Says why, and what to do.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Damaged => {
                "its bytes are still damaged or missing; push it again, or put the file back from a backup"
            }
            Self::OutOfPlace => "no blob can be there; look at the file, and remove it by hand",
            Self::NotImported => "the storage has repositories that are not imported; run `registry import` first",
        }
    }
}

/// What repairs look at besides the registry's own stores.
#[derive(Debug, Clone, Copy)]
pub struct RepairStores<'a> {
    /// The files of the storage.
    pub inventory: &'a dyn BlobInventory,
    /// By which it is known that the storage is there at all.
    pub identity: &'a dyn IdentityStore,
}

/// Repairs differences, as far as that loses nothing that anybody may need.
#[derive(Debug)]
pub struct Repairer<'a> {
    registry: &'a Registry,
    stores: RepairStores<'a>,
    /// Whether the storage has no link that is not of this registry, once that was looked at.
    knows_all_links: Option<bool>,
}

impl Repairer<'_> {
    /// Repairs one difference.
    ///
    /// # Errors
    /// `Unavailable` if the storage is not the one that the database belongs to, as when it is not mounted; whatever the
    /// stores say. Repeating it is safe.
    pub async fn repair(&mut self, finding: &Finding) -> StoreResult<Repair> {
        let (registry, stores) = (self.registry, self.stores);
        match finding {
            Finding::Missing(blob) => {
                registry.ensure_storage_is_there(stores.identity).await?;
                registry.repair_blob(blob, Damage::Missing).await
            }
            Finding::WrongSize { blob, .. } => registry.repair_blob(blob, Damage::Size).await,
            Finding::Quarantined(blob) => Ok(match examine(stores.inventory, blob).await? {
                Some(_) => Repair::LeftAlone(LeftAlone::Damaged),
                None if registry.release_quarantined(blob).await? => Repair::Released,
                None => Repair::Changed,
            }),
            Finding::Unknown(file) => self.repair_unknown(file, registry.pushed_review_after()).await,
            Finding::MissingLink(missing) => registry.write_missing_link(missing).await,
        }
    }

    /// Records a file that nobody knows as a blob that no repository has, and puts it up for review.
    pub(crate) async fn repair_unknown(&mut self, file: &StoredFile, review_after: Timestamp) -> StoreResult<Repair> {
        let Some(digest) = &file.digest else { return Ok(Repair::LeftAlone(LeftAlone::OutOfPlace)) };
        if !self.has_all_repositories().await? {
            return Ok(Repair::LeftAlone(LeftAlone::NotImported));
        }
        let metadata = &self.registry.metadata;
        let recorded = metadata.record_stray_blob(digest, file.size_bytes, &file.location, review_after).await?;
        Ok(if recorded { Repair::PutUpForReview(review_after) } else { Repair::Changed })
    }

    /// Tells whether the metadata have all that the storage has, so that a file which they do not know is nobody's.
    pub(crate) async fn has_all_repositories(&mut self) -> StoreResult<bool> {
        match self.registry.metadata.import_state().await? {
            ImportState::Finished => Ok(true),
            ImportState::Unfinished => Ok(false),
            ImportState::Never => {
                // An import that begins later changes the state before it changes anything else.
                if self.knows_all_links.is_none() {
                    self.knows_all_links = Some(self.registry.knows_all_links(self.stores.identity).boxed().await?);
                }
                Ok(self.knows_all_links == Some(true))
            }
        }
    }
}

impl Registry {
    /// Returns what repairs differences, one after another.
    pub fn repairer<'a>(&'a self, stores: RepairStores<'a>) -> Repairer<'a> {
        Repairer { registry: self, stores, knows_all_links: None }
    }

    async fn repair_blob(&self, blob: &RecordedBlob, damage: Damage) -> StoreResult<Repair> {
        Ok(self.quarantine(blob, damage).await?.map_or(Repair::Changed, Repair::Quarantined))
    }

    pub(super) async fn write_missing_link(&self, missing: &MissingLink) -> StoreResult<Repair> {
        let MissingLink { repository, link, .. } = missing;
        let written = match link {
            Link::Manifest(digest) => {
                let found = self.metadata.manifest(repository, &Reference::Digest(*digest)).await?;
                let Some(manifest) = found else { return Ok(Repair::Changed) };
                self.settle_manifest(repository, digest, manifest.payload, Vec::new()).await
            }
            Link::Blob(_) | Link::Tag(_) => self.settle_link(repository, link).await,
        };
        written.map(|()| Repair::LinkWritten).map_err(|error| match error {
            RegistryError::Store(error) => error,
            other => StoreError::with_source(StoreErrorKind::Other, format!("writing the link of {link}"), other),
        })
    }

    /// Makes sure that what is not in the storage is not there because the storage itself is not.
    pub(super) async fn ensure_storage_is_there(&self, identity: &dyn IdentityStore) -> StoreResult<()> {
        let expected = self.metadata.setting(IDENTITY_SETTING).await?;
        let found = identity.identity().await?.map(|identity| identity.to_string());
        if found == expected {
            return Ok(());
        }
        let context = "the storage is not the one that the database belongs to; it may not be mounted";
        Err(StoreError::new(StoreErrorKind::Unavailable, context))
    }
}
