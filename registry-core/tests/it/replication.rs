//! A second copy of every blob, in a store that fails at times.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use registry_core::gc::CollectOptions;
use registry_core::memory::{MemoryBlobStore, MemoryMetadataStore};
use registry_core::protocol::digest::Digest;
use registry_core::registry::{Replica, ReplicaLeftovers, Replicated};
use registry_core::store::inventory::{BlobInventory, BlobRecordStore};
use registry_core::store::{BlobStore, MetadataStore, StoreErrorKind, Timestamp, UploadId};
use registry_core::testing::flaky::{Faults, FlakyBlobStore, Step};
use registry_core::{Registry, RegistryOptions};

use crate::support::{push, repository, sha256};

const HOUR: Duration = Duration::from_secs(60 * 60);

struct Bed {
    registry: Registry,
    first: MemoryBlobStore,
    second: MemoryBlobStore,
    metadata: Arc<MemoryMetadataStore>,
    faults: Faults,
    replica: Replica,
}

impl Bed {
    fn new(second: MemoryBlobStore, deletes: bool) -> Self {
        let (first, metadata) = (MemoryBlobStore::default(), Arc::new(MemoryMetadataStore::default()));
        let faults = Faults::default();
        let replica = Replica {
            blobs: Arc::new(FlakyBlobStore::new(Arc::new(second.clone()), faults.clone())),
            inventory: Arc::new(second.clone()),
            source: Arc::new(first.clone()),
            deletes,
        };
        let registry = registry(&first, &metadata, true);
        Self { registry, first, second, metadata, faults, replica }
    }

    /// Does what is to be done so many hours from now, each thing once, and returns what came of it.
    async fn work(&self, hours: u32) -> Vec<Replicated> {
        let (mut done, mut seen) = (Vec::new(), HashSet::new());
        while let Some(taken) = self.registry.take_replication(in_hours(hours)).await.unwrap() {
            // What fails now has its next turn before that hour.
            if !seen.insert(taken.digest) {
                break;
            }
            done.push(self.registry.replicate(&self.replica, taken).await.unwrap());
        }
        done
    }

    async fn copy(&self, content: &[u8]) -> Option<Vec<u8>> {
        let place = self.second.place(&sha256(content));
        let size_bytes = self.second.stored_size(&place).await.unwrap()?;
        let pieces: Vec<Bytes> =
            self.second.read_stored(&place, size_bytes).await.unwrap().try_collect().await.unwrap();
        Some(pieces.concat())
    }

    async fn collect(&self, digest: &Digest) {
        let all = CollectOptions { delete_untagged: true, parallelism: 1 };
        self.registry.delete_blob(&repository("a"), digest).await.unwrap();
        let report = self.registry.collect_garbage(in_hours(2), all, &mut |_| {}).await.unwrap();
        assert_eq!(report.blobs, 1);
    }
}

fn registry(blobs: &MemoryBlobStore, metadata: &Arc<MemoryMetadataStore>, replicates: bool) -> Registry {
    let options = RegistryOptions {
        delete_enabled: true,
        review_grace: Duration::ZERO,
        replicates,
        ..RegistryOptions::default()
    };
    let shared: Arc<dyn MetadataStore> = Arc::<MemoryMetadataStore>::clone(metadata);
    Registry::new(Arc::new(blobs.clone()), shared, options)
}

fn in_hours(hours: u32) -> Timestamp {
    Timestamp::now().plus(HOUR * hours)
}

#[tokio::test]
async fn every_blob_gets_a_copy_in_its_place() {
    for second in [MemoryBlobStore::default(), MemoryBlobStore::displacing()] {
        let bed = Bed::new(second, false);
        let contents: [&[u8]; 3] = [b"", b"small", &vec![7; 5_000_000]];
        for content in contents {
            push(&bed.registry, "a", content).await;
        }
        let done = bed.work(0).await;
        assert!(matches!(done[..], [Replicated::Copied(_), Replicated::Copied(_), Replicated::Copied(_)]), "{done:?}");
        for content in contents {
            assert_eq!(bed.copy(content).await.as_deref(), Some(content));
        }
        assert_eq!(bed.second.contents().len(), 3, "nothing else is left: {:?}", bed.second.contents());
        assert!(bed.work(0).await.is_empty());
    }
}

