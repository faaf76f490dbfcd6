//! Databases that run as servers, and that several processes share.
//!
//! A call takes a connection from a pool, runs as one transaction in a task of its own, and gives the connection back. A
//! caller that goes away leaves the transaction to run to its end. What went wrong for a reason that passes, such as a
//! deadlock or a connection that was lost, is tried again (`calls.rs`), but never once `COMMIT` was sent and not
//! answered: nobody knows then whether it happened, and that is for the caller to find out.
//!
//! Others write to the database as well, so nothing of it is kept in memory.

mod calls;
mod failed;
mod pool;
mod start;
#[cfg(test)]
mod tests;
mod tls;
pub(crate) mod words;

use std::fmt;
use std::sync::Arc;

use diesel::result::QueryResult;
use diesel_async::AsyncConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use futures::future::BoxFuture;
use registry_core::store::StoreErrorKind;
use registry_core::store::gc::BlobHolds;

use self::calls::{Access, Calls};
pub(crate) use self::failed::{ConnectError, Meaning, meaning_of_text};
pub(crate) use self::tls::authorities;
use crate::begun::BegunUploads;
use crate::cache::{Cache, Subject};
use crate::config::DatabaseConfig;
use crate::error::{Failure, OpenError};

/// What one kind of server does in its own way.
pub(crate) trait Dialect: fmt::Debug + Send + Sync + 'static {
    /// A connection, ready for use.
    type Connection: AsyncConnection + Send + 'static;

    /// Begins a transaction that sees one state and changes nothing.
    const BEGIN_READ: &'static str;
    /// Begins a transaction that survives a power cut.
    const BEGIN_WRITE: &'static str;
    /// Begins a transaction that survives a power cut once a later one does.
    const BEGIN_RELAXED: &'static str;

    /// Connects, and sets up the session.
    fn connect(&self) -> BoxFuture<'_, Result<Self::Connection, ConnectError>>;

    /// Waits until nobody else migrates, and keeps others from it until the connection is closed.
    fn lock_schema(connection: &mut Self::Connection) -> BoxFuture<'_, QueryResult<()>>;

    /// Brings the schema up to date. Blocks the thread.
    fn migrate(connection: AsyncConnectionWrapper<Self::Connection>, database: &str) -> Result<(), OpenError>;

    /// Finds the settings by which the server may lose what it acknowledged, each with what it means.
    fn hazards(connection: &mut Self::Connection) -> BoxFuture<'_, QueryResult<Vec<String>>>;

    /// Tells what an error means.
    fn meaning(error: &diesel::result::Error) -> Meaning;
}

/// Statements of one transaction, apart from what they are told. They may run more than once.
pub(crate) type Query<C, A, T> = for<'c> fn(&'c mut C, &'c A) -> BoxFuture<'c, QueryResult<T>>;

/// Metadata in a database that a server has.
pub(crate) struct ServerStore<D: Dialect> {
    /// Keeps nothing: answers could be older than what another process wrote.
    pub(crate) cache: Cache,
    /// Keeps nothing: another process may be asked to go on with an upload.
    pub(crate) begun: BegunUploads,
    /// What this process puts in place and deletes; other processes see it in the database.
    pub(crate) holds: BlobHolds,
    calls: Arc<Calls<D>>,
    database: String,
}

impl<D: Dialect> ServerStore<D> {
    /// Connects to the database and brings it up to date.
    pub(crate) async fn open(dialect: D, config: &DatabaseConfig) -> Result<Self, OpenError> {
        let database = config.url.to_string();
        let dialect = Arc::new(dialect);
        start::prepare(&*dialect, &database, config.server.start_timeout).await?;
        let calls = Arc::new(Calls::new(dialect, &config.server));
        Ok(Self { cache: Cache::new(0), begun: BegunUploads::new(0), holds: BlobHolds::default(), calls, database })
    }

    /// Runs statements that only read. They see one state of the database.
    pub(crate) async fn read<A, T>(&self, arguments: A, query: Query<D::Connection, A, T>) -> Result<T, Failure>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.run(Access::Read, arguments, query).await
    }

    /// Runs one statement that only reads.
    pub(crate) async fn read_once<A, T>(&self, arguments: A, query: Query<D::Connection, A, T>) -> Result<T, Failure>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.run(Access::Statement, arguments, query).await
    }

    /// Runs statements of which all happen or none, and which survive a power cut.
    pub(crate) async fn write<'a, A, T>(
        &self,
        subjects: impl IntoIterator<Item = Subject<'a>>,
        arguments: A,
        query: Query<D::Connection, A, T>,
    ) -> Result<T, Failure>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        drop(subjects);
        self.run(Access::Write, arguments, query).await
    }

    /// Runs statements of which all happen or none, which survive a power cut once a later `write` has returned.
    pub(crate) async fn write_relaxed<A, T>(
        &self,
        arguments: A,
        query: Query<D::Connection, A, T>,
    ) -> Result<T, Failure>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.run(Access::Relaxed, arguments, query).await
    }

    async fn run<A, T>(&self, access: Access, arguments: A, query: Query<D::Connection, A, T>) -> Result<T, Failure>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let calls = Arc::clone(&self.calls);
        let call = tokio::spawn(async move { calls.run(access, arguments, query).await });
        call.await.map_err(|stopped| Failure::new(StoreErrorKind::Other, stopped))?
    }
}

impl<D: Dialect> fmt::Debug for ServerStore<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerStore").field("database", &self.database).finish_non_exhaustive()
    }
}
