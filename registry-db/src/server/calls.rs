//! Calls: transactions that are tried again where that may help.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool::managed::PoolError;
use diesel_async::SimpleAsyncConnection as _;
use registry_core::store::StoreErrorKind;
use tokio::time::{Instant, sleep, timeout_at};

use super::failed::{ConnectError, Failed, Meaning};
use super::pool::{Connector, Lease, Pool};
use super::{Dialect, Query};
use crate::config::ServerConfig;
use crate::error::Failure;

/// How often a call is tried where others are in the way.
const CONTENTION_ATTEMPTS_MAX: u32 = 12;
/// How often a call is tried after an error that is not known: its text may be in another language.
const UNKNOWN_ATTEMPTS_MAX: u32 = 3;
/// How long the first pause before another attempt is at most. Each further one may be twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How a call uses the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// It reads, by one statement.
    Statement,
    /// It reads.
    Read,
    /// It writes what must survive a power cut.
    Write,
    /// It writes what may be lost in a power cut, until a later `Write`.
    Relaxed,
}

/// Runs calls.
pub(super) struct Calls<D: Dialect> {
    pub(super) pool: Pool<D>,
    timeout: Duration,
    away_since: Mutex<Option<Instant>>,
}

impl<D: Dialect> Calls<D> {
    pub(super) fn new(dialect: Arc<D>, config: &ServerConfig) -> Self {
        let pool = Pool::builder(Connector(dialect)).max_size(config.connections.max(1)).build();
        let pool = pool.expect("a pool without timeouts of its own needs no runtime");
        Self { pool, timeout: config.timeout, away_since: Mutex::new(None) }
    }

    /// Runs a transaction, if need be several times, until it has happened, cannot happen, or took too long.
    pub(super) async fn run<A, T>(
        &self,
        access: Access,
        arguments: A,
        query: Query<D::Connection, A, T>,
    ) -> Result<T, Failure>
    where
        A: Send + Sync,
        T: Send,
    {
        let deadline = Instant::now() + self.timeout;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let failed = match timeout_at(deadline, self.attempt(access, &arguments, query)).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(failed)) => failed,
                Err(_) => return Err(self.too_late()),
            };
            let pause =
                FIRST_PAUSE.saturating_mul(1 << (attempts - 1).min(10)).min(LONGEST_PAUSE).mul_f64(fastrand::f64());
            if !self.is_worth_another(&failed, attempts) || Instant::now() + pause >= deadline {
                return Err(failed.into());
            }
            tracing::debug!(error = ?failed, attempts, "trying a transaction again");
            sleep(pause).await;
        }
    }

    fn is_worth_another(&self, failed: &Failed, attempts: u32) -> bool {
        match failed {
            Failed::Undone(Meaning::Contention, _) => attempts < CONTENTION_ATTEMPTS_MAX,
            Failed::Undone(Meaning::Unknown, _) => attempts < UNKNOWN_ATTEMPTS_MAX,
            // A server that was there a moment ago may be back in a moment.
            Failed::Undone(Meaning::Lost, _) | Failed::Unreachable(_) => {
                self.away_since().is_none_or(|since| since.elapsed() < self.timeout)
            }
            Failed::Undone(..) | Failed::Unanswered(_) => false,
        }
    }

    async fn attempt<A, T>(
        &self,
        access: Access,
        arguments: &A,
        query: Query<D::Connection, A, T>,
    ) -> Result<T, Failed> {
        let mut lease = Lease::<D>::new(self.pool.get().await.map_err(|error| self.unreachable(error))?);
        let (result, is_clean) = transact::<D, A, T>(lease.connection(), access, arguments, query).await;
        if is_clean {
            lease.give_back();
        }
        match &result {
            Ok(_) => *self.away_since() = None,
            // The others that are idle were most likely lost with it.
            Err(Failed::Undone(Meaning::Lost, _) | Failed::Unanswered(_)) => drop(self.pool.retain(|_, _| false)),
            Err(_) => {}
        }
        result
    }

    fn unreachable(&self, error: PoolError<ConnectError>) -> Failed {
        self.away_since().get_or_insert_with(Instant::now);
        Failed::Unreachable(match error {
            PoolError::Backend(error) => error,
            other => ConnectError::passing(other.to_string()),
        })
    }

    fn too_late(&self) -> Failure {
        let reason = format!("the database did not answer within {} ms", self.timeout.as_millis());
        Failure::new(StoreErrorKind::Unavailable, reason)
    }

    /// Since when nobody could connect.
    fn away_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.away_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs statements as one transaction. Returns as well whether the connection is as it was before.
async fn transact<D: Dialect, A, T>(
    connection: &mut D::Connection,
    access: Access,
    arguments: &A,
    query: Query<D::Connection, A, T>,
) -> (Result<T, Failed>, bool) {
    let undone = |error| Failed::Undone(D::meaning(&error), error);
    let begin = match access {
        Access::Statement => None,
        Access::Read => Some(D::BEGIN_READ),
        Access::Write => Some(D::BEGIN_WRITE),
        Access::Relaxed => Some(D::BEGIN_RELAXED),
    };
    if let Some(begin) = begin
        && let Err(error) = connection.batch_execute(begin).await
    {
        return (Err(undone(error)), false);
    }
    match (query(connection, arguments).await, access) {
        (Ok(value), Access::Statement) => (Ok(value), true),
        (Ok(value), Access::Read) => {
            let is_clean = connection.batch_execute("ROLLBACK").await.is_ok();
            (Ok(value), is_clean)
        }
        (Ok(value), Access::Write | Access::Relaxed) => match connection.batch_execute("COMMIT").await {
            Ok(()) => (Ok(value), true),
            Err(error) if D::meaning(&error) == Meaning::Contention => (Err(undone(error)), false),
            Err(error) => (Err(Failed::Unanswered(error)), false),
        },
        (Err(error), access) => {
            let failed = undone(error);
            let is_lost = matches!(failed, Failed::Undone(Meaning::Lost, _));
            let is_clean =
                !is_lost && (access == Access::Statement || connection.batch_execute("ROLLBACK").await.is_ok());
            (Err(failed), is_clean)
        }
    }
}