#[tokio::test]
async fn what_is_older_than_the_wish_gets_a_copy() {
    let bed = Bed::new(MemoryBlobStore::default(), false);
    let earlier = registry(&bed.first, &bed.metadata, false);
    for content in [b"one", b"two"] {
        push(&earlier, "a", content).await;
    }
    assert!(bed.work(0).await.is_empty());
    push(&bed.registry, "a", b"two").await;
    push(&bed.registry, "a", b"three").await;
    assert_eq!(bed.registry.note_unreplicated().await.unwrap(), 1);
    assert_eq!(bed.registry.note_unreplicated().await.unwrap(), 0);
    assert_eq!(bed.work(0).await.len(), 3);
    assert_eq!(bed.second.contents(), bed.first.contents());
}

/// Wherever the second store fails, what was copied is whole, the others have theirs at once, and nothing is left behind.
#[tokio::test]
async fn a_store_that_fails_at_times_gets_every_copy() {
    let steps =
        [Step::Stage, Step::OpenWriter, Step::Write, Step::CommitWhole, Step::CopyToPlace, Step::Delete, Step::Discard];
    for step in steps {
        for kind in [StoreErrorKind::Unavailable, StoreErrorKind::OutOfSpace, StoreErrorKind::Other] {
            let bed = Bed::new(MemoryBlobStore::displacing(), false);
            push(&bed.registry, "a", &vec![1; 9_000_000]).await;
            push(&bed.registry, "a", b"small").await;
            bed.faults.fail_next(step, kind);
            let done = bed.work(0).await;
            let failed = done.iter().filter(|done| match done {
                Replicated::Failed { is_replica_away, .. } => {
                    assert_eq!(*is_replica_away, kind != StoreErrorKind::Other, "{step:?}");
                    true
                }
                _ => false,
            });
            assert_eq!((failed.count(), done.len()), (usize::from(step != Step::Discard), 2), "{step:?} {kind:?}");
            let (status, failures) = bed.registry.replication_status(9).await.unwrap();
            assert_eq!(status.behind_blobs, failures.len() as u64);
            assert!(failures.iter().all(|failed| failed.error.contains("injected failure")), "{failures:?}");
            assert!(bed.work(0).await.is_empty(), "not at once");
            bed.work(1).await;
            assert_eq!(bed.registry.replication_status(9).await.unwrap().0.behind_blobs, 0);
            for content in [&vec![1; 9_000_000][..], b"small"] {
                assert_eq!(bed.copy(content).await.as_deref(), Some(content), "{step:?}");
            }
        }
    }
}

#[tokio::test]
async fn damaged_bytes_are_never_copied() {
    let bed = Bed::new(MemoryBlobStore::default(), false);
    push(&bed.registry, "a", b"content").await;
    push(&bed.registry, "a", b"other").await;
    // Other bytes in its place, as many, and fewer.
    for (hours, damaged) in [(1, &b"cOntent"[..]), (2, b"cont"), (3, b"")] {
        let staged = bed.first.stage(UploadId::random()).await.unwrap();
        let writer = bed.first.open_writer(&staged, 0).await.unwrap();
        writer.commit(vec![Bytes::copy_from_slice(damaged)], &sha256(b"content")).await.unwrap();
        let done = bed.work(hours).await;
        let failed = done.iter().filter(|done| matches!(done, Replicated::Failed { is_replica_away: false, .. }));
        assert_eq!(failed.count(), 1, "{damaged:?}: {done:?}");
        assert_eq!(bed.copy(b"content").await, None);
        assert_eq!(bed.copy(b"other").await.as_deref(), Some(&b"other"[..]));
    }
    assert_eq!(bed.second.contents().len(), 1, "{:?}", bed.second.contents());
    // Nor while it is quarantined; a push repairs both.
    let record = bed.metadata.recorded_blob(&sha256(b"content")).await.unwrap().unwrap();
    assert!(bed.metadata.quarantine_blob(&record).await.unwrap());
    assert!(matches!(bed.work(4).await[..], [Replicated::Failed { is_replica_away: false, .. }]));
    push(&bed.registry, "a", b"content").await;
    assert!(matches!(bed.work(5).await[..], [Replicated::Copied(7)]));
}

