//! A push of a blob while it is collected: every order of their steps, and a crash of either after every step.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use registry_core::gc::Collected;
use registry_core::memory::{MemoryBlobStore, MemoryMetadataStore};
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::registry::Chunk;
use registry_core::store::metadata::{BlobLinkStore, CommitBlob};
use registry_core::store::{BlobStore, MetadataStore, Timestamp, UploadId};
use registry_core::{Registry, RegistryOptions};

use super::paused::PausedBlobStore;
use super::{ALL, HOUR, in_future};
use crate::support::{body, chunk, pull, push, repository, sha256};

const CONTENT: &[u8] = b"content";
/// How many steps each of the two has at most, with room to spare.
pub(super) const STEPS: u32 = 4;

struct Bed {
    registry: Registry,
    blobs: MemoryBlobStore,
    metadata: Arc<MemoryMetadataStore>,
}

impl Bed {
    /// A registry that has the content, which nothing refers to and which is due in two hours.
    async fn new() -> Self {
        let (blobs, metadata) = (MemoryBlobStore::default(), Arc::new(MemoryMetadataStore::default()));
        let options =
            RegistryOptions { review_grace: Duration::ZERO, delete_enabled: true, ..RegistryOptions::default() };
        let shared: Arc<dyn MetadataStore> = Arc::<MemoryMetadataStore>::clone(&metadata);
        let unpaused = Registry::new(Arc::new(blobs.clone()), Arc::clone(&shared), options.clone());
        push(&unpaused, "before", CONTENT).await;
        // What is pushed from now on is not due yet.
        let options = RegistryOptions { review_grace: HOUR * 24, ..options };
        Self { registry: Registry::new(Arc::new(PausedBlobStore(blobs.clone())), shared, options), blobs, metadata }
    }

    fn unpaused(&self) -> Registry {
        let shared: Arc<dyn MetadataStore> = Arc::<MemoryMetadataStore>::clone(&self.metadata);
        Registry::new(Arc::new(self.blobs.clone()), shared, self.registry.options().clone())
    }

    /// Returns what is wrong if a repository says that it has the content, and the bytes are not there.
    async fn fault(&self, pushed: Option<bool>) -> Option<&'static str> {
        let digest = sha256(CONTENT);
        for name in ["before", "after"] {
            let record = self.metadata.blob(&repository(name), &digest).await.unwrap();
            let Some(record) = record else { continue };
            if self.blobs.read(&record.location, 0..record.size_bytes).await.is_err() {
                return Some("a record without bytes");
            }
        }
        let there = self.metadata.blob(&repository("after"), &digest).await.unwrap().is_some();
        match pushed {
            Some(true) if !there => Some("an acknowledged push that is not there"),
            _ => None,
        }
    }
}

/// Pushes the way that the registry does.
async fn push_whole(registry: &Registry) -> bool {
    registry.push_blob(&repository("after"), &sha256(CONTENT), body(CONTENT)).await.is_ok()
}

/// Pushes by an upload in two requests.
async fn push_in_chunks(registry: &Registry) -> bool {
    let name = repository("after");
    let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
    registry.append_upload(&name, id, chunk(CONTENT)).await.unwrap();
    registry.commit_upload(&name, id, Chunk::empty(), &sha256(CONTENT)).await.is_ok()
}

/// Pushes without saying so before: what must not be done.
async fn push_without_a_hold(blobs: &dyn BlobStore, metadata: &MemoryMetadataStore) -> bool {
    let digest: Digest = sha256(CONTENT);
    let staged = blobs.stage(UploadId::random()).await.unwrap();
    let writer = blobs.open_writer(&staged, 0).await.unwrap();
    let location = writer.commit(vec![CONTENT.into()], &digest).await.unwrap();
    let blob = CommitBlob {
        repository: &repository("after"),
        digest: &digest,
        size_bytes: CONTENT.len() as u64,
        location: &location,
        is_displaced: false,
        is_replicated: false,
        upload: None,
        hold: None,
        review_after: in_future(HOUR * 9),
    };
    metadata.commit_blob(blob).await.is_ok()
}

