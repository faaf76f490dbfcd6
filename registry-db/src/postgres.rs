//! PostgreSQL: a database that several processes share.
//!
//! Transactions that write are `READ COMMITTED`, and lock the rows whose state they rely on; those that read see one
//! snapshot. `lock!` is `FOR NO KEY UPDATE`, so that it does not wait for rows elsewhere that refer to the locked one.

mod connection;
mod error;
#[path = "store/mod.rs"]
mod store;

use std::fmt;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::Text;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection as _};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use futures::FutureExt as _;
use futures::future::BoxFuture;

pub(crate) use self::connection::{Postgres, parse};
use crate::error::OpenError;
use crate::migration;
use crate::server::{ConnectError, Dialect, Meaning, ServerStore};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// The words in which databases differ; the queries in `store` use no others.
mod dialect {
    pub(super) type Store = super::ServerStore<super::Postgres>;
    pub(super) type Connection = diesel_async::AsyncPgConnection;
    pub(super) type Backend = diesel::pg::Pg;

    /// Whether other processes write to the database as well.
    pub(super) const IS_SHARED: bool = true;

    /// Names the unique key that an `ON CONFLICT` clause is about.
    pub(super) fn conflict_key<T>(columns: T) -> T {
        columns
    }

    /// Reads rows and keeps others from changing them until the transaction ends.
    macro_rules! lock {
        ($query:expr) => {
            $query.for_no_key_update()
        };
    }

    /// Reads rows like `lock!`, but leaves out those that others keep.
    macro_rules! lock_next {
        ($query:expr) => {
            $query.for_no_key_update().skip_locked()
        };
    }

    /// Reads rows and keeps others from changing them until the transaction ends, but lets others do the same.
    macro_rules! share {
        ($query:expr) => {
            $query.for_share()
        };
    }

    pub(super) use crate::server::words::{insert_all, later};
    pub(super) use {lock, lock_next, share};
}

impl Dialect for Postgres {
    type Connection = AsyncPgConnection;

    const BEGIN_READ: &'static str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    const BEGIN_WRITE: &'static str = "BEGIN ISOLATION LEVEL READ COMMITTED";
    const BEGIN_RELAXED: &'static str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = off";

    fn connect(&self) -> BoxFuture<'_, Result<AsyncPgConnection, ConnectError>> {
        self.establish().boxed()
    }

    fn lock_schema(connection: &mut AsyncPgConnection) -> BoxFuture<'_, QueryResult<()>> {
        // The number only has to be the same everywhere.
        const LOCK: &str = "SET lock_timeout = 0; SET statement_timeout = 0; SELECT pg_advisory_lock(4922016731)";
        connection.batch_execute(LOCK).boxed()
    }

    fn migrate(mut connection: AsyncConnectionWrapper<AsyncPgConnection>, database: &str) -> Result<(), OpenError> {
        migration::run::<_, Pg>(&mut connection, MIGRATIONS, database)
    }

    fn hazards(connection: &mut AsyncPgConnection) -> BoxFuture<'_, QueryResult<Vec<String>>> {
        async move {
            const SETTINGS: &str = "SELECT name, setting FROM pg_settings \
                WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' ORDER BY name";
            let off: Vec<Setting> = diesel::sql_query(SETTINGS).load(connection).await?;
            Ok(off.into_iter().map(|Setting { name, setting }| format!("{name} is {setting}; expected on")).collect())
        }
        .boxed()
    }

    fn meaning(error: &diesel::result::Error) -> Meaning {
        error::meaning(error)
    }
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    setting: String,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}
