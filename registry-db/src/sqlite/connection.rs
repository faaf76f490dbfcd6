//! Connections and their pools.

use std::error::Error;
use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection as _, ConnectionError, ConnectionResult, QueryableByName, RunQueryDsl};
use diesel_async::pooled_connection::deadpool;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::sync_connection_wrapper::{SpawnBlocking, SyncConnectionWrapper};
use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use crate::error::OpenError;

/// A connection with diesel-async's interface whose statements run where they are called.
pub(super) type Connection = SyncConnectionWrapper<SqliteConnection, InPlace>;

/// Connections that wait for work.
pub(super) type Pool = deadpool::Pool<Connection>;

/// What a connection is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    Reader,
    Writer,
}

/// Opens the file, creates it if need be, and turns on the write-ahead log.
///
/// Only with the lock held: SQLite does not wait its turn to change the journal mode.
pub(super) fn initialise(path: &Path) -> Result<SqliteConnection, OpenError> {
    #[derive(QueryableByName)]
    struct JournalMode {
        #[diesel(sql_type = diesel::sql_types::Text)]
        journal_mode: String,
    }

    let failed = |source: Box<dyn Error + Send + Sync>| OpenError::Setup { path: path.to_owned(), source };
    let mut connection = establish(&url(path)?, Role::Writer).map_err(|error| failed(error.into()))?;
    let mode: JournalMode = diesel::sql_query("PRAGMA journal_mode = WAL")
        .get_result(&mut connection)
        .map_err(|error| failed(error.into()))?;
    if mode.journal_mode == "wal" {
        Ok(connection)
    } else {
        Err(failed("its file system does not support SQLite's write-ahead log; expected a local file system".into()))
    }
}

/// Prepares a pool; its connections are opened when they are first needed.
pub(super) fn pool(path: &Path, size: usize, role: Role) -> Result<Pool, OpenError> {
    let mut config = ManagerConfig::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |url| {
        let url = url.to_owned();
        async move {
            let connection = tokio::task::spawn_blocking(move || establish(&url, role)).await;
            let connection = connection.map_err(|stopped| ConnectionError::BadConnection(stopped.to_string()))??;
            Ok(SyncConnectionWrapper::with_runtime(connection, InPlace))
        }
        .boxed()
    });
    Pool::builder(AsyncDieselConnectionManager::new_with_config(url(path)?, config))
        .max_size(size)
        .build()
        .map_err(|source| OpenError::Setup { path: path.to_owned(), source: source.into() })
}

/// Opens a connection. Others, such as a backup, may hold the file for a moment: they are waited for.
fn establish(url: &str, role: Role) -> ConnectionResult<SqliteConnection> {
    let mut connection = SqliteConnection::establish(url)?;
    connection
        .batch_execute(
            "PRAGMA busy_timeout = 10000; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
             PRAGMA journal_size_limit = 67108864;",
        )
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    if let Role::Reader = role {
        connection.batch_execute("PRAGMA query_only = ON;").map_err(ConnectionError::CouldntSetupConfiguration)?;
    }
    Ok(connection)
}

/// SQLite takes text that starts with `file:` for a URL; an absolute path never does.
fn url(path: &Path) -> Result<String, OpenError> {
    let url = path.to_str().filter(|_| path.is_absolute()).map(str::to_owned);
    url.ok_or_else(|| OpenError::Setup { path: path.to_owned(), source: "its path is not valid UTF-8".into() })
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
