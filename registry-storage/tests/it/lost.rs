//! What killed pushes have put in place is found by a collection.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use registry_core::Registry;
use registry_core::gc::{CollectOptions, CollectReport};
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::store::gc::CollectionStore as _;
use registry_core::store::inventory::BlobRecordStore as _;
use registry_core::store::{BlobStore as _, Timestamp, UploadId};

use crate::repair::Rig;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn collect(registry: &Registry, days: u32) -> CollectReport {
    let options = CollectOptions { delete_untagged: true, parallelism: 2 };
    registry.collect_garbage(Timestamp::now().plus(DAY * days), options, &mut |_| {}).await.unwrap()
}

/// Puts bytes in place like a push that does not come to record them.
async fn lose(rig: &Rig, content: &'static [u8]) -> Digest {
    let digest = Digest::of(Algorithm::Sha256, content);
    let now = Timestamp::now();
    let _hold = rig.metadata.hold_blob(&digest, now, now.plus(DAY)).await.unwrap();
    let blobs = rig.subject.blob_store();
    let staged = blobs.stage(UploadId::random()).await.unwrap();
    blobs.open_writer(&staged, 0).await.unwrap().commit(vec![content.into()], &digest).await.unwrap();
    digest
}

#[tokio::test]
async fn what_a_push_has_left_is_collected_after_a_week() {
    let rig = Rig::new().await;
    let registry = rig.registry.clone().with_files(Arc::new(rig.inventory.clone()), Arc::new(rig.identity.clone()));
    let kept = rig.push(b"kept").await;
    let lost = lose(&rig, b"lost").await;
    assert_eq!(collect(&rig.registry, 0).await.found, 0, "without the files nobody can tell");
    assert_eq!(collect(&registry, 0).await, CollectReport { found: 1, ..CollectReport::default() });
    assert_eq!(collect(&registry, 0).await.found, 0, "it is known by now");
    assert!(rig.metadata.recorded_blob(&lost).await.unwrap().is_some());
    rig.push(b"kept").await;
    collect(&registry, 6).await;
    assert!(rig.file(&lost).exists() && !rig.file(&kept).exists());
    assert_eq!(collect(&registry, 8).await.blobs, 1);
    assert!(!rig.file(&lost).exists());
}

#[tokio::test]
async fn files_are_looked_through_once_an_hour_and_only_after_something_was_forgotten() {
    let rig = Rig::new().await;
    let registry = rig.registry.clone().with_files(Arc::new(rig.inventory.clone()), Arc::new(rig.identity.clone()));
    rig.push(b"recorded").await;
    // Nobody has held it.
    let stray = rig.file(&Digest::of(Algorithm::Sha256, b"stray"));
    fs::create_dir_all(stray.parent().unwrap()).unwrap();
    fs::write(stray, b"stray").unwrap();
    assert_eq!(collect(&registry, 0).await.found, 0);
    lose(&rig, b"first").await;
    assert_eq!(collect(&registry, 0).await.found, 2);
    lose(&rig, b"second").await;
    assert_eq!(collect(&registry, 0).await.found, 0, "not again within the hour");
    assert_eq!(collect(&registry, 1).await.found, 1);
}

#[tokio::test]
async fn what_another_registry_has_left_is_not_touched() {
    let rig = Rig::new().await;
    let registry = rig.registry.clone().with_files(Arc::new(rig.inventory.clone()), Arc::new(rig.identity.clone()));
    let tag = rig.subject.0.path().join("docker/registry/v2/repositories/a/_manifests/tags/t/current/link");
    let theirs = lose(&rig, b"theirs").await;
    fs::create_dir_all(tag.parent().unwrap()).unwrap();
    fs::write(&tag, theirs.to_string()).unwrap();
    assert_eq!(collect(&registry, 0).await.found, 0);
    fs::remove_dir_all(rig.subject.0.path().join("docker/registry/v2/repositories")).unwrap();
    assert_eq!(collect(&registry, 1).await.found, 1, "it is nobody's any more");
}
