//! Scrubs that are cut short, overtaken and gone on with.

use std::fs;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::protocol::reference::RepositoryName;
use registry_core::registry::{
    Damage, MountSource, RepairStores, ScrubFinding, ScrubObserver, ScrubOptions, ScrubReport,
};
use registry_core::store::inventory::{BlobInventory, StoredFile};
use registry_core::store::metadata::Page;
use registry_core::store::{BlobLocation, ByteStream, StoreError, StoreErrorKind, StoreResult, Timestamp};
use registry_storage::DriverInventory;

use crate::repair::Rig;

const OPTIONS: ScrubOptions = ScrubOptions { resume: false, parallelism: 1, note_every: Duration::ZERO };

/// An inventory that can read some blobs and then none, and notes which it did.
#[derive(Debug)]
struct Ending {
    inner: DriverInventory,
    readable: usize,
    read: Mutex<Vec<BlobLocation>>,
}

impl Ending {
    fn new(rig: &Rig, readable: usize) -> Self {
        Self { inner: rig.inventory.clone(), readable, read: Mutex::default() }
    }

    fn stores<'a>(&'a self, rig: &'a Rig) -> RepairStores<'a> {
        RepairStores { inventory: self, identity: &rig.identity }
    }

    fn into_read(self) -> Vec<BlobLocation> {
        self.read.into_inner().unwrap()
    }
}

#[async_trait]
impl BlobInventory for Ending {
    async fn stored_files(&self, after: Option<&BlobLocation>, limit: usize) -> StoreResult<Page<StoredFile>> {
        self.inner.stored_files(after, limit).await
    }

    async fn stored_size(&self, location: &BlobLocation) -> StoreResult<Option<u64>> {
        self.inner.stored_size(location).await
    }

    async fn read_stored(&self, location: &BlobLocation, size_bytes: u64) -> StoreResult<ByteStream> {
        {
            let mut read = self.read.lock().unwrap();
            if read.len() == self.readable {
                return Err(StoreError::new(StoreErrorKind::Unavailable, "the power is cut"));
            }
            read.push(location.clone());
        }
        self.inner.read_stored(location, size_bytes).await
    }
}

#[derive(Default)]
struct Heard(Vec<ScrubFinding>);

impl ScrubObserver for Heard {
    fn found(&mut self, finding: &ScrubFinding) {
        self.0.push(finding.clone());
    }

    fn progress(&mut self, _: &ScrubReport) {}
}

async fn rig() -> Rig {
    let rig = Rig::new().await;
    for content in [&b"a"[..], b"bb", b"ccc", b"dddd", b"eeeee"] {
        rig.push(content).await;
    }
    rig
}

#[tokio::test]
async fn a_scrub_that_was_cut_short_is_gone_on_with() {
    let rig = rig().await;
    let first = Ending::new(&rig, 3);
    let failed = rig.registry.scrub(first.stores(&rig), OPTIONS, &mut Heard::default()).await.unwrap_err();
    assert_eq!(failed.kind(), StoreErrorKind::Unavailable);
    let second = Ending::new(&rig, 5);
    let resumed = ScrubOptions { resume: true, ..OPTIONS };
    let report = rig.registry.scrub(second.stores(&rig), resumed, &mut Heard::default()).await.unwrap();
    assert_eq!((report.blobs, report.bytes), (5, 15), "of both together");
    let (first, second) = (first.into_read(), second.into_read());
    assert_eq!((first.len(), second.len()), (3, 2));
    assert!(first.iter().all(|location| !second.contains(location)));

    for resume in [true, false] {
        let all = Ending::new(&rig, 5);
        let again = ScrubOptions { resume, ..OPTIONS };
        let report = rig.registry.scrub(all.stores(&rig), again, &mut Heard::default()).await.unwrap();
        assert_eq!((report.blobs, all.into_read().len()), (5, 5), "what is finished is not gone on with");
    }
}

#[tokio::test]
async fn a_scrub_is_due_until_it_comes_to_its_end_and_an_interval_after_it_began() {
    let rig = rig().await;
    let is_due = async |after: Duration| {
        rig.registry.is_scrub_due(Duration::from_secs(3600), Timestamp::now().plus(after)).await.unwrap()
    };
    assert!(is_due(Duration::ZERO).await, "there was none");
    let first = Ending::new(&rig, 3);
    rig.registry.scrub(first.stores(&rig), OPTIONS, &mut Heard::default()).await.unwrap_err();
    assert!(is_due(Duration::ZERO).await, "it was cut short");
    rig.registry.scrub(rig.stores(), OPTIONS, &mut Heard::default()).await.unwrap();
    assert!(!is_due(Duration::ZERO).await);
    assert!(is_due(Duration::from_secs(3600)).await);
}

