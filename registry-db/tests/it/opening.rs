//! What happens when a database is opened, and opened again.

use std::fs;

use diesel::prelude::*;
use registry_core::protocol::digest::{Algorithm, Digest, Digester};
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::metadata::{ClaimOutcome, CommitBlob, UploadRecord};
use registry_core::store::{BlobLocation, ClaimToken, MetadataStore, StagedUpload, Timestamp, UploadId};
use registry_db::{DatabaseConfig, DatabaseUrl, OpenError};
use tempfile::TempDir;

use crate::metadata_store::{config, open, sqlite};

fn repository() -> RepositoryName {
    "a/b".parse().unwrap()
}

async fn commit(store: &dyn MetadataStore, content: &str) -> Digest {
    let digest = Digest::of(Algorithm::Sha256, content.as_bytes());
    let blob = CommitBlob {
        repository: &repository(),
        digest: &digest,
        size_bytes: 7,
        location: &BlobLocation::new("here"),
        is_displaced: false,
        is_replicated: false,
        upload: None,
        hold: None,
        review_after: Timestamp::from_micros(0),
    };
    store.commit_blob(blob).await.unwrap();
    digest
}

#[tokio::test]
async fn what_was_recorded_is_there_after_a_restart() {
    let (store, directory) = sqlite().await;
    let blob = commit(&*store, "content").await;
    let record = store.blob(&repository(), &blob).await.unwrap();
    assert!(record.is_some());
    drop(store);
    assert_eq!(open(&directory).await.blob(&repository(), &blob).await.unwrap(), record);
}

#[tokio::test]
async fn a_second_opener_is_told_that_the_database_is_in_use() {
    let (store, directory) = sqlite().await;
    let error = registry_db::open(&config(&directory)).await.unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("registry.db` is in use by another process"), "{text}");
    store.check().await.unwrap();
    drop(store);
    open(&directory).await.check().await.unwrap();
}

#[tokio::test]
async fn a_second_opener_by_another_path_is_found_out() {
    let (_store, directory) = sqlite().await;
    let link = directory.path().join("link.db");
    std::os::unix::fs::symlink(directory.path().join("registry.db"), &link).unwrap();
    let error = registry_db::open(&DatabaseConfig::new(DatabaseUrl::Sqlite(link))).await.unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
}

#[tokio::test]
async fn missing_directories_are_created() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("a/b/c/registry.db");
    let store = registry_db::open(&DatabaseConfig::new(DatabaseUrl::Sqlite(path.clone()))).await.unwrap();
    store.check().await.unwrap();
    assert!(path.is_file());
}

#[tokio::test]
async fn an_unusable_directory_is_named() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    let path = directory.path().join("file/registry.db");
    let error = registry_db::open(&DatabaseConfig::new(DatabaseUrl::Sqlite(path))).await.unwrap_err();
    assert!(matches!(error, OpenError::Directory { .. }), "{error:?}");
    assert!(error.to_string().contains("/file`"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("registry.db");
    let text = "this is not a database, but something that somebody may still want to have".repeat(100);
    fs::write(&path, &text).unwrap();
    let error = registry_db::open(&config(&directory)).await.unwrap_err();
    assert!(matches!(error, OpenError::Setup { .. }), "{error:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_database_of_a_newer_release_is_refused() {
    let (store, directory) = sqlite().await;
    drop(store);
    let path = directory.path().join("registry.db");
    let mut connection = diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    diesel::sql_query("INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')")
        .execute(&mut connection)
        .unwrap();
    let error = registry_db::open(&config(&directory)).await.unwrap_err();
    assert!(error.to_string().contains("migration 99990101000000 is unknown"), "{error}");
}

#[tokio::test]
async fn claims_of_a_killed_process_are_given_back() {
    let (store, directory) = sqlite().await;
    let mut upload = UploadRecord {
        id: UploadId::random(),
        repository: repository(),
        staged: StagedUpload::new("staged"),
        offset: 0,
        algorithm: Algorithm::Sha256,
        digester_state: Digester::new(Algorithm::Sha256).save(),
        expires_at: Timestamp::from_micros(1000),
    };
    let [now, until] = [0, 100].map(Timestamp::from_micros);
    let first = ClaimToken::random();
    store.create_upload(&upload).await.unwrap();
    store.claim_upload(&upload.repository, upload.id, first, now, until).await.unwrap();
    upload.offset = 7;
    store.release_upload(&upload, first).await.unwrap();
    store.claim_upload(&upload.repository, upload.id, ClaimToken::random(), now, until).await.unwrap();
    drop(store);

    let store = open(&directory).await;
    let outcome = store.claim_upload(&upload.repository, upload.id, ClaimToken::random(), now, until).await.unwrap();
    assert_eq!(outcome, ClaimOutcome::Claimed(upload));
}

#[tokio::test]
async fn what_a_killed_process_held_is_forgotten_until_somebody_has_looked() {
    let (store, directory) = sqlite().await;
    let [now, until] = [0, 100].map(Timestamp::from_micros);
    let digest = commit(&*store, "content").await;
    let hold = store.hold_blob(&digest, now, until).await.unwrap();
    hold.settle();
    drop(hold);
    drop(store);
    let store = open(&directory).await;
    assert_eq!(store.forgotten_holds().await.unwrap(), None, "it ended in order");

    // As a kill leaves it.
    std::mem::forget(store.hold_blob(&digest, now, until).await.unwrap());
    drop(store);
    for _ in 0..2 {
        let store = open(&directory).await;
        assert!(store.forgotten_holds().await.unwrap().is_some(), "nobody has looked");
    }
    let store = open(&directory).await;
    let forgotten = store.forgotten_holds().await.unwrap().unwrap();
    drop(store.hold_blob(&digest, now, until).await.unwrap());
    store.end_forgotten_holds(forgotten).await.unwrap();
    let later = store.forgotten_holds().await.unwrap().expect("one was not settled since");
    store.end_forgotten_holds(later).await.unwrap();
    assert_eq!(store.forgotten_holds().await.unwrap(), None);
    drop(store);
    assert_eq!(open(&directory).await.forgotten_holds().await.unwrap(), None);
}

#[tokio::test]
async fn what_an_older_release_held_is_forgotten() {
    let (store, directory) = sqlite().await;
    commit(&*store, "content").await;
    drop(store);
    let path = directory.path().join("registry.db");
    let mut connection = diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    diesel::sql_query("DELETE FROM settings WHERE name = 'holds'").execute(&mut connection).unwrap();
    assert!(open(&directory).await.forgotten_holds().await.unwrap().is_some());
}

#[test]
fn a_runtime_that_stops_leaves_the_database_usable() {
    let directory = TempDir::new().unwrap();
    for round in 0..4 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = open(&directory).await;
            for task in 0..8 {
                let store = std::sync::Arc::clone(&store);
                tokio::spawn(async move { commit(&*store, &format!("content {round} {task}")).await });
            }
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
        });
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = open(&directory).await;
        let blob = commit(&*store, "content").await;
        assert!(store.blob(&repository(), &blob).await.unwrap().is_some());
    });
}
