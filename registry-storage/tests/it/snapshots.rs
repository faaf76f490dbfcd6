//! Snapshots of a database, in every driver.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::store::snapshot::{SnapshotName, SnapshotStore};
use registry_core::store::{ByteStream, StoreError, StoreErrorKind, Timestamp};
use registry_storage::DriverSnapshotStore;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::inmemory::InMemoryDriver;

use crate::subject::{files, filesystem};

fn content(len: usize) -> Bytes {
    (0..len).map(|index| (index % 251) as u8).collect()
}

fn stream(content: &Bytes, ends_well: bool) -> ByteStream {
    let pieces: Vec<_> = content.chunks(100_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let end = (!ends_well).then(|| Err(StoreError::new(StoreErrorKind::Other, "the source failed")));
    futures::stream::iter(pieces.into_iter().chain(end)).boxed()
}

fn name(micros: i64, content: &Bytes) -> SnapshotName {
    SnapshotName { taken_at: Timestamp::from_micros(micros), digest: Digest::of(Algorithm::Sha256, content) }
}

async fn keeps_snapshots(driver: Arc<dyn StorageDriver>) {
    let store = DriverSnapshotStore::new(Arc::clone(&driver));
    assert_eq!(store.snapshots().await.unwrap(), []);
    // More than a page, and one of several pieces.
    let large = content(3_000_000);
    store.keep_snapshot(&name(1_000, &large), stream(&large, true)).await.unwrap();
    for micros in 1..150 {
        let content = content(micros);
        store.keep_snapshot(&name(micros as i64, &content), stream(&content, true)).await.unwrap();
    }
    driver.put(&"/registry/snapshots/something-else".parse().unwrap(), Bytes::new()).await.unwrap();
    let kept = store.snapshots().await.unwrap();
    assert_eq!(kept.len(), 150);
    assert!(kept.is_sorted_by(|a, b| a.name > b.name), "the newest first");
    assert_eq!((kept[0].name, kept[0].size_bytes), (name(1_000, &large), 3_000_000));
    let pieces: Vec<Bytes> = store.read_snapshot(&kept[0]).await.unwrap().try_collect().await.unwrap();
    assert!(pieces.len() > 1 || matches!(&pieces[..], [all] if all.len() == large.len()));
    assert!(pieces.concat() == large);

    for snapshot in &kept {
        store.delete_snapshot(&snapshot.name).await.unwrap();
        store.delete_snapshot(&snapshot.name).await.unwrap();
    }
    assert_eq!(store.snapshots().await.unwrap(), []);
    let gone = store.read_snapshot(&kept[0]).await.err().unwrap();
    assert_eq!(gone.kind(), StoreErrorKind::NotFound);
    driver.delete(&"/registry/snapshots/something-else".parse().unwrap()).await.unwrap();

    store.keep_snapshot(&kept[0].name, stream(&large, false)).await.unwrap_err();
    assert_eq!(store.snapshots().await.unwrap(), [], "a part is no snapshot");
}

#[tokio::test]
async fn memory_keeps_snapshots() {
    keeps_snapshots(Arc::new(InMemoryDriver::default())).await;
}

#[tokio::test]
async fn a_directory_keeps_snapshots() {
    let subject = filesystem().await;
    keeps_snapshots(Arc::new(subject.driver())).await;
    assert_eq!(files(subject.0.path()), [""; 0], "nothing is left");
}
