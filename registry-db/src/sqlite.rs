//! SQLite: the embedded database of a single process.
//!
//! One connection writes and several read, each call as one transaction on a thread that may block: `BEGIN IMMEDIATE`
//! to write, so that a writer never has to give up in the middle, and `BEGIN` to read, so that a call sees one state.
//! The write-ahead log lets readers and the writer go on side by side, and `synchronous=FULL` makes a commit survive a
//! power cut.
//!
//! A caller that goes away leaves its transaction to run to its end: it happens whole or not at all, and the connection
//! stays good.

mod connection;
mod error;
mod lock;
mod migration;
#[path = "store/mod.rs"]
mod store;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::AnsiTransactionManager;
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel_async::{AsyncConnection, TransactionManager};
use futures::FutureExt;
use futures::future::BoxFuture;
use registry_core::store::StoreErrorKind;

use self::lock::DatabaseLock;
use crate::config::DatabaseConfig;
use crate::error::{Failure, OpenError};
use crate::schema::uploads;

/// The words in which databases differ; the queries in `store` use no others.
mod dialect {
    use diesel::sql_types::BigInt;

    pub(super) use super::SqliteStore as Store;
    pub(super) use super::connection::Connection;
    pub(super) type Backend = diesel::sqlite::Sqlite;

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

    pub(super) use {insert_all, lock, share};
}

/// Statements of one transaction, apart from what they are told: a plain function, so that they can run on any thread.
type Query<A, T> = for<'c> fn(&'c mut dialect::Connection, &'c A) -> BoxFuture<'c, QueryResult<T>>;

/// Metadata in a SQLite database.
pub(crate) struct SqliteStore {
    path: PathBuf,
    readers: connection::Pool,
    writer: connection::Pool,
    wait_timeout: Duration,
    // Dropped last: the database is ours until every connection is closed.
    lock: Arc<DatabaseLock>,
}

impl SqliteStore {
    /// Opens the database and brings it up to date. No other process can open it until the store is dropped.
    pub(crate) async fn open(path: &Path, config: &DatabaseConfig) -> Result<Self, OpenError> {
        let given = path.to_owned();
        let prepared = tokio::task::spawn_blocking(move || prepare(&given)).await;
        let (path, lock) =
            prepared.map_err(|source| OpenError::Setup { path: path.to_owned(), source: source.into() })??;
        Ok(Self {
            readers: connection::pool(&path, config.readers.max(1), connection::Role::Reader)?,
            writer: connection::pool(&path, 1, connection::Role::Writer)?,
            wait_timeout: config.wait_timeout,
            path,
            lock: Arc::new(lock),
        })
    }

    /// Runs statements that only read. They see one state of the database.
    async fn read<A, T>(&self, arguments: A, query: Query<A, T>) -> Result<T, Failure>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.transaction(&self.readers, "BEGIN", arguments, query).await
    }

    /// Runs statements of which all happen or none.
    async fn write<A, T>(&self, arguments: A, query: Query<A, T>) -> Result<T, Failure>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.transaction(&self.writer, "BEGIN IMMEDIATE", arguments, query).await
    }

    async fn transaction<A, T>(
        &self,
        pool: &connection::Pool,
        begin: &'static str,
        arguments: A,
        query: Query<A, T>,
    ) -> Result<T, Failure>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let mut connection = match tokio::time::timeout(self.wait_timeout, pool.get()).await {
            Ok(connection) => connection?,
            Err(elapsed) => return Err(Failure::new(StoreErrorKind::Unavailable, elapsed)),
        };
        let lock = Arc::clone(&self.lock);
        let result = tokio::task::spawn_blocking(move || {
            let result = run(&mut connection, begin, &arguments, query);
            drop(connection);
            drop(lock);
            result
        });
        Ok(result.await.map_err(|stopped| Failure::new(StoreErrorKind::Other, stopped))??)
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Does all that must be done once, while no other process can have the database open.
fn prepare(path: &Path) -> Result<(PathBuf, DatabaseLock), OpenError> {
    let (path, lock) = lock::take(path)?;
    let mut connection = connection::initialise(&path)?;
    migration::run(&mut connection, &path)?;
    release_claims(&mut connection).map_err(|source| OpenError::Setup { path: path.clone(), source: source.into() })?;
    drop(connection);
    lock::sync_parent(&path)?;
    Ok((path, lock))
}

/// Gives back the claims of a process that was killed, so that its clients can go on at once. The lock proves that no
/// writer is left.
fn release_claims(connection: &mut SqliteConnection) -> QueryResult<()> {
    diesel::update(uploads::table.filter(uploads::claim.is_not_null()))
        .set((uploads::claim.eq(None::<String>), uploads::claimed_until.eq(None::<i64>)))
        .execute(connection)?;
    Ok(())
}

/// Runs one transaction from begin to end on this thread.
fn run<A, T>(
    connection: &mut dialect::Connection,
    begin: &'static str,
    arguments: &A,
    query: Query<A, T>,
) -> QueryResult<T> {
    type Manager = <dialect::Connection as AsyncConnection>::TransactionManager;

    let transaction = async {
        connection
            .spawn_blocking(move |inner: &mut SqliteConnection| {
                AnsiTransactionManager::begin_transaction_sql(inner, begin)
            })
            .await?;
        match query(connection, arguments).await {
            Ok(value) => {
                Manager::commit_transaction(connection).await?;
                Ok(value)
            }
            Err(error) => {
                // The first error is the one to tell. A connection that cannot roll back is thrown away by its pool.
                Manager::rollback_transaction(connection).await.ok();
                Err(error)
            }
        }
    };
    transaction.now_or_never().expect("every statement of a `Connection` runs where it is called")
}
