//! Blobs whose bytes are damaged or gone.
//!
//! ```text
//! served ─► quarantined ─► served
//!    found damaged   │  pushed again, or found whole after all
//!                    └─► collected, if nothing refers to it
//! ```
//!
//! A quarantined blob stays in its repositories and in the manifests that refer to it, and nobody is told of it: `HEAD` and
//! `GET` say that it is unknown, so that clients push it. What is at its location stays there until a push puts the right
//! bytes in its place, and is set aside beforehand, so that it can be looked at later.

use std::error::Error;
use std::ops::Range;

use futures::{FutureExt, StreamExt};

use super::Registry;
use crate::error::{RegistryError, RegistryResult};
use crate::protocol::digest::Digester;
use crate::protocol::reference::RepositoryName;
use crate::store::inventory::{BlobInventory, BlobState, RecordedBlob};
use crate::store::metadata::BlobRecord;
use crate::store::{BlobLocation, BlobRead, StoreError, StoreErrorKind, StoreResult};

/// What is wrong with a blob's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Damage {
    /// They are not there.
    Missing,
    /// There are fewer or more than are recorded.
    Size,
    /// They have another digest.
    Content,
}

impl Damage {
    /// Names it as reports and metrics do.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Size => "wrong_size",
            Self::Content => "wrong_content",
        }
    }
}

/// A blob that was quarantined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// Where its bytes were set aside, if there were any and they could be.
    pub aside: Option<BlobLocation>,
}

impl Registry {
    /// Opens a blob of a repository for reading a range (end exclusive, within the blob's size). A blob that turns out to be
    /// too short is quarantined.
    ///
    /// # Errors
    /// `BlobUnknown` if it was deleted meanwhile, or is too short; `Store` if the bytes that the metadata promises are not
    /// there.
    pub async fn read_blob(
        &self,
        repository: &RepositoryName,
        blob: &BlobRecord,
        range: Range<u64>,
    ) -> RegistryResult<BlobRead> {
        match self.blobs.read(&blob.location, range.clone()).await {
            Err(error) if matches!(error.kind(), StoreErrorKind::NotFound | StoreErrorKind::Corrupt) => {
                // Who does not need it shall not have the room for it in every future.
                self.read_again(repository, blob, range, error).boxed().await
            }
            read => Ok(read?),
        }
    }

    /// Reads what could not be read when the record was perhaps old already.
    async fn read_again(
        &self,
        repository: &RepositoryName,
        blob: &BlobRecord,
        range: Range<u64>,
        error: StoreError,
    ) -> RegistryResult<BlobRead> {
        if self.options.read_only {
            return Err(error.into());
        }
        let unknown = || RegistryError::BlobUnknown { repository: repository.clone(), digest: blob.digest };
        let recorded = self.metadata.recorded_blob(&blob.digest).await?;
        let Some(recorded) = recorded.filter(|blob| blob.state == BlobState::Served) else { return Err(unknown()) };
        match self.blobs.read(&recorded.location, range).await {
            // That a file is not there may mean no more than that the storage is not.
            Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                match self.quarantine(&recorded, Damage::Size).await? {
                    Some(_) => Err(unknown()),
                    None => Err(error.into()),
                }
            }
            read => Ok(read?),
        }
    }

    /// Quarantines a served blob, unless its record has changed since it was looked at, and sets its bytes aside. The log
    /// tells of it once.
    ///
    /// # Errors
    /// `Store` if the metadata fail; nothing has changed then.
    pub(super) async fn quarantine(&self, blob: &RecordedBlob, damage: Damage) -> StoreResult<Option<Quarantine>> {
        if !self.metadata.quarantine_blob(blob).await? {
            return Ok(None);
        }
        let aside = match damage {
            Damage::Missing => None,
            Damage::Size | Damage::Content => match self.blobs.set_aside(&blob.location, &blob.digest).await {
                Ok(aside) => Some(aside),
                Err(error) => {
                    let (digest, error) = (&blob.digest, &error as &dyn Error);
                    tracing::warn!(%digest, location = %blob.location, error, "damaged bytes could not be set aside");
                    None
                }
            },
        };
        tracing::error!(
            digest = %blob.digest,
            location = %blob.location,
            damage = damage.name(),
            set_aside = aside.as_ref().map(BlobLocation::as_str),
            "a blob is quarantined until it is pushed again"
        );
        Ok(Some(Quarantine { aside }))
    }

    /// Serves a quarantined blob again whose bytes were found to be whole, unless its record has changed since.
    pub(super) async fn release_quarantined(&self, blob: &RecordedBlob) -> StoreResult<bool> {
        let released = self.metadata.release_blob(blob).await?;
        if released {
            tracing::info!(digest = %blob.digest, "a quarantined blob is whole, and served again");
        }
        Ok(released)
    }
}

/// Reads a blob's bytes, and tells what is wrong with them.
///
/// # Errors
/// Whatever the store says but that the bytes are missing or too short.
pub(super) async fn examine(inventory: &dyn BlobInventory, blob: &RecordedBlob) -> StoreResult<Option<Damage>> {
    match inventory.stored_size(&blob.location).await? {
        None => return Ok(Some(Damage::Missing)),
        Some(size) if size != blob.size_bytes => return Ok(Some(Damage::Size)),
        Some(_) => {}
    }
    let mut digester = Digester::new(blob.digest.algorithm());
    let damage = |error: StoreError| match error.kind() {
        StoreErrorKind::NotFound => Ok(Some(Damage::Missing)),
        StoreErrorKind::Corrupt => Ok(Some(Damage::Size)),
        _ => Err(error),
    };
    let mut content = match inventory.read_stored(&blob.location, blob.size_bytes).await {
        Ok(content) => content,
        Err(error) => return damage(error),
    };
    while let Some(piece) = content.next().await {
        match piece {
            Ok(piece) => digester.update(&piece),
            Err(error) => return damage(error),
        }
    }
    Ok((digester.finish() != blob.digest).then_some(Damage::Content))
}
