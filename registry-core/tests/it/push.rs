//! Uploads, from the first byte to the blob.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use registry_core::gc::CollectOptions;
use registry_core::memory::{MemoryBlobStore, MemoryMetadataStore};
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::registry::{Chunk, PurgeReport};
use registry_core::store::metadata::{ClaimOutcome, UploadStore};
use registry_core::store::{BlobStore, ClaimToken, StoreErrorKind, Timestamp, UploadId};
use registry_core::{Registry, RegistryError, RegistryOptions};

use crate::support::{aborted, assert_nothing_staged, body, chunk, chunk_at, pull, repository, sha256};

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 31 % 251) as u8).collect()
}

/// A registry and its blob store.
fn registry() -> (Registry, Arc<MemoryBlobStore>) {
    let (registry, blobs, _) = registry_with_metadata();
    (registry, blobs)
}

fn registry_with_metadata() -> (Registry, Arc<MemoryBlobStore>, Arc<MemoryMetadataStore>) {
    let (blobs, metadata) = (Arc::new(MemoryBlobStore::default()), Arc::new(MemoryMetadataStore::default()));
    let (store, truth) = (Arc::<MemoryBlobStore>::clone(&blobs), Arc::<MemoryMetadataStore>::clone(&metadata));
    (Registry::new(store, truth, RegistryOptions::default()), blobs, metadata)
}

#[tokio::test]
async fn a_chunked_upload_becomes_the_blob() {
    let (registry, blobs) = registry();
    let name = repository("a/b");
    let whole = content(3_000_000);
    let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
    for (index, piece) in whole.chunks(1_300_000).enumerate() {
        let start = index as u64 * 1_300_000;
        let status = registry.append_upload(&name, id, chunk_at(start, piece)).await.unwrap();
        assert_eq!(status.offset, start + piece.len() as u64);
        assert_eq!(registry.upload_status(&name, id).await.unwrap(), status);
    }
    let digest = sha256(&whole);
    let blob = registry.commit_upload(&name, id, Chunk::empty(), &digest).await.unwrap();
    assert_eq!((blob.digest, blob.size_bytes), (digest, 3_000_000));
    assert_eq!(pull(&registry, "a/b", &digest).await, whole);
    assert_nothing_staged(&*blobs).await;
    assert!(matches!(registry.upload_status(&name, id).await, Err(RegistryError::UploadUnknown { .. })));
}

#[tokio::test]
async fn the_last_chunk_may_come_with_the_commit() {
    let (registry, _) = registry();
    let name = repository("a");
    let whole = content(10_000);
    let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
    registry.append_upload(&name, id, chunk(&whole[..4000])).await.unwrap();
    registry.commit_upload(&name, id, chunk_at(4000, &whole[4000..]), &sha256(&whole)).await.unwrap();
    assert_eq!(pull(&registry, "a", &sha256(&whole)).await, whole);
}

#[tokio::test]
async fn a_digest_of_another_algorithm_than_announced_is_verified_all_the_same() {
    let (registry, _) = registry();
    let name = repository("a");
    let whole = content(10_000);
    let digest = Digest::of(Algorithm::Sha512, &whole);
    let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
    registry.append_upload(&name, id, chunk(&whole)).await.unwrap();
    registry.commit_upload(&name, id, Chunk::empty(), &digest).await.unwrap();
    assert_eq!(pull(&registry, "a", &digest).await, whole);

    let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
    registry.append_upload(&name, id, chunk(b"other")).await.unwrap();
    let refused = registry.commit_upload(&name, id, Chunk::empty(), &digest).await;
    assert!(matches!(refused, Err(RegistryError::DigestMismatch { .. })), "{refused:?}");
}

#[tokio::test]
async fn an_empty_upload_is_the_empty_blob() {
    let (registry, _) = registry();
    let name = repository("a");
    let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
    let blob = registry.commit_upload(&name, id, Chunk::empty(), &sha256(b"")).await.unwrap();
    assert_eq!(blob.size_bytes, 0);
    assert_eq!(pull(&registry, "a", &sha256(b"")).await, b"");
}

