//! Second copies, and whole storages that are copied, from one driver to another.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use registry_core::memory::MemoryMetadataStore;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::protocol::media_type::OCI_MANIFEST;
use registry_core::protocol::reference::{Reference, RepositoryName};
use registry_core::registry::{
    BindReplicaError, CopiedStorage, CopyObserver, CopyOptions, CopyReport, LinkUse, ManifestPush, Replica, Replicated,
    bind_replica, bind_storage, copy_storage,
};
use registry_core::store::identity::{IdentityStore, StorageIdentity};
use registry_core::store::snapshot::{SnapshotName, SnapshotStore};
use registry_core::store::{BlobRead, MetadataStore, StoreError, Timestamp};
use registry_core::{Registry, RegistryOptions};
use registry_storage::driver::StorageDriver;
use registry_storage::driver::inmemory::InMemoryDriver;
use registry_storage::{
    DriverBlobStore, DriverIdentityStore, DriverInventory, DriverLinkStore, DriverSnapshotStore, layout,
};

use crate::object::subject::ObjectSubject;
use crate::subject::{Filesystem, files, filesystem, s3};

const ALL: CopyOptions = CopyOptions { parallelism: 4, verify: false };

/// What is copied: nothing, something small, and what takes several parts in a bucket.
fn contents() -> [Bytes; 3] {
    [Bytes::new(), "small".into(), (0..23_000_000).map(|index: u32| (index % 251) as u8).collect()]
}

fn name() -> RepositoryName {
    "a/b".parse().unwrap()
}

fn sha256(content: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, content)
}

/// A registry over a driver, which writes links.
fn registry(driver: &Arc<dyn StorageDriver>, metadata: &Arc<MemoryMetadataStore>) -> Registry {
    let options = RegistryOptions { replicates: true, delete_enabled: true, ..RegistryOptions::default() };
    let shared: Arc<dyn MetadataStore> = Arc::<MemoryMetadataStore>::clone(metadata);
    let links = Arc::new(DriverLinkStore::new(Arc::clone(driver)));
    let blobs = Arc::new(DriverBlobStore::new(Arc::clone(driver)));
    Registry::new(blobs, shared, options).with_links(links, LinkUse { adopt: false, write: true })
}

/// Pushes an image of the contents, and another one.
async fn push_images(registry: &Registry) {
    let config = sha256(b"small");
    for content in contents() {
        let digest = sha256(&content);
        registry.push_blob(&name(), &digest, futures::stream::iter([Ok(content)]).boxed()).await.unwrap();
    }
    push_tag(registry, "one", &config).await;
    push_tag(registry, "two", &config).await;
}

async fn push_tag(registry: &Registry, tag: &str, config: &Digest) {
    let payload = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{OCI_MANIFEST}\",\"config\":{{\"mediaType\":\"a/b\",\"digest\":\"{config}\",\
         \"size\":5}},\"layers\":[],\"annotations\":{{\"tag\":\"{tag}\"}}}}"
    );
    let push = ManifestPush {
        reference: Reference::Tag(tag.parse().unwrap()),
        tags: Vec::new(),
        content_type: Some(OCI_MANIFEST.to_owned()),
        payload: payload.into(),
    };
    registry.put_manifest(&name(), push).await.unwrap();
}

/// Asserts that all blobs can be pulled from a driver with the records of a registry.
async fn assert_serves(driver: &Arc<dyn StorageDriver>, metadata: &Arc<MemoryMetadataStore>) {
    let registry = registry(driver, metadata);
    for content in contents() {
        let blob = registry.blob(&name(), &sha256(&content)).await.unwrap();
        let read = registry.read_blob(&name(), &blob, 0..blob.size_bytes).await.unwrap();
        let pulled = match read {
            BlobRead::Stream(pieces) => pieces.map(Result::unwrap).collect::<Vec<Bytes>>().await.concat(),
            BlobRead::File { mut file, .. } => {
                let mut pulled = Vec::new();
                std::io::Read::read_to_end(&mut file, &mut pulled).unwrap();
                pulled
            }
        };
        assert!(pulled == content, "a blob of {} bytes", content.len());
    }
    let inventory = DriverInventory::new(Arc::clone(driver));
    let mut fsck = registry.fsck(&inventory);
    assert_eq!(fsck.next_finding().await.unwrap(), None);
    assert!(fsck.report().links > 0, "links are compared too");
}

fn copied(driver: &Arc<dyn StorageDriver>) -> CopiedStorage {
    CopiedStorage {
        blobs: Arc::new(DriverBlobStore::new(Arc::clone(driver))),
        inventory: Arc::new(DriverInventory::new(Arc::clone(driver))),
        links: Arc::new(DriverLinkStore::new(Arc::clone(driver))),
        snapshots: Arc::new(DriverSnapshotStore::new(Arc::clone(driver))),
    }
}

