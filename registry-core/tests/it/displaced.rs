//! Blobs that a store commits elsewhere than in their place.

use std::sync::Arc;
use std::time::Duration;

use registry_core::gc::CollectOptions;
use registry_core::memory::{MemoryBlobStore, MemoryMetadataStore};
use registry_core::protocol::digest::Digest;
use registry_core::registry::MoveReport;
use registry_core::store::metadata::BlobLinkStore;
use registry_core::store::{BlobStore, MetadataStore, StoreErrorKind, Timestamp, UploadId};
use registry_core::testing::flaky::{Faults, FlakyBlobStore, Step};
use registry_core::{Registry, RegistryOptions};

use crate::support::{pull, push, repository, sha256};

const HOUR: Duration = Duration::from_secs(60 * 60);
const CONTENT: &[u8] = b"content";
const MOVED: MoveReport = MoveReport { moved: 1, moved_bytes: 7, deleted: 0, failed: 0 };

struct Bed {
    registry: Registry,
    blobs: MemoryBlobStore,
    metadata: Arc<MemoryMetadataStore>,
    faults: Faults,
}

impl Bed {
    fn new() -> Self {
        let (blobs, metadata) = (MemoryBlobStore::displacing(), Arc::new(MemoryMetadataStore::default()));
        let faults = Faults::default();
        let flaky = FlakyBlobStore::new(Arc::new(blobs.clone()), faults.clone());
        let options =
            RegistryOptions { delete_enabled: true, review_grace: Duration::ZERO, ..RegistryOptions::default() };
        let shared: Arc<dyn MetadataStore> = Arc::<MemoryMetadataStore>::clone(&metadata);
        Self { registry: Registry::new(Arc::new(flaky), shared, options), blobs, metadata, faults }
    }

    async fn push(&self) -> Digest {
        push(&self.registry, "a", CONTENT).await
    }

    async fn move_in(&self, hours: u32) -> MoveReport {
        self.registry.move_displaced(in_hours(hours)).await.unwrap()
    }

    async fn is_in_place(&self) -> bool {
        let blob = self.metadata.blob(&repository("a"), &sha256(CONTENT)).await.unwrap().unwrap();
        blob.location == self.blobs.place(&blob.digest)
    }
}

fn in_hours(hours: u32) -> Timestamp {
    Timestamp::now().plus(HOUR * hours)
}

#[tokio::test]
async fn a_blob_is_moved_to_its_place_and_what_is_left_is_deleted() {
    let bed = Bed::new();
    let digest = bed.push().await;
    let seen = bed.registry.blob(&repository("a"), &digest).await.unwrap();
    assert!(!bed.is_in_place().await);
    assert_eq!(bed.move_in(0).await, MOVED);
    assert!(bed.is_in_place().await);
    assert_eq!(bed.blobs.contents().len(), 2, "somebody may be reading");
    assert_eq!(bed.move_in(0).await, MoveReport::default());
    assert_eq!(bed.move_in(2).await, MoveReport { deleted: 1, ..MoveReport::default() });
    assert_eq!(bed.blobs.contents(), [digest.to_string()]);
    assert_eq!(pull(&bed.registry, "a", &digest).await, CONTENT);
    bed.registry.read_blob(&repository("a"), &seen, 0..7).await.expect("whoever looked it up before finds it");
    for hours in 3..9 {
        assert!(bed.move_in(hours).await.is_empty(), "{hours}");
    }
}

/// The first object stayed forever, because nobody remembered it.
#[tokio::test]
async fn of_a_blob_that_is_pushed_again_one_object_is_left() {
    for moves in [0, 1, 2] {
        let bed = Bed::new();
        for _ in 0..3 {
            bed.push().await;
            for hours in 0..moves {
                bed.move_in(hours).await;
            }
        }
        for hours in 3..9 {
            bed.move_in(hours).await;
        }
        assert!(bed.is_in_place().await);
        assert_eq!(bed.blobs.contents(), [sha256(CONTENT).to_string()]);
        assert_eq!(pull(&bed.registry, "a", &sha256(CONTENT)).await, CONTENT);
    }
}

#[tokio::test]
async fn a_push_that_was_killed_leaves_nothing() {
    let bed = Bed::new();
    let digest = bed.push().await;
    let staged = bed.blobs.stage(UploadId::random()).await.unwrap();
    let writer = bed.blobs.open_writer(&staged, 0).await.unwrap();
    let lost = writer.commit(vec![CONTENT.into()], &digest).await.unwrap();
    // Also beside bytes that are recorded, and however often one looks.
    assert_eq!(bed.registry.find_displaced(Timestamp::now()).await.unwrap(), 1);
    assert_eq!(bed.registry.find_displaced(Timestamp::now()).await.unwrap(), 0);
    for days in 0..8 {
        bed.move_in(days * 24).await;
    }
    assert_eq!(bed.blobs.contents(), [lost.to_string(), digest.to_string()], "an upload may still go on with it");
    bed.move_in(9 * 24).await;
    assert_eq!(bed.blobs.contents(), [digest.to_string()]);
}

#[tokio::test]
async fn a_collected_blob_leaves_nothing_in_any_place() {
    let all = CollectOptions { delete_untagged: true, parallelism: 1 };
    for moves in [0, 1] {
        let bed = Bed::new();
        let digest = bed.push().await;
        for hours in 0..moves {
            bed.move_in(hours).await;
        }
        bed.push().await;
        bed.registry.delete_blob(&repository("a"), &digest).await.unwrap();
        let report = bed.registry.collect_garbage(in_hours(2), all, &mut |_| {}).await.unwrap();
        assert_eq!(report.blobs, 1);
        for hours in 2..9 {
            bed.move_in(hours).await;
        }
        assert_eq!(bed.blobs.contents(), [""; 0]);
    }
}

#[tokio::test]
async fn what_fails_is_tried_again() {
    let bed = Bed::new();
    bed.push().await;
    let failed = MoveReport { failed: 1, ..MoveReport::default() };
    bed.faults.fail_next(Step::CopyToPlace, StoreErrorKind::Unavailable);
    assert_eq!(bed.move_in(0).await, failed);
    assert!(bed.move_in(0).await.is_empty(), "not at once");
    assert_eq!(bed.move_in(2).await, MOVED);
    bed.faults.fail_next(Step::Delete, StoreErrorKind::Unavailable);
    assert_eq!(bed.move_in(4).await, failed);
    assert!(bed.move_in(6).await.is_empty());
    assert_eq!(bed.blobs.contents(), [sha256(CONTENT).to_string()]);
}

#[tokio::test]
async fn a_registry_that_is_read_only_moves_nothing() {
    let bed = Bed::new();
    bed.push().await;
    let options = RegistryOptions { read_only: true, ..RegistryOptions::default() };
    let shared: Arc<dyn MetadataStore> = Arc::<MemoryMetadataStore>::clone(&bed.metadata);
    let registry = Registry::new(Arc::new(bed.blobs.clone()), shared, options);
    assert!(registry.move_displaced(Timestamp::now()).await.unwrap().is_empty());
    assert_eq!(registry.find_displaced(Timestamp::now()).await.unwrap(), 0);
    assert!(!bed.is_in_place().await);
}