#[tokio::test]
async fn without_resuming_a_scrub_begins_afresh() {
    let rig = rig().await;
    let first = Ending::new(&rig, 3);
    rig.registry.scrub(first.stores(&rig), OPTIONS, &mut Heard::default()).await.unwrap_err();
    let second = Ending::new(&rig, 5);
    let report = rig.registry.scrub(second.stores(&rig), OPTIONS, &mut Heard::default()).await.unwrap();
    assert_eq!((report.blobs, second.into_read().len()), (5, 5));
}

/// Begins another scrub while one is under way.
struct Overtaking<'a>(&'a Rig, Option<ScrubReport>);

impl ScrubObserver for Overtaking<'_> {
    fn found(&mut self, _: &ScrubFinding) {}

    fn progress(&mut self, report: &ScrubReport) {
        if report.blobs != 2 || self.1.is_some() {
            return;
        }
        let (registry, inventory, identity) =
            (self.0.registry.clone(), self.0.inventory.clone(), self.0.identity.clone());
        let scrub = async move {
            let stores = RepairStores { inventory: &inventory, identity: &identity };
            registry.scrub(stores, OPTIONS, &mut Heard::default()).await.unwrap()
        };
        // On a thread of its own, so that it is done before the first one goes on.
        let other = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(scrub)
        });
        self.1 = Some(other.join().unwrap());
    }
}

#[tokio::test]
async fn of_two_scrubs_the_one_that_began_later_goes_on() {
    let rig = rig().await;
    let mut overtaking = Overtaking(&rig, None);
    let overtaken = rig.registry.scrub(rig.stores(), OPTIONS, &mut overtaking).await.unwrap_err();
    assert_eq!(overtaken.kind(), StoreErrorKind::Conflict);
    assert_eq!(overtaking.1.unwrap().blobs, 5);
}

#[tokio::test]
async fn of_one_repository_nothing_else_is_read() {
    let rig = rig().await;
    let other: RepositoryName = "other".parse().unwrap();
    let mounted = Digest::of(Algorithm::Sha256, b"ccc");
    let source = MountSource::Repository("a/b".parse().unwrap());
    rig.registry.mount_blob(&other, &mounted, &source).await.unwrap().unwrap();
    for content in [&b"a"[..], b"ccc"] {
        fs::write(rig.file(&Digest::of(Algorithm::Sha256, content)), vec![b'x'; content.len()]).unwrap();
    }
    let mut heard = Heard::default();
    let report = rig.registry.scrub_repository(rig.stores(), &other, 2, &mut heard).await.unwrap();
    assert_eq!((report.blobs, report.bytes, report.damaged_blobs), (1, 3, 1));
    assert!(matches!(&heard.0[..], [ScrubFinding::Damaged { blob, .. }] if blob.digest == mounted));
    assert!(rig.pull(&mounted).await.is_err(), "it is damaged for all who have it");
    let report = rig.registry.scrub_repository(rig.stores(), &"a/b".parse().unwrap(), 2, &mut heard).await.unwrap();
    assert_eq!((report.blobs, report.damaged_blobs, report.quarantined_blobs), (5, 1, 1));
    let unknown = rig.registry.scrub_repository(rig.stores(), &"c".parse().unwrap(), 2, &mut heard).await.unwrap_err();
    assert_eq!(unknown.kind(), StoreErrorKind::NotFound);
}

#[tokio::test]
async fn a_flipped_bit_is_found_and_told_once() {
    let rig = rig().await;
    let digest = rig.push(b"content").await;
    fs::write(rig.file(&digest), b"cOntent").unwrap();
    let (mut heard, mut again) = (Heard::default(), Heard::default());
    let report = rig.registry.scrub(rig.stores(), OPTIONS, &mut heard).await.unwrap();
    assert_eq!((report.blobs, report.damaged_blobs, report.is_clean()), (6, 1, false));
    let damaged = |finding: &ScrubFinding| match finding {
        ScrubFinding::Damaged { blob, damage: Damage::Content, quarantine } => {
            blob.digest == digest && quarantine.aside.is_some()
        }
        _ => false,
    };
    assert!(matches!(&heard.0[..], [finding] if damaged(finding)), "{:?}", heard.0);
    let report = rig.registry.scrub(rig.stores(), OPTIONS, &mut again).await.unwrap();
    assert_eq!((report.damaged_blobs, report.quarantined_blobs), (0, 1));
    rig.push(b"content").await;
    assert_eq!(rig.pull(&digest).await.unwrap(), b"content");
    assert!(rig.registry.scrub(rig.stores(), OPTIONS, &mut again).await.unwrap().is_clean());
}