#[tokio::test]
async fn a_chunk_out_of_order_changes_nothing() {
    let (registry, _) = registry();
    let name = repository("a");
    let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
    registry.append_upload(&name, id, chunk(b"0123")).await.unwrap();
    for start in [0, 3, 5, u64::MAX - 10] {
        let refused = registry.append_upload(&name, id, chunk_at(start, b"4567")).await;
        assert!(matches!(refused, Err(RegistryError::ChunkOutOfOrder { offset: 4, .. })), "{refused:?}");
        let refused = registry.commit_upload(&name, id, chunk_at(start, b"4567"), &sha256(b"01234567")).await;
        assert!(matches!(refused, Err(RegistryError::ChunkOutOfOrder { offset: 4, .. })), "{refused:?}");
        assert_eq!(registry.upload_status(&name, id).await.unwrap().offset, 4);
    }
    registry.commit_upload(&name, id, chunk_at(4, b"4567"), &sha256(b"01234567")).await.unwrap();
}

#[tokio::test]
async fn a_chunk_of_another_length_than_its_range_changes_nothing() {
    let (registry, _) = registry();
    let name = repository("a");
    let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
    for sent in [&b"0"[..], b"01234567"] {
        let mut wrong = chunk_at(0, b"0123");
        wrong.body = body(sent);
        let refused = registry.append_upload(&name, id, wrong).await;
        assert!(matches!(refused, Err(RegistryError::ChunkSize { expected: 4, .. })), "{refused:?}");
        assert_eq!(registry.upload_status(&name, id).await.unwrap().offset, 0);
    }
    registry.commit_upload(&name, id, chunk(b"0123"), &sha256(b"0123")).await.unwrap();
}

#[tokio::test]
async fn what_arrived_before_the_client_went_away_is_kept() {
    let (registry, _) = registry();
    let name = repository("a");
    let whole = content(2_500_000);
    let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
    let cut = Chunk { range: None, body: aborted(&whole[..1_700_000]) };
    assert!(matches!(registry.append_upload(&name, id, cut).await, Err(RegistryError::Body(_))));
    assert_eq!(registry.upload_status(&name, id).await.unwrap().offset, 1_700_000);
    let rest = chunk_at(1_700_000, &whole[1_700_000..]);
    registry.commit_upload(&name, id, rest, &sha256(&whole)).await.unwrap();
    assert_eq!(pull(&registry, "a", &sha256(&whole)).await, whole);
}

#[tokio::test]
async fn content_that_does_not_have_the_digest_leaves_nothing() {
    let (registry, blobs) = registry();
    let name = repository("a");
    let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
    let refused = registry.commit_upload(&name, id, chunk(b"this"), &sha256(b"that")).await;
    assert!(matches!(refused, Err(RegistryError::DigestMismatch { .. })), "{refused:?}");
    let refused = registry.push_blob(&name, &sha256(b"that"), body(b"this")).await;
    assert!(matches!(refused, Err(RegistryError::DigestMismatch { .. })), "{refused:?}");
    let refused = registry.push_blob(&name, &sha256(b"this"), aborted(b"this")).await;
    assert!(matches!(refused, Err(RegistryError::Body(_))), "{refused:?}");
    for content in [b"this", b"that"] {
        assert!(matches!(registry.stat_blob(&name, &sha256(content)).await, Err(RegistryError::BlobUnknown { .. })));
    }
    assert!(matches!(registry.upload_status(&name, id).await, Err(RegistryError::UploadUnknown { .. })));
    assert_nothing_staged(&*blobs).await;
}

#[tokio::test]
async fn of_two_writers_one_wins() {
    let (registry, _) = registry();
    let name = repository("a");
    let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
    let (first_sender, first_body) = futures::channel::mpsc::unbounded();
    let slow = Chunk { range: None, body: Box::pin(first_body) };
    let first = tokio::spawn({
        let (registry, name) = (registry.clone(), name.clone());
        async move { registry.append_upload(&name, id, slow).await }
    });
    tokio::task::yield_now().await;
    // The first holds the upload from its first poll on, however long its body takes.
    let second = loop {
        match registry.append_upload(&name, id, chunk(b"")).await {
            Ok(_) => tokio::task::yield_now().await,
            refused => break refused,
        }
    };
    assert!(matches!(second, Err(RegistryError::UploadBusy(busy)) if busy == id), "{second:?}");
    first_sender.unbounded_send(Ok("first".into())).unwrap();
    drop(first_sender);
    assert_eq!(first.await.unwrap().unwrap().offset, 5);
    registry.commit_upload(&name, id, Chunk::empty(), &sha256(b"first")).await.unwrap();
}

