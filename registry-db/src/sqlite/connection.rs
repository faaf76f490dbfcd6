//! Connections, and transactions on them.

use std::error::Error;
use std::path::Path;

use diesel::connection::{AnsiTransactionManager, SimpleConnection};
use diesel::sqlite::SqliteConnection;
use diesel::{Connection as _, ConnectionError, ConnectionResult, QueryResult, QueryableByName, RunQueryDsl};
use diesel_async::sync_connection_wrapper::{SpawnBlocking, SyncConnectionWrapper};
use diesel_async::{AsyncConnection, TransactionManager};
use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use crate::error::OpenError;

/// A connection with diesel-async's interface whose statements run where they are called.
pub(super) type Connection = SyncConnectionWrapper<SqliteConnection, InPlace>;

type Manager = <Connection as AsyncConnection>::TransactionManager;

/// What a connection is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    Reader,
    Writer,
}

/// Opens the file for the writer, creates it if need be, and turns on the write-ahead log.
///
/// Only with the lock held: SQLite does not wait its turn to change the journal mode.
pub(super) fn initialise(path: &Path) -> Result<SqliteConnection, OpenError> {
    #[derive(QueryableByName)]
    struct JournalMode {
        #[diesel(sql_type = diesel::sql_types::Text)]
        journal_mode: String,
    }

    let failed =
        |source: Box<dyn Error + Send + Sync>| OpenError::Setup { database: path.display().to_string(), source };
    let mut connection = establish(path, Role::Writer).map_err(|error| failed(error.into()))?;
    let mode: JournalMode = diesel::sql_query("PRAGMA journal_mode = WAL")
        .get_result(&mut connection)
        .map_err(|error| failed(error.into()))?;
    if mode.journal_mode == "wal" {
        Ok(connection)
    } else {
        Err(failed("its file system does not support SQLite's write-ahead log; expected a local file system".into()))
    }
}

/// Opens another connection to a database that has been initialised.
pub(super) fn open(path: &Path, role: Role) -> ConnectionResult<Connection> {
    Ok(wrap(establish(path, role)?))
}

/// Gives a connection diesel-async's interface.
pub(super) fn wrap(connection: SqliteConnection) -> Connection {
    SyncConnectionWrapper::with_runtime(connection, InPlace)
}

/// Others, such as a backup, may hold the file for a moment: they are waited for.
fn establish(path: &Path, role: Role) -> ConnectionResult<SqliteConnection> {
    // SQLite takes text that starts with `file:` for a URL; an absolute path never does.
    let url = path.to_str().filter(|_| path.is_absolute());
    let url = url.ok_or_else(|| ConnectionError::BadConnection("its path is not valid UTF-8".to_owned()))?;
    let mut connection = SqliteConnection::establish(url)?;
    let of_role = match role {
        Role::Reader => "PRAGMA query_only = ON;",
        // The writer moves the log into the database when nobody waits, and has to hear whether that went well.
        Role::Writer => "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;",
    };
    connection
        .batch_execute(&format!(
            "PRAGMA busy_timeout = 10000; PRAGMA foreign_keys = ON; PRAGMA journal_size_limit = 67108864; {of_role}"
        ))
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// Runs a statement that tells nothing.
pub(super) fn execute(connection: &mut Connection, statement: &'static str) -> QueryResult<()> {
    in_place(connection.spawn_blocking(move |inner| inner.batch_execute(statement)))
}

/// Begins a transaction with this statement.
pub(super) fn begin(connection: &mut Connection, statement: &'static str) -> QueryResult<()> {
    in_place(connection.spawn_blocking(move |inner| AnsiTransactionManager::begin_transaction_sql(inner, statement)))
}

/// Commits the transaction, or rolls it back and says why.
pub(super) fn commit(connection: &mut Connection) -> QueryResult<()> {
    in_place(Manager::commit_transaction(connection))
}

/// Rolls the transaction back, unless SQLite has done so by itself. A connection that cannot is broken from then on.
pub(super) fn roll_back(connection: &mut Connection) {
    in_place(Manager::rollback_transaction(connection)).ok();
}

/// Tells whether a connection is of no more use.
pub(super) fn is_broken(connection: &mut Connection) -> bool {
    Manager::is_broken_transaction_manager(connection)
}

/// Runs statements that are written as a future.
pub(super) fn in_place<T>(statements: impl Future<Output = T>) -> T {
    statements.now_or_never().expect("every statement of a `Connection` runs where it is called")
}

/// Runs statements on the calling thread, which for the length of a transaction is one that may block.
#[derive(Debug)]
pub(super) struct InPlace;

impl SpawnBlocking for InPlace {
    fn spawn_blocking<'a, R>(
        &mut self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> BoxFuture<'a, Result<R, Box<dyn Error + Send + Sync>>>
    where
        R: Send + 'static,
    {
        ready(Ok(task())).boxed()
    }

    fn get_runtime() -> Self {
        Self
    }
}
