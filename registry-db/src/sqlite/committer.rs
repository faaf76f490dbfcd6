//! The connection that writes, and the write-ahead log behind it.
//!
//! A commit appends to the log, and with `synchronous=FULL` syncs it before it shows. With `NORMAL` it does not, and the
//! next `FULL` commit syncs both: so what nobody was promised costs no sync of its own.
//!
//! When a sync fails, the system may forget what it could not write. SQLite writes the failed transaction's part of the
//! log anew, but not what earlier `NORMAL` commits left there, and a log with a gap ends at the gap. So before anything
//! else is committed, the whole log is moved into the database, and that is synced, and a new log begins.

use std::path::PathBuf;

use diesel::prelude::*;
use diesel::sql_types::Integer;
use registry_core::store::StoreErrorKind;

use super::connection::{self, Connection, Role};
use crate::error::Failure;

/// How many pages the log may have before it is moved into the database when there is nothing else to do.
const LONG_LOG_PAGES: i32 = 1000;
/// How many pages the log may have before it is moved into the database in any case.
const LONGEST_LOG_PAGES: i32 = 16_000;
/// After how many transactions the log's length is looked at.
const TRANSACTIONS_PER_LOOK: u32 = 16;

/// Whether a transaction has to survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Durability {
    /// It survives the end of the process, and a power cut if a synced transaction has followed it.
    Relaxed,
    /// It survives a power cut.
    Synced,
}

/// Commits one transaction after the other.
pub(super) struct Committer {
    path: PathBuf,
    /// Opened anew when the last one could not roll back.
    connection: Option<Connection>,
    durability: Durability,
    log_has_gap: bool,
    transactions_since_look: u32,
}

impl Committer {
    /// Takes a connection with `synchronous=FULL`.
    pub(super) fn new(path: PathBuf, connection: SqliteConnection) -> Self {
        Self {
            path,
            connection: Some(connection::wrap(connection)),
            durability: Durability::Synced,
            log_has_gap: false,
            transactions_since_look: 0,
        }
    }

    /// Runs statements as one transaction. After an error nothing of it happened.
    pub(super) fn run(
        &mut self,
        durability: Durability,
        statements: impl FnOnce(&mut Connection) -> QueryResult<()>,
    ) -> Result<(), Failure> {
        if self.log_has_gap {
            self.begin_log_anew()?;
        }
        self.set_durability(durability)?;
        let connection = self.connection()?;
        connection::begin(connection, "BEGIN IMMEDIATE")?;
        if let Err(error) = statements(connection) {
            // The first error is the one to tell.
            connection::roll_back(connection);
            return Err(error.into());
        }
        let committed = connection::commit(connection).map_err(Failure::from);
        self.transactions_since_look += 1;
        committed.inspect_err(|failure| self.after_failed_sync(failure))
    }

    /// Moves the log into the database if it is long. Readers that are at work on the log's end keep a part of it.
    pub(super) fn shorten_log(&mut self, is_idle: bool) {
        if self.transactions_since_look < TRANSACTIONS_PER_LOOK {
            return;
        }
        self.transactions_since_look = 0;
        let limit = if is_idle { LONG_LOG_PAGES } else { LONGEST_LOG_PAGES };
        let shortened = self.checkpoint("NOOP").and_then(|state| {
            if state.log - state.checkpointed >= limit { self.checkpoint("PASSIVE").map(drop) } else { Ok(()) }
        });
        if let Err(failure) = shortened {
            let database = self.path.display();
            let error = failure.source();
            tracing::warn!(%database, error, "the write-ahead log could not be moved into the database; trying again");
            self.after_failed_sync(&failure);
        }
    }

    /// Closes the connection.
    pub(super) fn close(&mut self) {
        self.connection = None;
    }

    /// Whether it was a sync that failed cannot be told. A disk without room is noticed earlier, when nothing is lost.
    fn after_failed_sync(&mut self, failure: &Failure) {
        self.log_has_gap |= failure.kind() != StoreErrorKind::OutOfSpace;
    }

    fn begin_log_anew(&mut self) -> Result<(), Failure> {
        if self.checkpoint("TRUNCATE")?.busy != 0 {
            let reason = "reads keep the write-ahead log from being begun anew after a failed sync";
            return Err(Failure::new(StoreErrorKind::Unavailable, reason));
        }
        self.log_has_gap = false;
        Ok(())
    }

    fn checkpoint(&mut self, mode: &str) -> Result<Checkpoint, Failure> {
        let statement = diesel::sql_query(format!("PRAGMA wal_checkpoint({mode})"));
        let connection = self.connection()?;
        Ok(connection::in_place(connection.spawn_blocking(move |inner| statement.get_result(inner)))?)
    }

    fn set_durability(&mut self, durability: Durability) -> Result<(), Failure> {
        // A connection that is opened here begins with what it is set to then.
        self.connection()?;
        if self.durability != durability {
            let statement = match durability {
                Durability::Relaxed => "PRAGMA synchronous = NORMAL",
                Durability::Synced => "PRAGMA synchronous = FULL",
            };
            connection::execute(self.connection()?, statement)?;
            self.durability = durability;
        }
        Ok(())
    }

