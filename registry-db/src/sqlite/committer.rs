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
