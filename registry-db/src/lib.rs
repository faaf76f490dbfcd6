//! A registry's metadata in a database: the truth about which repository has which blobs, manifests, tags and uploads.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use registry_db::DatabaseConfig;
//!
//! let config = DatabaseConfig::new("sqlite:/var/lib/registry/registry.db".parse()?);
//! let metadata = registry_db::open(&config).await?;
//! metadata.check().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Tables
//!
//! ```text
//!                        repositories ◄───────────────┐
//!                          ▲      ▲                   │
//!           repository_blobs      │     tags ─────────┤
//!                   │             │      │            │
//!                   ▼             │      ▼            │
//! gc_blob_reviews ─► blobs ◄─ manifest_blobs ─► manifests ◄─ gc_manifest_reviews
//!                                                ▲    ┊
//!                               manifest_children┘    ┊ subject: a digest, which need not exist
//!                               ┊                     ▼
//!                               └┄ child: a digest, which need not exist in a sparse index
//!
//! uploads: a repository by name, because an upload does not bring it into being
//! imports, imported_repositories: how far an import of the storage is
//! settings: what all processes that share the database have agreed upon, by name
//! replicated_blobs: by digest, which blobs have a second copy, and which are to get one
//! ```
//!
//! A manifest is kept whole, so that a push is one transaction and a pull one query. Rows of `repository_blobs` say who
//! may serve a blob, rows of `manifest_blobs` what keeps it alive. Whatever loses a reference is put into one of the two
//! review queues in the same transaction; only garbage collection (`store/gc.rs`) deletes a row of `blobs`.
//!
//! # Modules
//!
//! The port is implemented once, in `store/`, and compiled for each database against the few words in which databases
//! differ. `sqlite.rs`, `postgres.rs` and `mysql.rs` have those words as their modules `dialect`; `schema.rs` and
//! `migrations/` hold the tables. SQLite belongs to one process: its `writer.rs` commits what waits together, and
//! `cache.rs` answers pulls from memory, and says why its answers are those of the database; `begun.rs` keeps uploads of
//! which nothing was taken out of it. The others are servers that several processes share: `server.rs` has the pool, runs
//! transactions and repeats them, and keeps nothing in memory. `catalog_table.rs` is apart from all this: it keeps a copy of
//! the catalog in a database that is not the registry's.
//!
//! To add a database:
//!
//! 1. Write `migrations/<database>/`, with the same names as the others. Text of names, tags and digests compares by
//!    bytes, whatever the database's default is, and times are 64-bit integers. Where the database does not undo a
//!    migration that was interrupted, each statement leaves alone what is there already.
//! 2. Write `<database>.rs` with `#[path = "store/mod.rs"] mod store;` and, beside it, a module `dialect` with
//!    - `Connection`, `Backend`: diesel-async's connection and diesel's backend;
//!    - `Store`: the type that the port is implemented for, with the methods `read`, `read_once`, `write` and
//!      `write_relaxed`, which run a plain function over a connection as one transaction. `read` shows one state of the
//!      database however many statements it makes; `read_once` is for a single statement. The others may run the
//!      function again, as after a deadlock; `write_relaxed` is for what may be lost in a power cut, and may be the same
//!      as `write`. All go on when their caller goes away, or roll back. `write` is told what the transaction may change
//!      of the store's field `cache`. Where other processes write as well, that cache keeps nothing: only bytes by their
//!      digest could be, and then a query would leave them out. Its field `begun` has no room there either. A server gets
//!      all of this by `server::Dialect`;
//!    - `conflict_key`, `later`: the key of an upsert, and the greater of two dates;
//!    - `lock!`, `lock_next!`, `share!`, `insert_all!`: `FOR UPDATE`, the same with `SKIP LOCKED`, `FOR SHARE`, and many
//!      rows at once;
//!    - `IS_SHARED`: whether other processes write to the database as well. What is about to be put in place is recorded
//!      then, for their collectors to see. The store's field `holds` has what this process does.
//! 3. Say what its errors mean, as `sqlite/error.rs` does, and add a variant to [`DatabaseUrl`].
//! 4. Run `registry_core::metadata_store_suite!` and the comparison with the model on it, in `tests/it`.

#![expect(clippy::duplicate_mod, reason = "the queries are written once and compiled for each database")]