    /// Returns the connection, or a new one if it is broken.
    pub(super) fn connection(&mut self) -> Result<&mut Connection, Failure> {
        if self.connection.as_mut().is_some_and(connection::is_broken) {
            self.connection = None;
        }
        match &mut self.connection {
            Some(connection) => Ok(connection),
            none => {
                self.durability = Durability::Synced;
                Ok(none.insert(connection::open(&self.path, Role::Writer)?))
            }
        }
    }
}

/// What a checkpoint answers: pages in the log, and how many of them are in the database.
#[derive(QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = Integer)]
    busy: i32,
    #[diesel(sql_type = Integer)]
    log: i32,
    #[diesel(sql_type = Integer)]
    checkpointed: i32,
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;
    use registry_core::store::metadata::RepositoryStore;
    use tempfile::TempDir;

    use super::*;
    use crate::config::{DatabaseConfig, DatabaseUrl};
    use crate::sqlite::SqliteStore;

    async fn store() -> (SqliteStore, TempDir) {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("registry.db");
        let config = DatabaseConfig::new(DatabaseUrl::Sqlite(path.clone()));
        (SqliteStore::open(&path, &config).await.unwrap(), directory)
    }

    #[derive(QueryableByName)]
    struct Synchronous {
        #[diesel(sql_type = Integer)]
        synchronous: i32,
    }

    fn synchronous(committer: &mut Committer, durability: Durability) -> i32 {
        let mut seen = None;
        let read = |connection: &mut Connection| {
            let statement = diesel::sql_query("PRAGMA synchronous");
            let read = connection.spawn_blocking(move |inner| statement.get_result::<Synchronous>(inner));
            seen = Some(connection::in_place(read)?.synchronous);
            Ok(())
        };
        committer.run(durability, read).unwrap();
        seen.unwrap()
    }

    #[tokio::test]
    async fn what_was_promised_is_synced() {
        let (store, _directory) = store().await;
        let committer = &mut *store.writer.shared.committer();
        for (durability, expected) in [
            (Durability::Synced, 2),
            (Durability::Relaxed, 1),
            (Durability::Relaxed, 1),
            (Durability::Synced, 2),
            (Durability::Relaxed, 1),
        ] {
            assert_eq!(synchronous(committer, durability), expected, "{durability:?}");
        }
        committer.close();
        assert_eq!(synchronous(committer, Durability::Synced), 2, "after the connection was opened anew");
    }

    fn create_repository(connection: &mut Connection) -> QueryResult<()> {
        connection::execute(connection, "INSERT INTO repositories (name, listed, created_at) VALUES ('a', true, 0)")
    }

    #[tokio::test]
    async fn after_a_failed_sync_the_log_is_begun_anew_before_anything_is_committed() {
        let (store, _directory) = store().await;
        {
            let mut committer = store.writer.shared.committer();
            committer.run(Durability::Relaxed, create_repository).unwrap();
            connection::execute(committer.connection().unwrap(), "PRAGMA busy_timeout = 10").unwrap();
            committer.after_failed_sync(&Failure::new(StoreErrorKind::OutOfSpace, "full"));
            assert!(!committer.log_has_gap, "a full disk loses nothing");
            committer.after_failed_sync(&Failure::new(StoreErrorKind::Unavailable, "disk I/O error"));

            // A reader that is at work on the log.
            let mut reader = store.readers.idle.take().unwrap();
            let read = "BEGIN; SELECT * FROM repositories;";
            connection::in_place(reader.spawn_blocking(|inner| inner.batch_execute(read))).unwrap();
            let blocked = committer.run(Durability::Synced, |_| panic!("nothing may be written")).unwrap_err();
            assert_eq!(blocked.kind(), StoreErrorKind::Unavailable);
            drop(reader);

            committer.run(Durability::Synced, |_| Ok(())).unwrap();
            let state = committer.checkpoint("NOOP").unwrap();
            assert_eq!((state.log, state.checkpointed), (0, 0), "the old log is still in use");
            assert!(!committer.log_has_gap);
        }
        assert_eq!(store.repositories(None, 10).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_long_log_is_moved_into_the_database_when_there_is_nothing_else_to_do() {
        let (store, _directory) = store().await;
        let committer = &mut *store.writer.shared.committer();
        let fill = |connection: &mut Connection| {
            let pages = LONG_LOG_PAGES + 10;
            let fill = format!("CREATE TABLE filling AS SELECT zeroblob({pages} * 4096) AS filling");
            connection::in_place(connection.spawn_blocking(move |inner| inner.batch_execute(&fill)))
        };
        committer.run(Durability::Synced, fill).unwrap();
        committer.transactions_since_look = TRANSACTIONS_PER_LOOK;
        committer.shorten_log(false);
        let moved = |committer: &mut Committer| committer.checkpoint("NOOP").unwrap().checkpointed;
        assert_eq!(moved(committer), 0, "while others wait");
        committer.shorten_log(true);
        assert_eq!(moved(committer), 0, "before it is time to look again");
        committer.transactions_since_look = TRANSACTIONS_PER_LOOK;
        committer.shorten_log(true);
        assert!(moved(committer) > LONG_LOG_PAGES);
    }
}