#[tokio::test]
async fn the_copy_of_a_collected_blob_stays_unless_it_is_to_go() {
    for deletes in [false, true] {
        let bed = Bed::new(MemoryBlobStore::default(), deletes);
        let digest = push(&bed.registry, "a", b"content").await;
        bed.work(0).await;
        bed.collect(&digest).await;
        match bed.work(0).await[..] {
            [Replicated::Deleted] => assert!(deletes),
            [Replicated::Forgotten] => assert!(!deletes),
            ref done => panic!("{done:?}"),
        }
        assert_eq!(bed.copy(b"content").await.is_none(), deletes);
        push(&bed.registry, "a", b"content").await;
        match bed.work(0).await[..] {
            [Replicated::Copied(7)] => assert!(deletes),
            [Replicated::Present] => assert!(!deletes),
            ref done => panic!("{done:?}"),
        }
        assert!(bed.copy(b"content").await.is_some());
    }
}

#[tokio::test]
async fn a_copy_that_cannot_be_deleted_is_deleted_later() {
    let bed = Bed::new(MemoryBlobStore::default(), true);
    let digest = push(&bed.registry, "a", b"content").await;
    bed.work(0).await;
    bed.collect(&digest).await;
    bed.faults.fail_next(Step::Delete, StoreErrorKind::Unavailable);
    assert!(matches!(bed.work(0).await[..], [Replicated::Failed { is_replica_away: true, .. }]));
    assert!(bed.work(0).await.is_empty());
    assert!(matches!(bed.work(1).await[..], [Replicated::Deleted]));
    assert_eq!(bed.second.contents(), [""; 0]);
}

#[tokio::test]
async fn whoever_dies_in_the_middle_leaves_the_work_to_others_and_nothing_else_for_long() {
    let bed = Bed::new(MemoryBlobStore::displacing(), false);
    push(&bed.registry, "a", b"content").await;
    let _killed = bed.registry.take_replication(in_hours(0)).await.unwrap().unwrap();
    // What a copy leaves that is cut off: an upload, and bytes that are not in their place.
    let staged = bed.second.stage(UploadId::random()).await.unwrap();
    bed.second.open_writer(&staged, 0).await.unwrap().write(vec!["con".into()]).await.unwrap();
    let staged = bed.second.stage(UploadId::random()).await.unwrap();
    let writer = bed.second.open_writer(&staged, 0).await.unwrap();
    writer.commit(vec!["content".into()], &sha256(b"content")).await.unwrap();
    assert!(bed.work(0).await.is_empty(), "it may be alive");
    assert!(matches!(bed.work(1).await[..], [Replicated::Copied(7)]));
    assert_eq!(bed.second.contents().len(), 3);
    let mut leftovers = ReplicaLeftovers::default();
    let purge = async |hours, leftovers: &mut ReplicaLeftovers| {
        bed.registry.purge_replica(&bed.replica, in_hours(hours), leftovers).await.unwrap()
    };
    assert_eq!(purge(1, &mut leftovers).await, 0);
    assert_eq!(purge(25, &mut leftovers).await, 2);
    assert_eq!(bed.second.contents(), [sha256(b"content").to_string()]);
}
