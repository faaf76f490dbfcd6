use std::error::Error;

use diesel::prelude::*;
use registry_core::store::StoreErrorKind;
use registry_core::store::metadata::RepositoryStore;

use super::super::connection::Pool;
use super::{commit, repository, store};

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

async fn settings(pool: &Pool) -> Settings {
    let read = "SELECT * FROM pragma_journal_mode, pragma_synchronous, pragma_foreign_keys, pragma_query_only";
    let mut connection = pool.get().await.unwrap();
    connection.spawn_blocking(move |inner| diesel::sql_query(read).get_result(inner)).await.unwrap()
}

#[tokio::test]
async fn commits_are_durable_and_references_are_checked() {
    const FULL: i32 = 2;
    let (store, _directory) = store().await;
    for (pool, query_only) in [(&store.writer, 0), (&store.readers, 1)] {
        let settings = settings(pool).await;
        assert_eq!(settings.journal_mode, "wal");
        assert_eq!(settings.synchronous, FULL);
        assert_eq!(settings.foreign_keys, 1);
        assert_eq!(settings.query_only, query_only);
    }
}

#[tokio::test]
async fn a_call_that_waits_too_long_for_its_turn_is_unavailable() {
    let (store, _directory) = store().await;
    let turn = store.writer.get().await.unwrap();
    let error = commit(&store, &repository("a"), "content").await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().starts_with("cannot record blob `sha256:"), "{error}");
    assert!(error.source().is_some());
    store.check().await.unwrap();
    drop(turn);
    commit(&store, &repository("a"), "content").await.unwrap();
}

#[tokio::test]
async fn damaged_text_is_reported_as_corrupt() {
    let (store, _directory) = store().await;
    let mut connection = store.writer.get().await.unwrap();
    let damage = "INSERT INTO repositories (name, listed, created_at) VALUES ('No Name', true, 0)";
    connection.spawn_blocking(move |inner| diesel::sql_query(damage).execute(inner)).await.unwrap();
    drop(connection);
    assert_eq!(store.repositories(None, 10).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
}
