//! SQLite: the embedded database of a single process.
//!
//! One connection writes and several read, each call as one transaction on a thread that may block: `BEGIN IMMEDIATE`
//! to write, so that a writer never has to give up in the middle, and `BEGIN` to read, so that a call sees one state.
//! The write-ahead log lets readers and the writer go on side by side. Writes that wait are committed together, and
//! `synchronous=FULL` makes the commit survive a power cut.
//!
//! A caller that goes away leaves its transaction to run to its end: it happens whole or not at all, and the connection
//! stays good.

mod committer;
mod connection;
mod error;
mod lock;
mod migration;
mod readers;
mod restore;
mod settled;
mod snapshot;
#[path = "store/mod.rs"]
mod store;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diesel::prelude::*;
use diesel::result::QueryResult;
use futures::future::BoxFuture;
use registry_core::store::StoreErrorKind;
use registry_core::store::gc::BlobHolds;
use registry_core::store::replication::{FailedReplication, ReplicationStatus};

use self::committer::Durability;
use self::connection::Role;
use self::lock::DatabaseLock;
use self::readers::Readers;
pub use self::restore::{Restore, Restored};
pub(crate) use self::snapshot::SqliteSnapshots;
use self::store::replication::{BEHIND, NEVER};
use self::writer::Writer;
use crate::begun::BegunUploads;
use crate::cache::{Cache, Subject};
use crate::config::DatabaseConfig;
use crate::error::{Failure, OpenError};
use crate::schema::{replicated_blobs, uploads};

/// How many uploads of which nothing was taken are kept in memory.
const BEGUN_MAX: usize = 1024;

/// The words in which databases differ; the queries in `store` use no others.
mod dialect {
    use diesel::sql_types::BigInt;

    pub(super) use super::SqliteStore as Store;
    pub(super) use super::connection::Connection;
    pub(super) type Backend = diesel::sqlite::Sqlite;

    /// Whether other processes write to the database as well.
    pub(super) const IS_SHARED: bool = false;

    /// Names the unique key that an `ON CONFLICT` clause is about.
    pub(super) fn conflict_key<T>(columns: T) -> T {
        columns
    }

    diesel::define_sql_function! {
        /// The later of two dates.
        #[sql_name = "max"]
        fn later(one: BigInt, other: BigInt) -> BigInt;
    }

    /// Reads rows and keeps others from changing them until the transaction ends. SQLite has one writer anyway.
    macro_rules! lock {
        ($query:expr) => {
            $query
        };
    }

    /// Reads rows like `lock!`, but leaves out those that others keep. There are no others.
    macro_rules! lock_next {
        ($query:expr) => {
            $query
        };
    }

    /// Reads rows and keeps others from changing them until the transaction ends, but lets others do the same.
    macro_rules! share {
        ($query:expr) => {
            $query
        };
    }

    /// Inserts rows and leaves those that are there alone. There is no round trip to save by a single statement.
    macro_rules! insert_all {
        ($connection:expr, $table:expr, $rows:expr) => {
            for row in $rows {
                diesel::insert_into($table).values(row).on_conflict_do_nothing().execute($connection).await?;
            }
        };
    }

    pub(super) use {insert_all, lock, lock_next, share};
}

/// Statements of one transaction, apart from what they are told: a plain function, so that they can run on any thread.
type Query<A, T> = for<'c> fn(&'c mut dialect::Connection, &'c A) -> BoxFuture<'c, QueryResult<T>>;

/// Metadata in a SQLite database.
pub(crate) struct SqliteStore {
    path: PathBuf,
    cache: Cache,
    holds: BlobHolds,
    begun: BegunUploads,
    // Dropped in this order: the database is ours, and closed whole, until the last connection is closed.
    writer: Writer,
    readers: Readers,
}

impl SqliteStore {
    /// Opens the database and brings it up to date. No other process can open it until the store is dropped.
    pub(crate) async fn open(path: &Path, config: &DatabaseConfig) -> Result<Self, OpenError> {
        let given = path.to_owned();
        let prepared = tokio::task::spawn_blocking(move || prepare(&given)).await;
        let Prepared { path, lock, connection, holds } = prepared
            .map_err(|source| OpenError::Setup { database: path.display().to_string(), source: source.into() })??;
        Ok(Self {
            writer: Writer::new(path.clone(), connection, config.wait_timeout),
            readers: Readers::new(path.clone(), config.readers, config.wait_timeout, Arc::new(lock)),
            cache: Cache::new(config.cache_bytes),
            holds,
            begun: BegunUploads::new(BEGUN_MAX),
            path,
        })
    }

