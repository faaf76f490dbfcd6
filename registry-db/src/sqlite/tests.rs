//! What can only be seen from inside: settings, query plans, and a disk that fills up.

mod disk_full;
mod groups;
mod query_plans;
mod settings;

use std::time::Duration;

use diesel::sqlite::SqliteConnection;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::metadata::{BlobLinkStore, CommitBlob};
use registry_core::store::{BlobLocation, StoreResult, Timestamp};
use tempfile::TempDir;

use super::{SqliteStore, connection};
use crate::config::{DatabaseConfig, DatabaseUrl};
use crate::error::OpenError;

/// Opens an empty database with one reader.
async fn store() -> (SqliteStore, TempDir) {
    let directory = TempDir::new().unwrap();
    (reopen(&directory, Duration::from_secs(60)).await.unwrap(), directory)
}

/// Opens the database in a directory.
async fn reopen(directory: &TempDir, wait_timeout: Duration) -> Result<SqliteStore, OpenError> {
    let path = directory.path().join("registry.db");
    let mut config = DatabaseConfig::new(DatabaseUrl::Sqlite(path.clone()));
    config.readers = 1;
    config.wait_timeout = wait_timeout;
    SqliteStore::open(&path, &config).await
}

/// Runs something on the connection that writes.
fn on_writer<T: Send + 'static>(
    store: &SqliteStore,
    run: impl FnOnce(&mut SqliteConnection) -> T + Send + 'static,
) -> T {
    let mut committer = store.writer.shared.committer();
    connection::in_place(committer.connection().unwrap().spawn_blocking(move |inner| Ok(run(inner)))).unwrap()
}

/// Runs something on the connection that reads.
fn on_reader<T: Send + 'static>(
    store: &SqliteStore,
    run: impl FnOnce(&mut SqliteConnection) -> T + Send + 'static,
) -> T {
    let mut reader = store.readers.idle.take().unwrap();
    let result = connection::in_place(reader.spawn_blocking(move |inner| Ok(run(inner)))).unwrap();
    store.readers.idle.give_back(reader);
    result
}

fn repository(name: &str) -> RepositoryName {
    name.parse().unwrap()
}

fn digest(content: &str) -> Digest {
    Digest::of(Algorithm::Sha256, content.as_bytes())
}

async fn commit(store: &SqliteStore, repository: &RepositoryName, content: &str) -> StoreResult<()> {
    let blob = CommitBlob {
        repository,
        digest: &digest(content),
        size_bytes: content.len() as u64,
        location: &BlobLocation::new("here"),
        is_displaced: false,
        is_replicated: false,
        upload: None,
        hold: None,
        review_after: Timestamp::from_micros(0),
    };
    store.commit_blob(blob).await
}
