use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use diesel::prelude::*;
use registry_core::protocol::reference::Reference;
use registry_core::store::metadata::{BlobLinkStore, ManifestStore, PutManifest, RepositoryStore};
use registry_core::store::{StoreErrorKind, Timestamp};
use tempfile::TempDir;

use super::{commit, digest, on_reader, on_writer, reopen, repository, store};

#[derive(QueryableByName)]
struct Settings {
    #[diesel(sql_type = diesel::sql_types::Text)]
    journal_mode: String,
    #[diesel(sql_type = diesel::sql_types::Integer)]
    synchronous: i32,
    #[diesel(sql_type = diesel::sql_types::Integer)]
    foreign_keys: i32,
    #[diesel(sql_type = diesel::sql_types::Integer)]
    query_only: i32,
}

fn settings(connection: &mut SqliteConnection) -> Settings {
    let read = "SELECT * FROM pragma_journal_mode, pragma_synchronous, pragma_foreign_keys, pragma_query_only";
    diesel::sql_query(read).get_result(connection).unwrap()
}

#[tokio::test]
async fn commits_are_durable_and_references_are_checked() {
    const FULL: i32 = 2;
    let (store, _directory) = store().await;
    for (settings, query_only) in [(on_writer(&store, settings), 0), (on_reader(&store, settings), 1)] {
        assert_eq!(settings.journal_mode, "wal");
        assert_eq!(settings.synchronous, FULL);
        assert_eq!(settings.foreign_keys, 1);
        assert_eq!(settings.query_only, query_only);
    }
}

#[test]
fn a_call_that_waits_too_long_for_its_turn_is_unavailable() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let directory = TempDir::new().unwrap();
    let store = runtime.block_on(reopen(&directory, Duration::from_millis(50))).unwrap();
    let turn = store.writer.shared.committer();
    let error = runtime.block_on(commit(&store, &repository("a"), "content")).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().starts_with("cannot record blob `sha256:"), "{error}");
    assert!(error.source().is_some());
    runtime.block_on(store.check()).unwrap();
    drop(turn);
    assert!(runtime.block_on(store.blob(&repository("a"), &digest("content"))).unwrap().is_none());
    runtime.block_on(commit(&store, &repository("a"), "content")).unwrap();
}

#[tokio::test]
async fn damaged_text_is_reported_as_corrupt() {
    let (store, _directory) = store().await;
    let damage = "INSERT INTO repositories (name, listed, created_at) VALUES ('No Name', true, 0)";
    on_writer(&store, move |inner| diesel::sql_query(damage).execute(inner).unwrap());
    assert_eq!(store.repositories(None, 10).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
}

#[tokio::test]
async fn a_damaged_manifest_is_not_given_out_and_repaired_by_a_push() {
    let (store, _directory) = store().await;
    let (name, payload) = (repository("a"), Bytes::from_static(b"{}"));
    let digest = digest("{}");
    let put = PutManifest {
        repository: &name,
        digest: &digest,
        media_type: "type/a",
        artifact_type: None,
        subject: None,
        annotations: &BTreeMap::new(),
        payload: &payload,
        blobs: &[],
        optional_blobs: &[],
        children: &[],
        sparse_children: &[],
        tags: &[],
        review_after: Timestamp::from_micros(0),
        restorable_until: None,
    };
    store.put_manifest(put.clone()).await.unwrap();
    on_writer(&store, |inner| diesel::sql_query("UPDATE manifests SET payload = x'7b7c'").execute(inner).unwrap());
    let reference = Reference::Digest(digest);
    let damaged = store.manifest(&name, &reference).await.unwrap_err();
    assert_eq!(damaged.kind(), StoreErrorKind::Corrupt);
    assert!(damaged.to_string().ends_with("is damaged in the database"), "{damaged}");
    store.put_manifest(put).await.unwrap();
    assert_eq!(store.manifest(&name, &reference).await.unwrap().unwrap().payload, payload);
}