/// Notes which blobs are damaged.
#[derive(Default)]
struct Damaged(Vec<Digest>);

impl CopyObserver for Damaged {
    fn progress(&mut self, _: &CopyReport) {}

    fn damaged(&mut self, digest: &Digest, _: &StoreError) {
        self.0.push(*digest);
    }
}

async fn copy(from: &Arc<dyn StorageDriver>, to: &Arc<dyn StorageDriver>, options: CopyOptions) -> CopyReport {
    copy_storage(&copied(from), &copied(to), options, &mut Damaged::default()).await.unwrap()
}

fn driver_of(subject: &Filesystem) -> Arc<dyn StorageDriver> {
    Arc::new(subject.driver())
}

fn data(subject: &Filesystem, content: &[u8]) -> PathBuf {
    subject.0.path().join(&layout::blob(&sha256(content)).as_str()[1..])
}

#[tokio::test]
async fn a_storage_goes_to_a_bucket_and_comes_back() {
    let (first, last, bucket) = (filesystem().await, filesystem().await, s3().await);
    let metadata = Arc::new(MemoryMetadataStore::new());
    let middle: Arc<dyn StorageDriver> = Arc::new(bucket.driver().await);
    push_images(&registry(&driver_of(&first), &metadata)).await;
    for (from, to) in [(driver_of(&first), Arc::clone(&middle)), (Arc::clone(&middle), driver_of(&last))] {
        let report = copy(&from, &to, ALL).await;
        // With the two manifests, which links need among the blobs.
        assert_eq!((report.copied, report.present, report.damaged), (5, 0, 0));
        assert!(report.links > 0);
        assert_serves(&to, &metadata).await;
        let again = copy(&from, &to, CopyOptions { verify: true, ..ALL }).await;
        assert_eq!((again.copied, again.present, again.links), (0, 5, 0));
    }
    assert_eq!(files(first.0.path()), files(last.0.path()));
    let kept = bucket.kept().await;
    assert!(kept.iter().all(|key| !key.contains("/uploads/")), "nothing is left of what was on its way: {kept:?}");
}

#[tokio::test]
async fn a_copy_that_was_cut_short_goes_on_and_takes_what_is_new() {
    let (first, second) = (filesystem().await, filesystem().await);
    let metadata = Arc::new(MemoryMetadataStore::new());
    let (from, to) = (driver_of(&first), driver_of(&second));
    let source = registry(&from, &metadata);
    push_images(&source).await;
    // Dropped again and again, each time a little later.
    let mut wait = Duration::from_micros(100);
    let one_by_one = CopyOptions { parallelism: 1, verify: false };
    let report = loop {
        let (from, to) = (copied(&from), copied(&to));
        let mut observer = Damaged::default();
        match tokio::time::timeout(wait, copy_storage(&from, &to, one_by_one, &mut observer)).await {
            Ok(report) => break report.unwrap(),
            Err(_) => wait *= 2,
        }
    };
    assert_eq!((report.copied + report.present, report.damaged), (5, 0));
    assert_serves(&to, &metadata).await;
    push_tag(&source, "three", &sha256(b"small")).await;
    source.delete_tag(&name(), &"one".parse().unwrap()).await.unwrap();
    let report = copy(&from, &to, ALL).await;
    assert_eq!((report.copied, report.present), (1, 5));
    assert_serves(&to, &metadata).await;
    let links = |subject: &Filesystem| files(&subject.0.path().join("docker/registry/v2/repositories"));
    assert_eq!(links(&first), links(&second), "the tag that was deleted is gone");
}

#[tokio::test]
async fn what_is_damaged_is_told_and_not_copied() {
    let (first, second) = (filesystem().await, filesystem().await);
    let metadata = Arc::new(MemoryMetadataStore::new());
    let (from, to) = (driver_of(&first), driver_of(&second));
    push_images(&registry(&from, &metadata)).await;
    fs::write(data(&first, b"small"), "sMall").unwrap();
    let mut damaged = Damaged::default();
    let report = copy_storage(&copied(&from), &copied(&to), ALL, &mut damaged).await.unwrap();
    assert_eq!((report.copied, report.damaged, damaged.0), (4, 1, vec![sha256(b"small")]));
    assert!(!data(&second, b"small").exists());
    // A push repairs it. What is damaged in the second storage is found by whoever asks for that.
    fs::write(data(&first, b"small"), "small").unwrap();
    assert_eq!(copy(&from, &to, ALL).await.copied, 1);
    fs::write(data(&second, b"small"), "smAll").unwrap();
    assert_eq!(copy(&from, &to, ALL).await.copied, 0);
    assert_eq!(copy(&from, &to, CopyOptions { verify: true, ..ALL }).await.copied, 1);
    assert_serves(&to, &metadata).await;
}

