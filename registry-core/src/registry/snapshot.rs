//! Keeping copies of an embedded database in the storage, so that losing the database loses little.

use std::sync::Arc;

use super::transfer::verified;
use crate::store::identity::{IdentityStore, StorageIdentity};
use crate::store::snapshot::{SnapshotName, SnapshotSource, SnapshotStore};
use crate::store::{StoreError, StoreResult};

/// What became of a snapshot that was to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotOutcome {
    /// It is kept.
    Kept(SnapshotName),
    /// The newest one is the same.
    Unchanged,
}

/// Why no snapshot was kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The storage belongs to another database, whose snapshots must not be pushed out by ours.
    #[error("the storage does not belong to this database: it has the identity {}, expected {}", shown(*storage), shown(*database))]
    Foreign {
        /// The storage's identity.
        storage: Option<StorageIdentity>,
        /// The identity that the database knows.
        database: Option<StorageIdentity>,
    },
    /// The database cannot be copied, or the storage cannot keep the copy.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn shown(identity: Option<StorageIdentity>) -> String {
    identity.map_or_else(|| "none".to_owned(), |identity| identity.to_string())
}

/// Takes snapshots of a database and keeps the newest of them.
#[derive(Debug)]
pub struct Snapshots {
    source: Arc<dyn SnapshotSource>,
    store: Arc<dyn SnapshotStore>,
    identity: Arc<dyn IdentityStore>,
    count: usize,
    /// What the database was at when the last snapshot was taken.
    version: Option<i64>,
}

impl Snapshots {
    /// Keeps up to `count` snapshots, at least 1, of `source` in `store`, which is the storage with that identity.
    pub fn new(
        source: Arc<dyn SnapshotSource>,
        store: Arc<dyn SnapshotStore>,
        identity: Arc<dyn IdentityStore>,
        count: usize,
    ) -> Self {
        Self { source, store, identity, count: count.max(1), version: None }
    }

    /// Takes a snapshot if the database has changed since the last one, and removes the oldest beyond the count.
    ///
    /// # Errors
    /// See [`SnapshotError`]. A snapshot may be kept all the same if the oldest could not be removed; the next call does.
    pub async fn take(&mut self) -> Result<SnapshotOutcome, SnapshotError> {
        // Asked before, so that what is written while the copy is made belongs to the next.
        let version = self.source.version().await?;
        if self.version == Some(version) {
            return Ok(SnapshotOutcome::Unchanged);
        }
        let snapshot = self.source.snapshot().await?;
        let storage = self.identity.identity().await?;
        if storage.is_none() || storage != snapshot.identity {
            return Err(SnapshotError::Foreign { storage, database: snapshot.identity });
        }
        // The process may have been started anew since.
        let newest = self.store.snapshots().await?.first().map(|kept| kept.name);
        let outcome = if newest.is_some_and(|newest| newest.digest == snapshot.name.digest) {
            SnapshotOutcome::Unchanged
        } else {
            self.store.keep_snapshot(&snapshot.name, snapshot.content).await?;
            SnapshotOutcome::Kept(snapshot.name)
        };
        self.remove_oldest().await?;
        self.version = Some(version);
        Ok(outcome)
    }

    async fn remove_oldest(&self) -> StoreResult<()> {
        for old in self.store.snapshots().await?.iter().skip(self.count) {
            self.store.delete_snapshot(&old.name).await?;
        }
        Ok(())
    }
}

/// Copies the snapshots of one store to another, and removes those there that are older than all of them. A copy that does not
/// have its digest is not kept. Returns how many were copied.
///
/// # Errors
/// What the first store says that fails; `Corrupt` if a snapshot is damaged. The other snapshots are copied all the same, and
/// none is removed then.
pub async fn copy_snapshots(from: &dyn SnapshotStore, to: &dyn SnapshotStore) -> StoreResult<u64> {
    let (wanted, there) = (from.snapshots().await?, to.snapshots().await?);
    let (mut copied, mut failed) = (0, Ok(()));
    for snapshot in wanted.iter().filter(|snapshot| !there.contains(snapshot)) {
        let done = async {
            let content = from.read_snapshot(snapshot).await?;
            to.keep_snapshot(&snapshot.name, verified(content, snapshot.name.digest)).await
        };
        match done.await {
            Ok(()) => copied += 1,
            Err(error) => failed = Err(error),
        }
    }
    failed?;
    let oldest = wanted.iter().map(|snapshot| snapshot.name).min();
    for old in there.iter().filter(|snapshot| oldest.is_some_and(|oldest| snapshot.name < oldest)) {
        to.delete_snapshot(&old.name).await?;
    }
    Ok(copied)
}