mod begun;
mod cache;
mod catalog_table;
mod config;
mod error;
#[cfg(test)]
mod every_call;
mod migration;
mod mysql;
mod postgres;
mod prepared;
mod schema;
mod server;
mod sqlite;
mod stored;

use std::sync::Arc;

use registry_core::store::replication::{FailedReplication, ReplicationStatus};
use registry_core::store::snapshot::SnapshotSource;
use registry_core::store::{MetadataStore, StoreError, StoreErrorKind};

use crate::error::{Failure, during};

pub use catalog_table::{
    CatalogTable, CatalogTableConfig, CatalogTableError, CatalogTableReport, CatalogTableTls, MysqlAddress,
};
pub use config::{DatabaseConfig, DatabaseUrl, DatabaseUrlError, ServerConfig, ServerUrl, TlsConfig};
pub use error::OpenError;
pub use sqlite::{Restore, Restored};

/// Opens a database, creates it if it is not there, and brings its schema up to date.
///
/// A SQLite database belongs to one process at a time: it is ours until the store is dropped and its last call is over.
/// Upload claims that an earlier process left behind are given back.
///
/// A database of a server may be used by any number of processes, which may all start at the same time. If the server is
/// not there yet, it is waited for. While it is away, calls fail as `Unavailable` after some seconds; once it is back,
/// they succeed again. A connection that is lost during a commit leaves it open whether the call happened: that is
/// `Unavailable` too, and the call can be repeated.
///
/// Must be called within a tokio runtime with time enabled, and so must the store's methods. A call whose future is
/// dropped happens whole or not at all.
///
/// # Errors
/// Everything that keeps the database from being used: see [`OpenError`].
pub async fn open(config: &DatabaseConfig) -> Result<Arc<dyn MetadataStore>, OpenError> {
    match &config.url {
        DatabaseUrl::Sqlite(path) => Ok(Arc::new(sqlite::SqliteStore::open(path, config).await?)),
        DatabaseUrl::Postgres(url) => {
            let server = postgres::Postgres::new(url, &config.server)?;
            Ok(Arc::new(server::ServerStore::open(server, config).await?))
        }
        DatabaseUrl::Mysql(url) => {
            let server = mysql::Mysql::new(url, &config.server)?;
            Ok(Arc::new(server::ServerStore::open(server, config).await?))
        }
    }
}

/// Returns what makes copies of a database while it is in use, by this process or another, or `None` if the database is
/// a server, which has means of its own.
///
/// Its methods must be called within a tokio runtime.
pub fn snapshots(url: &DatabaseUrl) -> Option<Arc<dyn SnapshotSource>> {
    match url {
        DatabaseUrl::Sqlite(path) => Some(Arc::new(sqlite::SqliteSnapshots::new(path))),
        DatabaseUrl::Postgres(_) | DatabaseUrl::Mysql(_) => None,
    }
}

/// Tells how far second copies of blobs are behind, and what failed of them, those first that are tried again first, up to
/// `limit`. The database may be in use by this process or another; nothing in it is changed.
///
/// # Errors
/// `NotFound` if there is no database yet; whatever keeps it from being read.
pub async fn look_at_replication(
    config: &DatabaseConfig,
    limit: usize,
) -> Result<(ReplicationStatus, Vec<FailedReplication>), LookError> {
    if let DatabaseUrl::Sqlite(path) = &config.url {
        let given = path.clone();
        let looked = tokio::task::spawn_blocking(move || sqlite::look_at_replication(&given, limit)).await;
        let looked = looked.unwrap_or_else(|stopped| Err(Failure::new(StoreErrorKind::Other, stopped)));
        return Ok(looked.map_err(during(format_args!("look into the database `{}`", path.display())))?);
    }
    let store = open(config).await?;
    Ok((store.replication_status().await?, store.failed_replications(limit).await?))
}

/// Why a database could not be looked into.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Begins to put a copy in the place of a database, which no process may have open; `None` if the database is a server,
/// which has means of its own. Blocks.
///
/// # Errors
/// `InUse` if a process has it open; what keeps a file from being written beside it.
pub fn restore(url: &DatabaseUrl) -> Result<Option<Restore>, OpenError> {
    match url {
        DatabaseUrl::Sqlite(path) => sqlite::Restore::begin(path).map(Some),
        DatabaseUrl::Postgres(_) | DatabaseUrl::Mysql(_) => Ok(None),
    }
}