#[tokio::test]
async fn a_cancelled_upload_is_gone() {
    let (registry, blobs) = registry();
    let name = repository("a");
    let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
    registry.append_upload(&name, id, chunk(b"0123")).await.unwrap();
    registry.cancel_upload(&name, id).await.unwrap();
    assert_nothing_staged(&*blobs).await;
    let unknown = |outcome| matches!(outcome, Err(RegistryError::UploadUnknown { .. }));
    assert!(unknown(registry.append_upload(&name, id, chunk(b"4")).await.map(drop)));
    assert!(unknown(registry.commit_upload(&name, id, chunk(b"4"), &sha256(b"4")).await.map(drop)));
    assert!(unknown(registry.cancel_upload(&name, id).await));
    assert!(unknown(registry.cancel_upload(&name, UploadId::random()).await));
}

/// A body that the test gives piece by piece.
type Sender = futures::channel::mpsc::UnboundedSender<Result<bytes::Bytes, registry_core::body::BodyError>>;

fn open_chunk() -> (Sender, Chunk) {
    let (sender, body) = futures::channel::mpsc::unbounded();
    (sender, Chunk { range: None, body: Box::pin(body) })
}

/// Waits until the request that has the body is at work on it, and so holds the upload.
async fn until_taken(sender: &Sender) {
    while !sender.is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_upload_that_is_cancelled_under_its_writer_leaves_nothing() {
    let (registry, blobs) = registry();
    let name = repository("a");
    for commits in [false, true] {
        let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
        let (sender, chunk) = open_chunk();
        sender.unbounded_send(Ok("content".into())).unwrap();
        let writer = tokio::spawn({
            let (registry, name) = (registry.clone(), name.clone());
            async move {
                match commits {
                    true => registry.commit_upload(&name, id, chunk, &sha256(b"content")).await.map(drop),
                    false => registry.append_upload(&name, id, chunk).await.map(drop),
                }
            }
        });
        until_taken(&sender).await;
        registry.cancel_upload(&name, id).await.unwrap();
        drop(sender);
        let outcome = writer.await.unwrap();
        assert!(matches!(outcome, Err(RegistryError::UploadUnknown { .. })), "{outcome:?}");
        assert_nothing_staged(&*blobs).await;
    }
}

#[tokio::test]
async fn a_writer_that_lost_its_upload_does_not_end_it() {
    let (registry, blobs, metadata) = registry_with_metadata();
    let name = repository("a");
    for digest in [None, Some(sha256(b"0123 and more")), Some(sha256(b"something else"))] {
        let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
        registry.append_upload(&name, id, chunk(b"0123")).await.unwrap();
        let (sender, more) = open_chunk();
        sender.unbounded_send(Ok(" and more".into())).unwrap();
        let slow = tokio::spawn({
            let (registry, name) = (registry.clone(), name.clone());
            async move {
                match digest {
                    Some(digest) => registry.commit_upload(&name, id, more, &digest).await.map(drop),
                    None => registry.append_upload(&name, id, more).await.map(drop),
                }
            }
        });
        until_taken(&sender).await;
        // As if the first had been silent for so long that its claim ran out.
        let (token, later) = (ClaimToken::random(), Timestamp::now().plus(Duration::from_secs(3600)));
        let until = later.plus(Duration::from_secs(60));
        let taken = metadata.claim_upload(&name, id, token, later, until).await.unwrap();
        let ClaimOutcome::TakenOver(record) = taken else { panic!("{taken:?}") };
        drop(sender);
        let outcome = slow.await.unwrap();
        assert!(matches!(outcome, Err(RegistryError::UploadBusy(busy)) if busy == id), "{outcome:?}");

        assert_eq!(registry.upload_status(&name, id).await.unwrap().offset, 4);
        blobs.take_over(&record.staged, 4).await.expect("what was taken before is still there");
        registry.cancel_upload(&name, id).await.unwrap();
    }
}

#[tokio::test]
async fn bytes_are_kept_until_those_who_took_them_over_have_recorded_theirs() {
    let (registry, blobs, metadata) = registry_with_metadata();
    let name = repository("a");
    let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
    registry.append_upload(&name, id, chunk(b"0123")).await.unwrap();
    let old = metadata.upload(&name, id, Timestamp::now()).await.unwrap().unwrap().staged;
    // A writer that died.
    let before = Timestamp::now().minus(Duration::from_secs(60));
    metadata.claim_upload(&name, id, ClaimToken::random(), before, before).await.unwrap();
    let (sender, more) = open_chunk();
    sender.unbounded_send(Ok("4567".into())).unwrap();
    let heir = tokio::spawn({
        let (registry, name) = (registry.clone(), name.clone());
        async move { registry.append_upload(&name, id, more).await }
    });
    until_taken(&sender).await;
    let copy = blobs.take_over(&old, 4).await.expect("if the heir dies as well, this is where to go on from");
    blobs.discard(&copy).await.unwrap();
    drop(sender);
    assert_eq!(heir.await.unwrap().unwrap().offset, 8);
    assert_eq!(blobs.take_over(&old, 4).await.unwrap_err().kind(), StoreErrorKind::Corrupt, "it was freed");
    registry.commit_upload(&name, id, Chunk::empty(), &sha256(b"01234567")).await.unwrap();
    assert_nothing_staged(&*blobs).await;
}

#[tokio::test]
async fn an_upload_belongs_to_its_repository() {
    let (registry, _) = registry();
    let id = registry.start_upload(&repository("a"), Algorithm::Sha256).await.unwrap().id;
    let other = repository("b");
    assert!(matches!(registry.upload_status(&other, id).await, Err(RegistryError::UploadUnknown { .. })));
    assert!(matches!(registry.append_upload(&other, id, chunk(b"x")).await, Err(RegistryError::UploadUnknown { .. })));
    assert!(matches!(registry.cancel_upload(&other, id).await, Err(RegistryError::UploadUnknown { .. })));
}

#[tokio::test]
async fn expired_uploads_leave_nothing_behind() {
    let (registry, blobs) = registry();
    let name = repository("a");
    let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
    registry.append_upload(&name, id, chunk(b"0123")).await.unwrap();
    blobs.stage(UploadId::random()).await.unwrap();

    let now = Timestamp::now();
    assert_eq!(registry.purge_uploads(now).await.unwrap(), PurgeReport::default(), "both are young");
    let day = Duration::from_secs(24 * 60 * 60);
    let report = registry.purge_uploads(now.plus(day * 9)).await.unwrap();
    assert_eq!(report.expired, 1);
    assert_nothing_staged(&*blobs).await;
    assert!(matches!(registry.upload_status(&name, id).await, Err(RegistryError::UploadUnknown { .. })));
}

#[tokio::test]
async fn a_read_only_registry_takes_no_push() {
    let options = RegistryOptions { read_only: true, delete_enabled: true, ..RegistryOptions::default() };
    let registry =
        Registry::new(Arc::new(MemoryBlobStore::default()), Arc::new(MemoryMetadataStore::default()), options);
    let name = repository("a");
    let id = UploadId::random();
    let digest = sha256(b"x");
    assert!(matches!(registry.start_upload(&name, Algorithm::Sha256).await, Err(RegistryError::ReadOnly)));
    assert!(matches!(registry.append_upload(&name, id, chunk(b"x")).await, Err(RegistryError::ReadOnly)));
    assert!(matches!(registry.commit_upload(&name, id, chunk(b"x"), &digest).await, Err(RegistryError::ReadOnly)));
    assert!(matches!(registry.push_blob(&name, &digest, body(b"x")).await, Err(RegistryError::ReadOnly)));
    assert!(matches!(registry.cancel_upload(&name, id).await, Err(RegistryError::ReadOnly)));
    assert!(matches!(registry.delete_blob(&name, &digest).await, Err(RegistryError::ReadOnly)));
}

/// Its bytes are in place by then, and nobody else knows of them.
#[tokio::test]
async fn what_an_upload_left_that_was_cancelled_in_its_last_moment_is_collected() {
    let (registry, blobs, metadata) = registry_with_metadata();
    let name = repository("a");
    let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
    let digest = sha256(b"content");
    let cancelled = Arc::clone(&metadata);
    let last = async move {
        // As a cancellation would, whose client has no answer yet.
        cancelled.remove_upload(&repository("a"), id).await.unwrap();
        Ok(Bytes::from_static(b"content"))
    };
    let chunk = Chunk { range: None, body: futures::stream::once(last).boxed() };
    let failed = registry.commit_upload(&name, id, chunk, &digest).await.unwrap_err();
    assert!(matches!(failed, RegistryError::UploadUnknown { .. }), "{failed:?}");
    assert_eq!(blobs.contents(), [digest.to_string()], "the bytes are there");
    let options = CollectOptions { delete_untagged: false, parallelism: 1 };
    let later = Timestamp::now().plus(Duration::from_secs(365 * 24 * 3600));
    assert_eq!(registry.collect_garbage(later, options, &mut |_| {}).await.unwrap().blobs, 1);
    assert_eq!(blobs.contents(), [""; 0]);
}
