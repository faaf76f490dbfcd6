//! Copies of a database, and putting them back.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::store::metadata::CommitBlob;
use registry_core::store::snapshot::{Snapshot, SnapshotSource};
use registry_core::store::{BlobLocation, MetadataStore, StoreErrorKind, Timestamp};
use registry_db::{DatabaseUrl, OpenError, Restored};
use tempfile::TempDir;

use crate::metadata_store::{config, open, sqlite};

async fn commit(store: &dyn MetadataStore, content: &str) -> Digest {
    let digest = Digest::of(Algorithm::Sha256, content.as_bytes());
    let blob = CommitBlob {
        repository: &"a/b".parse().unwrap(),
        digest: &digest,
        size_bytes: 7,
        location: &BlobLocation::new("here"),
        is_displaced: false,
        is_replicated: false,
        upload: None,
        hold: None,
        review_after: Timestamp::from_micros(0),
    };
    store.commit_blob(blob).await.unwrap();
    digest
}

async fn has(store: &dyn MetadataStore, blob: &Digest) -> bool {
    store.blob(&"a/b".parse().unwrap(), blob).await.unwrap().is_some()
}

fn source(directory: &TempDir) -> Arc<dyn SnapshotSource> {
    registry_db::snapshots(&config(directory).url).expect("SQLite can be copied")
}

async fn bytes(snapshot: Snapshot) -> Vec<u8> {
    let pieces: Vec<Bytes> = snapshot.content.try_collect().await.unwrap();
    pieces.concat()
}

fn restore(directory: &TempDir, copy: &[u8], digest: Option<&Digest>) -> registry_core::store::StoreResult<Restored> {
    let mut restore = registry_db::restore(&config(directory).url).unwrap().expect("SQLite can be restored");
    for piece in copy.chunks(10_000) {
        restore.write(piece)?;
    }
    restore.finish(digest)
}

/// Names the files beside the database.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_copy_has_all_that_was_committed_before() {
    let (store, directory) = sqlite().await;
    let identity = registry_core::store::identity::StorageIdentity::random();
    store.settle_setting("storage.identity", &identity.to_string()).await.unwrap();
    let blob = commit(&*store, "before").await;
    let snapshot = source(&directory).snapshot().await.unwrap();
    let later = commit(&*store, "after").await;
    assert_eq!(snapshot.identity, Some(identity));
    let name = snapshot.name;
    let copy = bytes(snapshot).await;
    assert_eq!(name.digest, Digest::of(Algorithm::Sha256, &copy));
    assert_eq!(
        fs::metadata(directory.path().join("registry.db.snapshot")).unwrap().len(),
        0,
        "the space is free again"
    );

    let elsewhere = TempDir::new().unwrap();
    let restored = restore(&elsewhere, &copy, Some(&name.digest)).unwrap();
    assert_eq!((restored.identity, restored.previous), (Some(identity), None));
    let copied = open(&elsewhere).await;
    assert!(has(&*copied, &blob).await);
    assert!(!has(&*copied, &later).await);
    assert_eq!(copied.forgotten_holds().await.unwrap(), None, "what came after the copy was made is not lost");
    commit(&*copied, "goes on").await;
}

#[tokio::test]
async fn equal_content_has_equal_bytes_and_versions_tell_of_changes() {
    let (store, directory) = sqlite().await;
    commit(&*store, "one").await;
    let source = source(&directory);
    let (version, first) = (source.version().await.unwrap(), bytes(source.snapshot().await.unwrap()).await);
    assert_eq!(source.version().await.unwrap(), version);
    let again = registry_db::snapshots(&config(&directory).url).unwrap();
    assert!(bytes(again.snapshot().await.unwrap()).await == first);
    commit(&*store, "two").await;
    assert_ne!(source.version().await.unwrap(), version);
    assert!(bytes(source.snapshot().await.unwrap()).await != first);
}

#[tokio::test]
async fn one_copy_is_made_at_a_time() {
    let (_store, directory) = sqlite().await;
    let first = source(&directory).snapshot().await.unwrap();
    let refused = source(&directory).snapshot().await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
    drop(first);
    source(&directory).snapshot().await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_not_there_cannot_be_copied() {
    let directory = TempDir::new().unwrap();
    let missing = source(&directory).snapshot().await.unwrap_err();
    assert_eq!(missing.kind(), StoreErrorKind::NotFound, "{missing}");
    assert_eq!(names(directory.path()), [""; 0]);
}

#[tokio::test]
async fn what_was_in_place_is_kept() {
    let (store, directory) = sqlite().await;
    let blob = commit(&*store, "in the copy").await;
    let copy = bytes(source(&directory).snapshot().await.unwrap()).await;
    let lost = commit(&*store, "only in the old one").await;
    assert!(matches!(registry_db::restore(&config(&directory).url), Err(OpenError::InUse { .. })));
    drop(store);

    let previous = restore(&directory, &copy, None).unwrap().previous.unwrap();
    let restored = open(&directory).await;
    assert!(has(&*restored, &blob).await && !has(&*restored, &lost).await);
    let old = registry_db::open(&registry_db::DatabaseConfig::new(DatabaseUrl::Sqlite(previous))).await.unwrap();
    assert!(has(&*old, &lost).await, "with what was in its log");
}

#[tokio::test]
async fn what_is_damaged_is_not_put_in_place() {
    let (store, directory) = sqlite().await;
    for content in 0..100 {
        commit(&*store, &content.to_string()).await;
    }
    let copy = bytes(source(&directory).snapshot().await.unwrap()).await;
    drop(store);
    let before = names(directory.path());
    let mut torn = copy.clone();
    torn[8192..12288].fill(0xff);
    for damaged in [&b""[..], b"no database", &copy[..copy.len() / 2], &torn] {
        let refused = restore(&directory, damaged, None).unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Corrupt, "{refused:?}");
    }
    let refused = restore(&directory, &copy, Some(&Digest::of(Algorithm::Sha256, b"other"))).unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Corrupt, "{refused:?}");
    assert_eq!(names(directory.path()), before);
    open(&directory).await.check().await.unwrap();
}

#[tokio::test]
async fn a_broken_database_can_be_replaced() {
    let (store, directory) = sqlite().await;
    let blob = commit(&*store, "content").await;
    let copy = bytes(source(&directory).snapshot().await.unwrap()).await;
    drop(store);
    let path = directory.path().join("registry.db");
    fs::write(&path, "rubbish").unwrap();
    fs::write(directory.path().join("registry.db-wal"), "rubbish").unwrap();
    let previous = restore(&directory, &copy, None).unwrap().previous.unwrap();
    assert_eq!(fs::read(&previous).unwrap(), b"rubbish");
    assert!(has(&*open(&directory).await, &blob).await);
}
