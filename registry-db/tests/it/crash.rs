//! What a crash leaves behind: the database, and its log up to where it was written.

use std::fs;
use std::sync::Arc;

use registry_core::protocol::digest::{Algorithm, Digest, Digester};
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::metadata::{CommitBlob, UploadRecord};
use registry_core::store::{BlobLocation, ClaimToken, MetadataStore, StagedUpload, Timestamp, UploadId};
use tempfile::TempDir;

use crate::metadata_store::{open, sqlite};

fn repository() -> RepositoryName {
    "a".parse().unwrap()
}

fn digest(content: u32) -> Digest {
    Digest::of(Algorithm::Sha256, &content.to_le_bytes())
}

async fn commit(store: &dyn MetadataStore, content: u32) {
    let commit = CommitBlob {
        repository: &repository(),
        digest: &digest(content),
        size_bytes: 4,
        location: &BlobLocation::new("here"),
        is_displaced: false,
        is_replicated: false,
        upload: None,
        hold: None,
        review_after: Timestamp::from_micros(0),
    };
    store.commit_blob(commit).await.unwrap();
}

fn new_upload() -> UploadRecord {
    UploadRecord {
        id: UploadId::random(),
        repository: repository(),
        staged: StagedUpload::new("staged"),
        offset: 0,
        algorithm: Algorithm::Sha256,
        digester_state: Digester::new(Algorithm::Sha256).save(),
        expires_at: Timestamp::from_micros(1000),
    }
}

/// Begins an upload and records that bytes of it were taken.
async fn take_bytes(store: &dyn MetadataStore) -> UploadId {
    let mut upload = new_upload();
    store.create_upload(&upload).await.unwrap();
    let token = claim(store, upload.id).await;
    upload.offset = 4;
    store.release_upload(&upload, token).await.unwrap();
    upload.id
}

async fn claim(store: &dyn MetadataStore, upload: UploadId) -> ClaimToken {
    let (token, now) = (ClaimToken::random(), Timestamp::from_micros(0));
    store.claim_upload(&repository(), upload, token, now, now).await.unwrap();
    token
}

/// Returns a copy of the files of a database that is open, with so much of the log as there was.
fn crash(directory: &TempDir, log_bytes: Option<u64>) -> TempDir {
    let copy = TempDir::new().unwrap();
    for name in ["registry.db", "registry.db-wal"] {
        fs::copy(directory.path().join(name), copy.path().join(name)).unwrap();
    }
    if let Some(bytes) = log_bytes {
        fs::File::options().write(true).open(copy.path().join("registry.db-wal")).unwrap().set_len(bytes).unwrap();
    }
    copy
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_loses_nothing_that_was_acknowledged() {
    let (store, directory) = sqlite().await;
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for content in 0..5 {
                    commit(&*store, writer * 5 + content).await;
                }
                take_bytes(&*store).await
            })
        })
        .collect();
    let mut uploads = Vec::new();
    for writer in writers {
        uploads.push(writer.await.unwrap());
    }

    let copy = crash(&directory, None);
    let store = open(&copy).await;
    for content in 0..40 {
        assert!(store.blob(&repository(), &digest(content)).await.unwrap().is_some(), "{content} is lost");
    }
    for upload in uploads {
        let found = store.upload(&repository(), upload, Timestamp::from_micros(0)).await.unwrap();
        assert!(found.is_some(), "upload {upload} is lost");
    }
}

#[tokio::test]
async fn a_log_that_ends_early_has_all_that_was_written_before() {
    let (store, directory) = sqlite().await;
    let log = directory.path().join("registry.db-wal");
    let mut lengths = Vec::new();
    let upload = take_bytes(&*store).await;
    for content in 0..20 {
        // A claim is written and not synced.
        claim(&*store, upload).await;
        commit(&*store, content).await;
        lengths.push(fs::metadata(&log).unwrap().len());
    }
    for (last, length) in (0..).zip(lengths) {
        // What follows was not synced, and may have left nothing or a part of its first page.
        for rest in [0, 100, 4096] {
            let copy = crash(&directory, Some(length + rest));
            let store = open(&copy).await;
            for content in 0..20 {
                let found = store.blob(&repository(), &digest(content)).await.unwrap();
                assert_eq!(found.is_some(), content <= last, "{content} of {last} and {rest} bytes");
            }
        }
    }
}

#[tokio::test]
async fn a_session_without_bytes_survives_the_end_of_a_process_that_was_not_killed() {
    let (store, directory) = sqlite().await;
    let upload = new_upload();
    store.create_upload(&upload).await.unwrap();
    let copy = crash(&directory, None);
    drop(store);
    let found = async |directory: &TempDir| {
        let store = open(directory).await;
        store.upload(&repository(), upload.id, Timestamp::from_micros(0)).await.unwrap()
    };
    assert_eq!(found(&directory).await, Some(upload.clone()));
    assert_eq!(found(&copy).await, None, "begun, and nothing more, costs no write");
}
