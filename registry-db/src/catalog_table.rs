//! A copy of the list of repositories in a table of a MySQL or MariaDB database, for programs that read it there.
//!
//! The table is `repositories (name, createTime)`, as the Sohu registry has it. It is compared with the catalog as a
//! whole, in the order of names, and only differences are written. So whatever happened to it, or while it could not be
//! reached, the next comparison makes it right, and no push waits for it. Several registries that share their metadata may
//! keep the same table: what one has written already is no difference to the others.

mod changes;
mod config;
mod pages;

use std::cmp::Ordering;
use std::future::Future;
use std::time::Duration;

use futures::TryStreamExt as _;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, DriverError, Error, Opts, OptsBuilder};
use registry_core::store::StoreError;
use registry_core::store::metadata::RepositoryStore;
use tokio::time::timeout;

use self::changes::Changes;
pub use self::config::{CatalogTableConfig, CatalogTableTls, MysqlAddress};
use self::pages::Pages;

/// In the order of bytes, whatever that of the column is. Naming both columns, it fails on any table that is not meant.
const LIST: &str = "SELECT name, createTime FROM repositories ORDER BY CAST(name AS BINARY)";
const CREATE: &str = "CREATE TABLE IF NOT EXISTS repositories (\
    name VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, \
    createTime BIGINT NOT NULL DEFAULT 0) ENGINE=InnoDB";
const NO_SUCH_TABLE: u16 = 1146;
const NO_SUCH_COLUMN: u16 = 1054;
const KEEPALIVE_MS: u32 = 10_000;

/// The table.
#[derive(Debug)]
pub struct CatalogTable {
    database: String,
    options: Opts,
    /// The same without encryption, where a server that has none is fine.
    unencrypted: Option<Opts>,
    connect_timeout: Duration,
    timeout: Duration,
}

/// What a comparison has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CatalogTableReport {
    /// How many repositories the table lacked.
    pub added: u64,
    /// How many names it had that are not in the catalog.
    pub removed: u64,
}

/// Why a table is not up to date.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogTableError {
    /// The database cannot be reached, or refuses the connection.
    #[error("cannot connect to database `{database}`")]
    Connect {
        /// The database.
        database: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Its table of this name holds something else, as in a registry's own database. Nothing was changed.
    #[error(
        "table `repositories` of database `{database}` has other columns; expected `name` and `createTime`, which a registry's own database does not have"
    )]
    OtherTable {
        /// The database.
        database: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A statement failed. What was written before it stays.
    #[error("cannot bring table `repositories` of database `{database}` up to date")]
    Statement {
        /// The database.
        database: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The catalog itself cannot be read.
    #[error("cannot list the repositories")]
    Catalog(#[source] StoreError),
}

impl CatalogTable {
    /// Names a table. Nobody is connected to yet.
    pub fn new(config: &CatalogTableConfig) -> Self {
        let options = |tls| {
            Opts::from(
                OptsBuilder::from_opts(config.options(tls)).tcp_keepalive(Some(KEEPALIVE_MS)).prefer_socket(false),
            )
        };
        Self {
            database: config.to_string(),
            options: options(config.tls),
            unencrypted: (config.tls == CatalogTableTls::Preferred).then(|| options(CatalogTableTls::Disabled)),
            connect_timeout: config.connect_timeout,
            timeout: config.timeout,
        }
    }

    /// Makes the table list what the catalog lists, and creates it if it is not there.
    ///
    /// It takes two connections, reads table and catalog once, holds no more than some hundred names of either in memory,
    /// and no lock while it reads. It waits for the server no longer than the timeouts say at each step. Repositories that
    /// come or go meanwhile may be left to the next time. Must be called within a tokio runtime with time enabled.
    ///
    /// # Errors
    /// All of [`CatalogTableError`]; after any of them it can be called again.
    pub async fn update(&self, catalog: &dyn RepositoryStore) -> Result<CatalogTableReport, CatalogTableError> {
        let (mut reader, mut writer) = (self.connect().await?, self.connect().await?);
        let report = match self.compare(&mut reader, &mut writer, catalog).await {
            Err(CatalogTableError::Statement { source, .. }) if code(&*source) == Some(NO_SUCH_TABLE) => {
                self.within(writer.query_drop(CREATE)).await?;
                self.compare(&mut reader, &mut writer, catalog).await?
            }
            compared => compared?,
        };
        // All is written, whatever comes of this.
        let _ = self.within(reader.disconnect()).await;
        let _ = self.within(writer.disconnect()).await;
        Ok(report)
    }

    async fn compare(
        &self,
        reader: &mut Conn,
        writer: &mut Conn,
        catalog: &dyn RepositoryStore,
    ) -> Result<CatalogTableReport, CatalogTableError> {
        // First the table: what is in it and then not in the catalog was removed, and not just added by another registry.
        let mut rows = self.within(reader.query_stream::<(Vec<u8>, i64), _>(LIST)).await?;
        let mut names = Pages::new(catalog);
        let mut changes = Changes::default();
        let (mut row, mut name) = (self.within(rows.try_next()).await?, names.next().await?);
        loop {
            let order = match (&name, &row) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(name), Some((listed, _))) => name.as_str().as_bytes().cmp(listed),
            };
            if order.is_le() {
                let listed = std::mem::replace(&mut name, names.next().await?);
                changes.add(listed.filter(|_| order.is_lt()));
            }
            if order.is_ge() {
                let listed = std::mem::replace(&mut row, self.within(rows.try_next()).await?);
                changes.remove(listed.filter(|_| order.is_gt()).map(|(name, _)| name));
            }
            if changes.are_many() {
                self.within(changes.write(writer)).await?;
            }
        }
        self.within(changes.write(writer)).await?;
        Ok(changes.report())
    }

    async fn connect(&self) -> Result<Conn, CatalogTableError> {
        let refused = |source| CatalogTableError::Connect { database: self.database.clone(), source: Box::new(source) };
        let connect = async {
            match (Conn::new(self.options.clone()).await, &self.unencrypted) {
                (Err(Error::Driver(DriverError::NoClientSslFlagFromServer)), Some(unencrypted)) => {
                    Conn::new(unencrypted.clone()).await
                }
                (connected, _) => connected,
            }
        };
        match timeout(self.connect_timeout, connect).await {
            Ok(connected) => connected.map_err(refused),
            Err(elapsed) => Err(CatalogTableError::Connect { database: self.database.clone(), source: elapsed.into() }),
        }
    }

    /// Waits for an answer, but not for ever.
    async fn within<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, CatalogTableError> {
        let source: Box<dyn std::error::Error + Send + Sync> = match timeout(self.timeout, answer).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error.into(),
            Err(elapsed) => elapsed.into(),
        };
        let database = self.database.clone();
        Err(if code(&*source) == Some(NO_SUCH_COLUMN) {
            CatalogTableError::OtherTable { database, source }
        } else {
            CatalogTableError::Statement { database, source }
        })
    }
}

/// Returns the server's number of an error.
fn code(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Option<u16> {
    match error.downcast_ref() {
        Some(Error::Server(error)) => Some(error.code),
        _ => None,
    }
}