    /// Runs statements that only read. They see one state of the database.
    async fn read<A, T>(&self, arguments: A, query: Query<A, T>) -> Result<T, Failure>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.readers.read(arguments, query).await
    }

    /// Runs one statement that only reads: with a server, that is one message instead of three.
    async fn read_once<A, T>(&self, arguments: A, query: Query<A, T>) -> Result<T, Failure>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.readers.read(arguments, query).await
    }

    /// Runs statements of which all happen or none, which survive a power cut, and which may change these subjects.
    async fn write<'a, A, T>(
        &self,
        subjects: impl IntoIterator<Item = Subject<'a>>,
        arguments: A,
        query: Query<A, T>,
    ) -> Result<T, Failure>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let change = self.cache.begin(subjects);
        self.writer.write(Durability::Synced, change, arguments, query).await
    }

    /// Runs statements of which all happen or none, which survive a power cut once a later `write` has returned, and
    /// which change nothing that the cache knows.
    async fn write_relaxed<A, T>(&self, arguments: A, query: Query<A, T>) -> Result<T, Failure>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.writer.write(Durability::Relaxed, self.cache.begin([]), arguments, query).await
    }
}

impl Drop for SqliteStore {
    /// Records the sessions that are in memory, so that a restart does not end them, and that nothing is left that was put
    /// in place without being recorded.
    fn drop(&mut self) {
        let begun = self.begun.take();
        if !begun.is_empty()
            && let Err(failure) =
                self.writer.write_last(|connection| connection::in_place(store::upload::create(connection, &begun)))
        {
            let (database, error) = (self.path.display(), failure.source());
            tracing::warn!(%database, error, "uploads that were begun could not be recorded; their clients start anew");
        }
        if self.holds.are_settled()
            && let Err(failure) = self.writer.write_last(settled::end)
        {
            let (database, error) = (self.path.display(), failure.source());
            tracing::debug!(%database, error, "the next start looks for what a kill would have left");
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Tells how far second copies are behind, and what failed of them, up to `limit`, in a database that another process may
/// have open. Blocks.
pub(crate) fn look_at_replication(
    path: &Path,
    limit: usize,
) -> Result<(ReplicationStatus, Vec<FailedReplication>), Failure> {
    let path = path.canonicalize().map_err(|error| Failure::new(StoreErrorKind::NotFound, error))?;
    let mut connection = connection::open(&path, Role::Reader)?;
    let status = connection::in_place(store::replication::status(&mut connection))?;
    let failed = connection::in_place(store::replication::list_failed(&mut connection, limit))?;
    Ok((status, failed))
}

/// A database that is ours, and up to date.
struct Prepared {
    path: PathBuf,
    lock: DatabaseLock,
    connection: SqliteConnection,
    holds: BlobHolds,
}

/// Does all that must be done once, while no other process can have the database open.
fn prepare(path: &Path) -> Result<Prepared, OpenError> {
    let (path, lock) = lock::take(path)?;
    let mut connection = connection::initialise(&path)?;
    migration::run(&mut connection, &path)?;
    let holds = release_claims(&mut connection)
        .and_then(|()| settled::begin(&mut connection))
        .map_err(|source| OpenError::Setup { database: path.display().to_string(), source: source.into() })?;
    lock::sync_parent(&path)?;
    Ok(Prepared { path, lock, connection, holds })
}

/// Gives back the claims of a process that was killed, and the turns to copy, so that others can go on at once. The lock proves that no
/// writer is left.
fn release_claims(connection: &mut SqliteConnection) -> QueryResult<()> {
    diesel::update(uploads::table.filter(uploads::claim.is_not_null()))
        .set((uploads::claim.eq(None::<String>), uploads::claimed_until.eq(None::<i64>)))
        .execute(connection)?;
    // Nobody is copying any more, and what has failed is worth another attempt.
    let behind = replicated_blobs::table
        .filter(replicated_blobs::turn_after.gt(0))
        .filter(replicated_blobs::turn_after.lt(NEVER))
        .filter(replicated_blobs::state.eq(BEHIND));
    diesel::update(behind).set(replicated_blobs::turn_after.eq(0)).execute(connection)?;
    Ok(())
}
