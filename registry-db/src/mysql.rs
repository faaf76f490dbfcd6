//! MySQL and MariaDB: a database that several processes share.
//!
//! Transactions that write are `READ COMMITTED`, so that there are no locks on gaps, and lock the rows whose state they
//! rely on; those that read see one snapshot.

mod connection;
mod error;
mod share;
#[path = "store/mod.rs"]
mod store;

use std::fmt;

use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::{Integer, Nullable, Text};
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::{AsyncMysqlConnection, RunQueryDsl, SimpleAsyncConnection as _};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use futures::FutureExt as _;
use futures::future::BoxFuture;

pub(crate) use self::connection::{Mysql, parse};
use crate::error::OpenError;
use crate::migration;
use crate::server::{ConnectError, Dialect, Meaning, ServerStore};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/mysql");
/// How long to wait while another process migrates.
const SCHEMA_LOCK_SECONDS: u32 = 600;

/// The words in which databases differ; the queries in `store` use no others.
mod dialect {
    use diesel::dsl::DuplicatedKeys;

    pub(super) type Store = super::ServerStore<super::Mysql>;
    pub(super) type Connection = diesel_async::AsyncMysqlConnection;
    pub(super) type Backend = diesel::mysql::Mysql;

    /// Whether other processes write to the database as well.
    pub(super) const IS_SHARED: bool = true;

    /// Names the unique key that an upsert is about: to MySQL it is whichever there is.
    pub(super) fn conflict_key<T>(_: T) -> DuplicatedKeys {
        DuplicatedKeys
    }

    /// Reads rows and keeps others from changing them until the transaction ends.
    macro_rules! lock {
        ($query:expr) => {
            $query.for_update()
        };
    }

    /// Reads rows like `lock!`, but leaves out those that others keep.
    macro_rules! lock_next {
        ($query:expr) => {
            $query.for_update().skip_locked()
        };
    }

    /// Reads rows and keeps others from changing them until the transaction ends, but lets others do the same.
    macro_rules! share {
        ($query:expr) => {
            crate::mysql::share::Shared($query)
        };
    }

    pub(super) use crate::server::words::{insert_all, later};
    pub(super) use {lock, lock_next, share};
}

impl Dialect for Mysql {
    type Connection = AsyncMysqlConnection;

    const BEGIN_READ: &'static str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION READ ONLY";
    const BEGIN_WRITE: &'static str = "START TRANSACTION";
    const BEGIN_RELAXED: &'static str = Self::BEGIN_WRITE;

    fn connect(&self) -> BoxFuture<'_, Result<AsyncMysqlConnection, ConnectError>> {
        self.establish().boxed()
    }

    fn lock_schema(connection: &mut AsyncMysqlConnection) -> BoxFuture<'_, QueryResult<()>> {
        async move {
            // Locks belong to the whole server, and their names have at most 64 characters.
            let lock =
                format!("SELECT GET_LOCK(CONCAT('registry schema ', SHA1(DATABASE())), {SCHEMA_LOCK_SECONDS}) AS got");
            connection.batch_execute("/*M!100100 SET SESSION max_statement_time = 0 */").await?;
            let lock: Lock = diesel::sql_query(lock).get_result(connection).await?;
            if lock.got == Some(1) { Ok(()) } else { Err(diesel::result::Error::QueryBuilderError(NOT_LOCKED.into())) }
        }
        .boxed()
    }

    fn migrate(mut connection: AsyncConnectionWrapper<AsyncMysqlConnection>, database: &str) -> Result<(), OpenError> {
        migration::run::<_, diesel::mysql::Mysql>(&mut connection, MIGRATIONS, database)
    }

    fn hazards(connection: &mut AsyncMysqlConnection) -> BoxFuture<'_, QueryResult<Vec<String>>> {
        async move {
            const SETTINGS: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN \
                ('innodb_doublewrite', 'innodb_flush_log_at_trx_commit', 'log_bin', 'sync_binlog')";
            let settings: Vec<Setting> = diesel::sql_query(SETTINGS).load(connection).await?;
            Ok(hazards(&settings))
        }
        .boxed()
    }

    fn meaning(error: &diesel::result::Error) -> Meaning {
        error::meaning(error)
    }
}

const NOT_LOCKED: &str = "another process has been migrating the database for too long";

#[derive(QueryableByName)]
struct Lock {
    #[diesel(sql_type = Nullable<Integer>)]
    got: Option<i32>,
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text, column_name = "Variable_name")]
    name: String,
    #[diesel(sql_type = Text, column_name = "Value")]
    value: String,
}

/// Tells which settings let the server lose what it has acknowledged.
fn hazards(settings: &[Setting]) -> Vec<String> {
    let is = |name: &str, value: &str| settings.iter().any(|setting| setting.name == name && setting.value == value);
    settings
        .iter()
        .filter_map(|Setting { name, value }| {
            let expected = match name.as_str() {
                "innodb_doublewrite" if value == "OFF" => "ON",
                "innodb_flush_log_at_trx_commit" if value != "1" => "1",
                "sync_binlog" if value != "1" && is("log_bin", "ON") => "1",
                _ => return None,
            };
            Some(format!("{name} is {value}; expected {expected}"))
        })
        .collect()
}

impl fmt::Debug for Mysql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mysql").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_lose_data_are_found() {
        let found = |settings: &[(&str, &str)]| {
            let settings: Vec<Setting> =
                settings.iter().map(|(name, value)| Setting { name: (*name).into(), value: (*value).into() }).collect();
            hazards(&settings)
        };
        assert_eq!(
            found(&[
                ("innodb_doublewrite", "ON"),
                ("innodb_flush_log_at_trx_commit", "1"),
                ("log_bin", "OFF"),
                ("sync_binlog", "0"),
            ]),
            [""; 0]
        );
        assert_eq!(
            found(&[
                ("innodb_doublewrite", "OFF"),
                ("innodb_flush_log_at_trx_commit", "2"),
                ("log_bin", "ON"),
                ("sync_binlog", "0"),
            ]),
            [
                "innodb_doublewrite is OFF; expected ON",
                "innodb_flush_log_at_trx_commit is 2; expected 1",
                "sync_binlog is 0; expected 1",
            ]
        );
    }
}
