//! A move of a blob to its place while the same blob is pushed or collected: every order of their steps, and a crash of
//! either after every step.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use registry_core::memory::{MemoryBlobStore, MemoryMetadataStore};
use registry_core::store::metadata::BlobLinkStore;
use registry_core::store::{BlobStore, MetadataStore, Timestamp};
use registry_core::{Registry, RegistryOptions};

use super::paused::PausedBlobStore;
use super::schedules::{STEPS, interleave};
use super::{ALL, HOUR, in_future};
use crate::support::{body, push, repository, sha256};

const CONTENT: &[u8] = b"content";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Other {
    Pushes,
    Collects,
}

/// Plays one schedule. Returns what is wrong afterwards, or once everything has had its time.
async fn play(other: Other, order: u32, crash: Option<(bool, u32)>) -> Option<String> {
    let (blobs, metadata) = (MemoryBlobStore::displacing(), Arc::new(MemoryMetadataStore::default()));
    let shared: Arc<dyn MetadataStore> = Arc::<MemoryMetadataStore>::clone(&metadata);
    let options = RegistryOptions { delete_enabled: true, review_grace: HOUR * 24, ..RegistryOptions::default() };
    let unpaused = Registry::new(Arc::new(blobs.clone()), Arc::clone(&shared), options.clone());
    push(&unpaused, "a", CONTENT).await;
    let paused = Registry::new(Arc::new(PausedBlobStore(blobs.clone())), shared, options);
    let digest = sha256(CONTENT);
    let due = if other == Other::Collects { in_future(HOUR * 48) } else { Timestamp::now() };
    {
        let moving = async { paused.move_displaced(due).await.is_ok() };
        let mut rival: Pin<Box<dyn Future<Output = ()>>> = match other {
            Other::Pushes => Box::pin(async {
                paused.push_blob(&repository("a"), &digest, body(CONTENT)).await.unwrap();
            }),
            Other::Collects => Box::pin(async {
                paused.collect_garbage(due, ALL, &mut |_| {}).await.unwrap();
            }),
        };
        interleave(pin!(moving), rival.as_mut(), order, crash);
    }
    let readable = async || match metadata.blob(&repository("a"), &digest).await.unwrap() {
        Some(record) => blobs.read(&record.location, 0..record.size_bytes).await.is_ok(),
        None => other == Other::Collects,
    };
    if !readable().await {
        return Some("a record without bytes".to_owned());
    }
    unpaused.find_displaced(Timestamp::now()).await.unwrap();
    for days in 3..20 {
        let later = in_future(HOUR * 24 * days);
        unpaused.move_displaced(later).await.unwrap();
        unpaused.purge_uploads(later).await.unwrap();
        if other == Other::Collects {
            unpaused.collect_garbage(later, ALL, &mut |_| {}).await.unwrap();
        }
        if !readable().await {
            return Some(format!("a record without bytes after {days} days"));
        }
    }
    let expected = if other == Other::Collects { vec![] } else { vec![digest.to_string()] };
    (blobs.contents() != expected).then(|| format!("{:?}", blobs.contents()))
}

#[tokio::test]
async fn a_move_beside_a_push_or_a_collection_loses_nothing_and_leaves_nothing() {
    for other in [Other::Pushes, Other::Collects] {
        let crashes = (0..STEPS).flat_map(|after| [Some((true, after)), Some((false, after))]);
        for crash in crashes.chain([None]) {
            for order in 0..1 << (2 * STEPS) {
                assert_eq!(play(other, order, crash).await, None, "{other:?} in order {order:b}, crash {crash:?}");
            }
        }
    }
}
