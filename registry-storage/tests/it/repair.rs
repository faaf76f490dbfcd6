//! Bringing a database and a storage together again.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use registry_core::gc::CollectOptions;
use registry_core::memory::MemoryMetadataStore;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::protocol::reference::RepositoryName;
use registry_core::registry::{Damage, Finding, LeftAlone, MountSource, Repair, RepairStores, bind_storage};
use registry_core::store::inventory::StoredFile;
use registry_core::store::{BlobRead, MetadataStore, StoreErrorKind, Timestamp};
use registry_core::{Registry, RegistryError, RegistryOptions};
use registry_storage::driver::StorageDriver;
use registry_storage::{DriverIdentityStore, DriverInventory, layout};

use crate::subject::{Filesystem, files, filesystem};

pub(crate) struct Rig {
    pub(crate) subject: Filesystem,
    pub(crate) registry: Registry,
    pub(crate) metadata: Arc<MemoryMetadataStore>,
    pub(crate) inventory: DriverInventory,
    pub(crate) identity: DriverIdentityStore,
    repository: RepositoryName,
}

impl Rig {
    pub(crate) async fn new() -> Self {
        let subject = filesystem().await;
        let driver: Arc<dyn StorageDriver> = Arc::new(subject.driver());
        let metadata = Arc::new(MemoryMetadataStore::new());
        let identity = DriverIdentityStore::new(Arc::clone(&driver));
        bind_storage(&identity, &*metadata, true).await.unwrap();
        let options = RegistryOptions { delete_enabled: true, ..RegistryOptions::default() };
        let shared: Arc<dyn MetadataStore> = Arc::<MemoryMetadataStore>::clone(&metadata);
        let registry = Registry::new(Arc::new(subject.blob_store()), shared, options);
        let inventory = DriverInventory::new(driver);
        Self { subject, registry, metadata, inventory, identity, repository: "a/b".parse().unwrap() }
    }

    pub(crate) async fn push(&self, content: &'static [u8]) -> Digest {
        let digest = Digest::of(Algorithm::Sha256, content);
        let body = futures::stream::iter([Ok(Bytes::from_static(content))]).boxed();
        self.registry.push_blob(&self.repository, &digest, body).await.unwrap().digest
    }

    pub(crate) fn file(&self, digest: &Digest) -> PathBuf {
        self.subject.0.path().join(&layout::blob(digest).as_str()[1..])
    }

    /// Compares, and repairs each difference.
    async fn repair(&self) -> Vec<(Finding, Repair)> {
        let (mut fsck, mut repaired) = (self.registry.fsck(&self.inventory), Vec::new());
        let mut repairer = self.registry.repairer(self.stores());
        while let Some(finding) = fsck.next_finding().await.unwrap() {
            let repair = repairer.repair(&finding).await.unwrap();
            repaired.push((finding, repair));
        }
        repaired
    }

    pub(crate) fn stores(&self) -> RepairStores<'_> {
        RepairStores { inventory: &self.inventory, identity: &self.identity }
    }

    pub(crate) async fn pull(&self, digest: &Digest) -> Result<Vec<u8>, RegistryError> {
        let blob = self.registry.blob(&self.repository, digest).await?;
        match self.registry.read_blob(&self.repository, &blob, 0..blob.size_bytes).await? {
            BlobRead::Stream(pieces) => Ok(pieces.try_collect::<Vec<_>>().await?.concat()),
            BlobRead::File { mut file, .. } => {
                let mut content = Vec::new();
                std::io::Read::read_to_end(&mut file, &mut content).unwrap();
                Ok(content)
            }
        }
    }

    async fn assert_unknown(&self, digest: &Digest) {
        assert!(matches!(self.pull(digest).await, Err(RegistryError::BlobUnknown { .. })));
        let stat = self.registry.stat_blob(&self.repository, digest).await;
        assert!(matches!(stat, Err(RegistryError::BlobUnknown { .. })), "{stat:?}");
        let source = MountSource::Repository(self.repository.clone());
        let mounted = self.registry.mount_blob(&"other".parse().unwrap(), digest, &source).await.unwrap();
        assert_eq!(mounted, None);
    }

    fn set_aside(&self) -> Vec<Vec<u8>> {
        let root = self.subject.0.path();
        let aside = files(root).into_iter().filter(|file| file.starts_with("registry/quarantine/"));
        aside.map(|file| fs::read(root.join(file)).unwrap()).collect()
    }
}

