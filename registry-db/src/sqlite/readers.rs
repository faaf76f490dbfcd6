//! The connections that read.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::{ConnectionResult, QueryResult};
use registry_core::store::StoreErrorKind;
use tokio::sync::Semaphore;

use super::Query;
use super::connection::{self, Connection, Role};
use super::lock::DatabaseLock;
use crate::error::Failure;

/// Runs reads, so many at once, each on a connection of its own.
#[derive(Debug)]
pub(super) struct Readers {
    pub(super) idle: Arc<Idle>,
    places: Arc<Semaphore>,
    wait_timeout: Duration,
    lock: Arc<DatabaseLock>,
}

impl Readers {
    /// Opens no connection: each is opened when it is first needed.
    pub(super) fn new(path: PathBuf, readers: usize, wait_timeout: Duration, lock: Arc<DatabaseLock>) -> Self {
        let places = Arc::new(Semaphore::new(readers.clamp(1, Semaphore::MAX_PERMITS)));
        Self { idle: Arc::new(Idle { path, connections: Mutex::default() }), places, wait_timeout, lock }
    }

    /// Runs statements on one state of the database.
    pub(super) async fn read<A, T>(&self, arguments: A, query: Query<A, T>) -> Result<T, Failure>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let place = tokio::time::timeout(self.wait_timeout, Arc::clone(&self.places).acquire_owned()).await;
        let place = place.map_err(|elapsed| Failure::new(StoreErrorKind::Unavailable, elapsed))?;
        let (idle, lock) = (Arc::clone(&self.idle), Arc::clone(&self.lock));
        let result = tokio::task::spawn_blocking(move || {
            let result = idle.read(&arguments, query);
            // In this order: the place promises a connection, and the lock outlives all of them.
            drop((idle, place, lock));
            result
        });
        result.await.map_err(|stopped| Failure::new(StoreErrorKind::Other, stopped))?
    }
}

/// The connections that nobody uses at the moment.
pub(super) struct Idle {
    path: PathBuf,
    connections: Mutex<Vec<Connection>>,
}

impl Idle {
    /// Returns a connection that is idle, or opens one.
    pub(super) fn take(&self) -> ConnectionResult<Connection> {
        let idle = self.connections.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| connection::open(&self.path, Role::Reader), Ok)
    }

    /// Keeps a connection for the next read, unless it is broken.
    pub(super) fn give_back(&self, mut connection: Connection) {
        if !connection::is_broken(&mut connection) {
            self.connections.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }

    fn read<A, T>(&self, arguments: &A, query: Query<A, T>) -> Result<T, Failure> {
        let mut connection = self.take()?;
        let result = read(&mut connection, arguments, query);
        self.give_back(connection);
        Ok(result?)
    }
}

impl fmt::Debug for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idle").field("path", &self.path).finish_non_exhaustive()
    }
}

fn read<A, T>(connection: &mut Connection, arguments: &A, query: Query<A, T>) -> QueryResult<T> {
    connection::begin(connection, "BEGIN")?;
    let result = connection::in_place(query(connection, arguments));
    // There is nothing to commit: this only lets go of the state that was read.
    connection::roll_back(connection);
    result
}
