//! What is left after a step of the blob store failed.

use std::sync::Arc;

use registry_core::memory::{MemoryBlobStore, MemoryMetadataStore};
use registry_core::protocol::digest::Algorithm;
use registry_core::registry::Chunk;
use registry_core::store::StoreErrorKind;
use registry_core::testing::flaky::{Faults, FlakyBlobStore, Step};
use registry_core::{Registry, RegistryError, RegistryOptions};

use crate::support::{assert_nothing_staged, body, chunk, pull, repository, sha256};

fn registry() -> (Registry, Faults, Arc<MemoryBlobStore>) {
    let blobs = Arc::new(MemoryBlobStore::default());
    let faults = Faults::default();
    let flaky = FlakyBlobStore::new(Arc::<MemoryBlobStore>::clone(&blobs), faults.clone());
    let metadata = Arc::new(MemoryMetadataStore::default());
    (Registry::new(Arc::new(flaky), metadata, RegistryOptions::default()), faults, blobs)
}

fn failed_with<T: std::fmt::Debug>(kind: StoreErrorKind, outcome: Result<T, RegistryError>) {
    assert!(matches!(&outcome, Err(RegistryError::Store(error)) if error.kind() == kind), "{outcome:?}");
}

#[tokio::test]
async fn a_whole_push_that_fails_leaves_nothing() {
    let (registry, faults, blobs) = registry();
    let name = repository("a");
    // More than is written at once.
    let content = vec![7; 3_000_000];
    let digest = sha256(&content);
    for step in [Step::Stage, Step::OpenWriter, Step::Write, Step::CommitWhole] {
        faults.fail_next(step, StoreErrorKind::OutOfSpace);
        failed_with(StoreErrorKind::OutOfSpace, registry.push_blob(&name, &digest, body(&content)).await);
        assert!(matches!(registry.stat_blob(&name, &digest).await, Err(RegistryError::BlobUnknown { .. })));
        assert_nothing_staged(&*blobs).await;
    }
    registry.push_blob(&name, &digest, body(&content)).await.unwrap();
}

/// What a small blob asks of the store, for every way to push it. Each step is at least one hop between threads.
#[tokio::test]
async fn a_small_blob_takes_few_steps() {
    let (registry, faults, blobs) = registry();
    let name = repository("a");
    let whole = [Step::OpenWriter, Step::CommitWhole];

    registry.push_blob(&name, &sha256(b"at once"), body(b"at once")).await.unwrap();
    assert_eq!(faults.taken(), [&[Step::Stage], &whole[..]].concat());

    let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
    assert_eq!(faults.taken(), [Step::Stage]);
    registry.commit_upload(&name, id, chunk(b"whole"), &sha256(b"whole")).await.unwrap();
    assert_eq!(faults.taken(), whole);

    let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
    registry.append_upload(&name, id, chunk(b"a chunk")).await.unwrap();
    assert_eq!(faults.taken(), [Step::Stage, Step::OpenWriter, Step::Write, Step::Sync]);
    registry.commit_upload(&name, id, Chunk::empty(), &sha256(b"a chunk")).await.unwrap();
    assert_eq!(faults.taken(), [Step::Commit, Step::Discard]);
    assert_nothing_staged(&*blobs).await;
}

#[tokio::test]
async fn a_chunk_that_cannot_be_written_leaves_the_upload_where_it_was() {
    let (registry, faults, blobs) = registry();
    let name = repository("a");
    let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
    registry.append_upload(&name, id, chunk(b"0123")).await.unwrap();
    faults.fail_next(Step::Write, StoreErrorKind::OutOfSpace);
    failed_with(StoreErrorKind::OutOfSpace, registry.append_upload(&name, id, chunk(b"4567")).await);
    assert_eq!(registry.upload_status(&name, id).await.unwrap().offset, 4);
    faults.fail_next(Step::Write, StoreErrorKind::OutOfSpace);
    let digest = sha256(b"01234567");
    failed_with(StoreErrorKind::OutOfSpace, registry.commit_upload(&name, id, chunk(b"4567"), &digest).await);
    registry.commit_upload(&name, id, chunk(b"4567"), &digest).await.unwrap();
    assert_eq!(pull(&registry, "a", &digest).await, b"01234567");
    assert_nothing_staged(&*blobs).await;
}

#[tokio::test]
async fn a_whole_blob_that_cannot_be_committed_can_be_sent_again() {
    let (registry, faults, blobs) = registry();
    let name = repository("a");
    let content = vec![7; 3_000_000];
    let digest = sha256(&content);
    let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
    for step in [Step::OpenWriter, Step::Write, Step::CommitWhole] {
        faults.fail_next(step, StoreErrorKind::OutOfSpace);
        let failed = registry.commit_upload(&name, id, chunk(&content), &digest).await;
        failed_with(StoreErrorKind::OutOfSpace, failed);
        assert!(matches!(registry.stat_blob(&name, &digest).await, Err(RegistryError::BlobUnknown { .. })));
        assert_eq!(registry.upload_status(&name, id).await.unwrap().offset, 0);
    }
    registry.commit_upload(&name, id, chunk(&content), &digest).await.unwrap();
    assert!(pull(&registry, "a", &digest).await == content);
    assert_nothing_staged(&*blobs).await;
}

#[tokio::test]
async fn a_failed_sync_ends_the_upload() {
    let (registry, faults, blobs) = registry();
    let name = repository("a");
    let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
    faults.fail_next(Step::Sync, StoreErrorKind::Other);
    failed_with(StoreErrorKind::Other, registry.append_upload(&name, id, chunk(b"0123")).await);
    let gone = registry.upload_status(&name, id).await;
    assert!(matches!(gone, Err(RegistryError::UploadUnknown { .. })), "{gone:?}");
    assert_nothing_staged(&*blobs).await;
}

#[tokio::test]
async fn a_failed_commit_ends_the_upload_without_a_blob() {
    let (registry, faults, blobs) = registry();
    let name = repository("a");
    let id = registry.start_upload(&name, Algorithm::Sha256).await.unwrap().id;
    registry.append_upload(&name, id, chunk(b"0123")).await.unwrap();
    faults.fail_next(Step::Commit, StoreErrorKind::Unavailable);
    let digest = sha256(b"0123");
    failed_with(StoreErrorKind::Unavailable, registry.commit_upload(&name, id, Chunk::empty(), &digest).await);
    assert!(matches!(registry.stat_blob(&name, &digest).await, Err(RegistryError::BlobUnknown { .. })));
    assert_nothing_staged(&*blobs).await;
}