#[tokio::test]
async fn snapshots_are_copied_whole_and_rotated() {
    let (from, to): (Arc<dyn StorageDriver>, Arc<dyn StorageDriver>) =
        (Arc::new(InMemoryDriver::default()), Arc::new(InMemoryDriver::default()));
    let (first, second) = (DriverSnapshotStore::new(Arc::clone(&from)), DriverSnapshotStore::new(Arc::clone(&to)));
    let mut names = Vec::new();
    for (micros, content) in [(1, "one"), (2, "two"), (3, "three")] {
        let name = SnapshotName { taken_at: Timestamp::from_micros(micros), digest: sha256(content.as_bytes()) };
        let pieces = futures::stream::iter([Ok(Bytes::from_static(content.as_bytes()))]).boxed();
        first.keep_snapshot(&name, pieces).await.unwrap();
        names.push(name);
    }
    let there = async || second.snapshots().await.unwrap().into_iter().map(|kept| kept.name).collect::<Vec<_>>();
    assert_eq!(copy(&from, &to, ALL).await.snapshots, 3);
    first.delete_snapshot(&names[0]).await.unwrap();
    assert_eq!(copy(&from, &to, ALL).await.snapshots, 0);
    assert_eq!(there().await, [names[2], names[1]]);
    // A storage that seems empty may not be mounted.
    for name in &names[1..] {
        first.delete_snapshot(name).await.unwrap();
    }
    copy(&from, &to, ALL).await;
    assert_eq!(there().await, [names[2], names[1]]);
    // One that is damaged is not copied.
    let damaged = SnapshotName { taken_at: Timestamp::from_micros(4), digest: sha256(b"four") };
    from.put(&layout::snapshot(&damaged), "fOur".into()).await.unwrap();
    copy_storage(&copied(&from), &copied(&to), ALL, &mut Damaged::default()).await.unwrap_err();
    assert_eq!(there().await, [names[2], names[1]]);
}

#[tokio::test]
async fn second_copies_go_to_a_bucket_in_distributions_layout() {
    let (first, restored, bucket) = (filesystem().await, filesystem().await, s3().await);
    let metadata = Arc::new(MemoryMetadataStore::new());
    let (from, to): (_, Arc<dyn StorageDriver>) = (driver_of(&first), Arc::new(bucket.driver().await));
    let source = registry(&from, &metadata);
    push_images(&source).await;
    let CopiedStorage { blobs, inventory, .. } = copied(&to);
    let replica = Replica { blobs, inventory, source: copied(&from).inventory, deletes: false };
    let mut copied_blobs = 0;
    while let Some(taken) = source.take_replication(Timestamp::now()).await.unwrap() {
        let done = source.replicate(&replica, taken).await.unwrap();
        assert!(matches!(done, Replicated::Copied(_)), "{done:?}");
        copied_blobs += 1;
    }
    assert_eq!(copied_blobs, 3);
    assert!(registry(&to, &metadata).write_missing_links().await.unwrap() > 0);
    assert_serves(&to, &metadata).await;
    // Nothing but what the first store has, and it is as good as that.
    copy(&to, &driver_of(&restored), ALL).await;
    let without_history = |subject: &Filesystem| {
        let files = files(subject.0.path());
        files.into_iter().filter(|file| !file.contains("/index/")).collect::<Vec<_>>()
    };
    assert_eq!(without_history(&restored), without_history(&first));
    let kept = bucket.kept().await;
    assert!(kept.iter().all(|key| !key.contains("/uploads/")), "{kept:?}");
}

#[tokio::test]
async fn a_second_store_is_that_of_one_storage() {
    let (first, second): (Arc<dyn StorageDriver>, Arc<dyn StorageDriver>) =
        (Arc::new(InMemoryDriver::default()), Arc::new(InMemoryDriver::default()));
    let own = |driver: &Arc<dyn StorageDriver>| DriverIdentityStore::new(Arc::clone(driver));
    let source = DriverIdentityStore::of_source(Arc::clone(&second));
    let metadata = MemoryMetadataStore::new();
    let bind = async |metadata: &MemoryMetadataStore| bind_replica(&own(&second), &source, metadata).await;
    assert!(matches!(bind(&metadata).await, Err(BindReplicaError::None)));
    bind_storage(&own(&first), &metadata, true).await.unwrap();
    for _ in 0..2 {
        bind(&metadata).await.unwrap();
    }
    assert_eq!(own(&second).identity().await.unwrap(), None, "no registry takes it for its storage");
    let another = MemoryMetadataStore::new();
    bind_storage(&own(&(Arc::new(InMemoryDriver::default()) as Arc<dyn StorageDriver>)), &another, true).await.unwrap();
    assert!(matches!(bind(&another).await, Err(BindReplicaError::Foreign { .. })));
    own(&second).replace_identity(StorageIdentity::random()).await.unwrap();
    assert!(matches!(bind(&metadata).await, Err(BindReplicaError::Storage(_))));
}
