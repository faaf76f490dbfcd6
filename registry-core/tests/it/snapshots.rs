//! Copies of a database: taken when it has changed, as many as are wanted, and only into its own storage.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::registry::{SnapshotError, SnapshotOutcome, Snapshots};
use registry_core::store::identity::{IdentityStore, StorageIdentity};
use registry_core::store::snapshot::{KeptSnapshot, Snapshot, SnapshotName, SnapshotSource, SnapshotStore};
use registry_core::store::{ByteStream, StoreError, StoreErrorKind, StoreResult, Timestamp};

/// A database whose content is the number of its last change.
#[derive(Debug)]
struct Database {
    identity: StorageIdentity,
    content: AtomicI64,
    version: AtomicI64,
    snapshots: AtomicI64,
}

impl Database {
    fn new(identity: StorageIdentity) -> Arc<Self> {
        let [content, version, snapshots] = [0; 3].map(AtomicI64::new);
        Arc::new(Self { identity, content, version, snapshots })
    }

    fn change(&self) {
        self.content.fetch_add(1, Ordering::Relaxed);
        self.version.fetch_add(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl SnapshotSource for Database {
    async fn version(&self) -> StoreResult<i64> {
        Ok(self.version.load(Ordering::Relaxed))
    }

    async fn snapshot(&self) -> StoreResult<Snapshot> {
        let taken_at = Timestamp::from_micros(self.snapshots.fetch_add(1, Ordering::Relaxed));
        let content = Bytes::from(self.content.load(Ordering::Relaxed).to_string());
        let name = SnapshotName { taken_at, digest: Digest::of(Algorithm::Sha256, &content) };
        let content = futures::stream::iter([Ok(content)]).boxed();
        Ok(Snapshot { name, identity: Some(self.identity), content })
    }
}

#[derive(Debug)]
struct Storage {
    identity: Option<StorageIdentity>,
    snapshots: Mutex<BTreeMap<String, Bytes>>,
    is_full: AtomicBool,
}

impl Storage {
    fn new(identity: Option<StorageIdentity>) -> Arc<Self> {
        Arc::new(Self { identity, snapshots: Mutex::default(), is_full: AtomicBool::new(false) })
    }

    fn contents(&self) -> Vec<Bytes> {
        self.snapshots.lock().unwrap().values().cloned().collect()
    }
}

#[async_trait]
impl SnapshotStore for Storage {
    async fn keep_snapshot(&self, name: &SnapshotName, content: ByteStream) -> StoreResult<()> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(StoreError::new(StoreErrorKind::OutOfSpace, "full"));
        }
        let content: Vec<Bytes> = content.try_collect().await?;
        self.snapshots.lock().unwrap().insert(name.to_string(), content.concat().into());
        Ok(())
    }

    async fn snapshots(&self) -> StoreResult<Vec<KeptSnapshot>> {
        let snapshots = self.snapshots.lock().unwrap();
        let kept = |(name, content): (&String, &Bytes)| KeptSnapshot {
            name: name.parse().unwrap(),
            size_bytes: content.len() as u64,
        };
        Ok(snapshots.iter().rev().map(kept).collect())
    }

    async fn read_snapshot(&self, _: &KeptSnapshot) -> StoreResult<ByteStream> {
        unreachable!("taking a snapshot reads none")
    }

    async fn delete_snapshot(&self, name: &SnapshotName) -> StoreResult<()> {
        self.snapshots.lock().unwrap().remove(&name.to_string());
        Ok(())
    }
}

#[async_trait]
impl IdentityStore for Storage {
    async fn identity(&self) -> StoreResult<Option<StorageIdentity>> {
        Ok(self.identity)
    }

    async fn settle_identity(&self, _: StorageIdentity) -> StoreResult<StorageIdentity> {
        unreachable!("taking a snapshot gives no identity")
    }

    async fn replace_identity(&self, _: StorageIdentity) -> StoreResult<()> {
        unreachable!("taking a snapshot gives no identity")
    }

    async fn has_foreign_repositories(&self) -> StoreResult<bool> {
        Ok(false)
    }
}

fn snapshots(database: &Arc<Database>, storage: &Arc<Storage>, count: usize) -> Snapshots {
    Snapshots::new(Arc::clone(database) as _, Arc::clone(storage) as _, Arc::clone(storage) as _, count)
}

#[tokio::test]
async fn a_snapshot_is_taken_after_a_change() {
    let identity = StorageIdentity::random();
    let (database, storage) = (Database::new(identity), Storage::new(Some(identity)));
    let mut first = snapshots(&database, &storage, 3);
    assert!(matches!(first.take().await.unwrap(), SnapshotOutcome::Kept(_)));
    assert_eq!(first.take().await.unwrap(), SnapshotOutcome::Unchanged);
    assert_eq!(database.snapshots.load(Ordering::Relaxed), 1, "nothing is copied when nothing has changed");
    // A start anew cannot know, and finds out by the content.
    assert_eq!(snapshots(&database, &storage, 3).take().await.unwrap(), SnapshotOutcome::Unchanged);
    assert_eq!(storage.contents(), ["0"]);
    database.change();
    assert!(matches!(first.take().await.unwrap(), SnapshotOutcome::Kept(_)));
    assert_eq!(storage.contents(), ["0", "1"]);
}

#[tokio::test]
async fn the_newest_are_kept() {
    let identity = StorageIdentity::random();
    let (database, storage) = (Database::new(identity), Storage::new(Some(identity)));
    let mut three = snapshots(&database, &storage, 3);
    for _ in 0..5 {
        three.take().await.unwrap();
        database.change();
    }
    assert_eq!(storage.contents(), ["2", "3", "4"]);
    snapshots(&database, &storage, 0).take().await.unwrap();
    assert_eq!(storage.contents(), ["5"], "at least one");
}

#[tokio::test]
async fn what_could_not_be_kept_is_tried_again() {
    let identity = StorageIdentity::random();
    let (database, storage) = (Database::new(identity), Storage::new(Some(identity)));
    let mut snapshots = snapshots(&database, &storage, 3);
    storage.is_full.store(true, Ordering::Relaxed);
    assert!(matches!(snapshots.take().await, Err(SnapshotError::Store(_))));
    storage.is_full.store(false, Ordering::Relaxed);
    assert!(matches!(snapshots.take().await.unwrap(), SnapshotOutcome::Kept(_)));
}

#[tokio::test]
async fn another_storage_gets_no_snapshot() {
    let database = Database::new(StorageIdentity::random());
    for identity in [None, Some(StorageIdentity::random())] {
        let storage = Storage::new(identity);
        let refused = snapshots(&database, &storage, 3).take().await.unwrap_err();
        assert!(matches!(refused, SnapshotError::Foreign { .. }), "{refused}");
        assert!(storage.contents().is_empty());
    }
}