/// Polls the one or the other as the bits of `order` say, and drops the one that crashes after so many steps.
pub(super) fn interleave(
    mut push: Pin<&mut dyn Future<Output = bool>>,
    mut collection: Pin<&mut dyn Future<Output = ()>>,
    order: u32,
    crash: Option<(bool, u32)>,
) -> Option<bool> {
    let mut context = Context::from_waker(futures::task::noop_waker_ref());
    let (mut pushed, mut collected, mut taken) = (None, false, [0u32; 2]);
    for step in 0..4 * STEPS {
        // When all bits are used up, they take turns.
        let is_push = if step < 2 * STEPS { order >> step & 1 == 1 } else { step % 2 == 0 };
        if crash.is_some_and(|(crashed, after)| crashed == is_push && taken[usize::from(is_push)] >= after) {
            continue;
        }
        taken[usize::from(is_push)] += 1;
        match is_push {
            true if pushed.is_none() => {
                if let Poll::Ready(outcome) = push.as_mut().poll(&mut context) {
                    pushed = Some(outcome);
                }
            }
            false if !collected => collected = collection.as_mut().poll(&mut context).is_ready(),
            _ => {}
        }
    }
    pushed
}

#[derive(Debug, Clone, Copy)]
enum Pusher {
    Whole,
    InChunks,
    WithoutAHold,
}

/// Plays one schedule, looks, lets another collector repair what a crash left, and looks again. Returns what was wrong.
async fn play(pusher: Pusher, order: u32, crash: Option<(bool, u32)>) -> Option<&'static str> {
    let bed = Bed::new().await;
    let due = in_future(HOUR * 2);
    let paused = PausedBlobStore(bed.blobs.clone());
    let pushed = {
        let push: Pin<Box<dyn Future<Output = bool>>> = match pusher {
            Pusher::Whole => Box::pin(push_whole(&bed.registry)),
            Pusher::InChunks => Box::pin(push_in_chunks(&bed.registry)),
            Pusher::WithoutAHold => Box::pin(push_without_a_hold(&paused, &bed.metadata)),
        };
        let collection = async {
            bed.registry.collect_garbage(due, ALL, &mut |_| {}).await.unwrap();
        };
        let (mut push, mut collection) = (push, pin!(collection));
        interleave(push.as_mut(), collection.as_mut(), order, crash)
    };
    if let Some(fault) = bed.fault(pushed).await {
        return Some(fault);
    }
    let registry = bed.unpaused();
    let later: Timestamp = due.plus(HOUR);
    registry.collect_garbage(later, ALL, &mut |_| {}).await.unwrap();
    if let Some(fault) = bed.fault(None).await {
        return Some(fault);
    }
    // Nothing is in the way of the next push, once the collector that died has lost its lease.
    let hold = bed.metadata.as_ref();
    let held = registry_core::store::gc::CollectionStore::hold_blob(hold, &sha256(CONTENT), later, later).await;
    drop(held.expect("nobody deletes it any more"));
    None
}

async fn play_all(pusher: Pusher) -> Vec<(u32, Option<(bool, u32)>, &'static str)> {
    let crashes = (0..STEPS).flat_map(|after| [Some((true, after)), Some((false, after))]);
    let mut faults = Vec::new();
    for crash in crashes.chain([None]) {
        for order in 0..1 << (2 * STEPS) {
            if let Some(fault) = play(pusher, order, crash).await {
                faults.push((order, crash, fault));
            }
        }
    }
    faults
}

#[tokio::test]
async fn a_push_and_a_collection_of_the_same_blob_lose_nothing_in_any_order() {
    for pusher in [Pusher::Whole, Pusher::InChunks] {
        assert_eq!(play_all(pusher).await, [], "{pusher:?}");
    }
}

#[tokio::test]
async fn a_push_that_does_not_say_so_before_is_found_out() {
    let faults = play_all(Pusher::WithoutAHold).await;
    assert!(faults.iter().any(|(.., fault)| *fault == "a record without bytes"), "{} faults", faults.len());
}

#[tokio::test]
async fn whoever_is_told_that_a_blob_is_there_can_pull_it() {
    let bed = Bed::new().await;
    let name = repository("before");
    // In the middle of a collection, before and after the bytes go.
    let mut progress = |_: Collected<'_>| {};
    let mut collection = bed.registry.collect_garbage(in_future(HOUR * 2), ALL, &mut progress).boxed();
    let mut context = Context::from_waker(futures::task::noop_waker_ref());
    while collection.as_mut().poll(&mut context).is_pending() {
        assert!(bed.registry.stat_blob(&name, &sha256(CONTENT)).await.is_err());
    }
    drop(collection);
    let bed = Bed::new().await;
    bed.unpaused().stat_blob(&name, &sha256(CONTENT)).await.unwrap();
    bed.unpaused().collect_garbage(in_future(HOUR - Duration::from_secs(60)), ALL, &mut |_| {}).await.unwrap();
    assert_eq!(pull(&bed.registry, "before", &sha256(CONTENT)).await, CONTENT);
}