#[tokio::test]
async fn a_blob_whose_file_is_gone_is_unknown_until_it_is_pushed_again() {
    let rig = Rig::new().await;
    let [lost, kept] = [rig.push(b"lost").await, rig.push(b"kept").await];
    fs::remove_dir_all(rig.file(&lost).parent().unwrap()).unwrap();
    let repaired = rig.repair().await;
    assert!(matches!(&repaired[..], [(Finding::Missing(blob), Repair::Quarantined(_))] if blob.digest == lost));
    rig.assert_unknown(&lost).await;
    assert_eq!(rig.pull(&kept).await.unwrap(), b"kept");

    let again = rig.repair().await;
    let left = Repair::LeftAlone(LeftAlone::Damaged);
    assert!(matches!(&again[..], [(Finding::Quarantined(_), repair)] if *repair == left), "{again:?}");
    rig.push(b"lost").await;
    assert_eq!(rig.pull(&lost).await.unwrap(), b"lost");
    assert_eq!(rig.repair().await, []);
}

#[tokio::test]
async fn a_file_that_is_put_back_is_served_again_if_it_is_whole() {
    let rig = Rig::new().await;
    let digest = rig.push(b"content").await;
    let file = rig.file(&digest);
    fs::remove_file(&file).unwrap();
    rig.repair().await;
    fs::write(&file, b"CONTENT").unwrap();
    assert!(matches!(&rig.repair().await[..], [(_, Repair::LeftAlone(LeftAlone::Damaged))]));
    rig.assert_unknown(&digest).await;
    fs::write(&file, b"content").unwrap();
    assert!(matches!(&rig.repair().await[..], [(Finding::Quarantined(_), Repair::Released)]));
    assert_eq!(rig.pull(&digest).await.unwrap(), b"content");
    assert_eq!(rig.repair().await, []);
}

#[tokio::test]
async fn a_file_of_the_wrong_size_is_set_aside() {
    let rig = Rig::new().await;
    let digest = rig.push(b"content").await;
    fs::write(rig.file(&digest), b"con").unwrap();
    let repaired = rig.repair().await;
    assert!(matches!(&repaired[..], [(Finding::WrongSize { stored_bytes: 3, .. }, Repair::Quarantined(_))]));
    rig.push(b"content").await;
    assert_eq!(rig.pull(&digest).await.unwrap(), b"content");
    assert_eq!(rig.set_aside(), [b"con"]);
}

#[tokio::test]
async fn a_blob_that_is_cut_off_is_never_served_as_a_whole() {
    let rig = Rig::new().await;
    let digest = rig.push(b"content").await;
    fs::write(rig.file(&digest), b"con").unwrap();
    assert!(rig.registry.stat_blob(&rig.repository, &digest).await.is_ok(), "nobody has looked yet");
    rig.assert_unknown(&digest).await;
    assert_eq!(rig.set_aside(), [b"con"]);
    rig.push(b"content").await;
    assert_eq!(rig.pull(&digest).await.unwrap(), b"content");
}

#[tokio::test]
async fn a_read_that_fails_for_want_of_the_file_changes_nothing() {
    let rig = Rig::new().await;
    let digest = rig.push(b"content").await;
    let (file, away) = (rig.file(&digest), rig.subject.0.path().join("away"));
    fs::rename(&file, &away).unwrap();
    let failed = rig.pull(&digest).await.unwrap_err();
    assert!(matches!(&failed, RegistryError::Store(error) if error.kind() == StoreErrorKind::NotFound), "{failed:?}");
    fs::rename(&away, &file).unwrap();
    assert_eq!(rig.pull(&digest).await.unwrap(), b"content");
}

#[tokio::test]
async fn a_push_that_overtakes_a_repair_keeps_its_blob() {
    let rig = Rig::new().await;
    let digest = rig.push(b"content").await;
    fs::remove_file(rig.file(&digest)).unwrap();
    let mut fsck = rig.registry.fsck(&rig.inventory);
    let finding = fsck.next_finding().await.unwrap().unwrap();
    rig.push(b"content").await;
    assert_eq!(rig.registry.repairer(rig.stores()).repair(&finding).await.unwrap(), Repair::Changed);
    assert_eq!(rig.pull(&digest).await.unwrap(), b"content");
}

#[tokio::test]
async fn a_file_that_nobody_knows_is_collected_after_the_grace_period() {
    let rig = Rig::new().await;
    let stray = Digest::of(Algorithm::Sha256, b"stray");
    let file = rig.file(&stray);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, b"stray").unwrap();
    let repaired = rig.repair().await;
    let [(Finding::Unknown(StoredFile { digest, .. }), Repair::PutUpForReview(review_after))] = &repaired[..] else {
        panic!("{repaired:?}");
    };
    assert_eq!(*digest, Some(stray));
    assert!(*review_after > Timestamp::now());
    assert_eq!(rig.repair().await, []);
    rig.assert_unknown(&stray).await;

    let collect = async |now| {
        let options = CollectOptions { delete_untagged: false, parallelism: 1 };
        rig.registry.collect_garbage(now, options, &mut |_| {}).await.unwrap().blobs
    };
    assert_eq!(collect(Timestamp::now()).await, 0);
    assert!(file.exists());
    assert_eq!(collect(*review_after).await, 1);
    assert!(!file.exists());
}

#[tokio::test]
async fn a_stray_file_that_is_pushed_meanwhile_stays() {
    let rig = Rig::new().await;
    let stray = Digest::of(Algorithm::Sha256, b"stray");
    fs::create_dir_all(rig.file(&stray).parent().unwrap()).unwrap();
    fs::write(rig.file(&stray), b"damaged").unwrap();
    rig.repair().await;
    rig.push(b"stray").await;
    assert_eq!(rig.pull(&stray).await.unwrap(), b"stray");
}

#[tokio::test]
async fn what_another_registry_may_need_is_left_alone() {
    let rig = Rig::new().await;
    let root = rig.subject.0.path();
    let link = root.join("docker/registry/v2/repositories/x/_manifests/tags/t/current/link");
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    fs::write(link, "sha256:0").unwrap();
    let stray = rig.file(&Digest::of(Algorithm::Sha256, b"stray"));
    fs::create_dir_all(stray.parent().unwrap()).unwrap();
    fs::write(&stray, b"stray").unwrap();
    fs::write(root.join("docker/registry/v2/blobs/sha256/notes"), "x").unwrap();
    let mut left: Vec<Repair> = rig.repair().await.into_iter().map(|(_, repair)| repair).collect();
    left.sort_by_key(|repair| format!("{repair:?}"));
    assert_eq!(left, [LeftAlone::NotImported, LeftAlone::OutOfPlace].map(Repair::LeftAlone));
}

#[tokio::test]
async fn nothing_is_called_missing_while_the_storage_is_not_there() {
    let rig = Rig::new().await;
    let digest = rig.push(b"content").await;
    let (root, away) = (rig.subject.0.path(), tempfile::tempdir().unwrap());
    for name in ["docker", "registry"] {
        fs::rename(root.join(name), away.path().join(name)).unwrap();
    }
    let mut fsck = rig.registry.fsck(&rig.inventory);
    let finding = fsck.next_finding().await.unwrap().unwrap();
    assert!(matches!(finding, Finding::Missing(_)));
    let failed = rig.registry.repairer(rig.stores()).repair(&finding).await.unwrap_err();
    assert_eq!(failed.kind(), StoreErrorKind::Unavailable);
    for name in ["docker", "registry"] {
        fs::rename(away.path().join(name), root.join(name)).unwrap();
    }
    assert_eq!(rig.pull(&digest).await.unwrap(), b"content");
}

#[test]
fn damage_has_names() {
    let names = [Damage::Missing, Damage::Size, Damage::Content].map(Damage::name);
    assert_eq!(names, ["missing", "wrong_size", "wrong_content"]);
}
