//! Blocking system calls, away from the threads that serve.

use std::sync::Arc;

use registry_core::store::StoreErrorKind;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::error::{DriverError, DriverResult};

/// Runs blocking work on the runtime's blocking threads, so many at a time.
#[derive(Clone)]
pub(super) struct Blocking {
    permits: Arc<Semaphore>,
}

impl Blocking {
    pub(super) fn new(max_threads: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(max_threads.min(Semaphore::MAX_PERMITS))) }
    }

    /// Runs `work` to its end, even if the returned future is dropped once it has started.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> DriverResult<T> + Send + 'static,
    ) -> DriverResult<T> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed");
        Started::new(permit, work).result().await
    }

    /// Has `work` done beside the one that this is called from, by another thread if there is one to spare, else at once.
    pub(super) fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> DriverResult<T> + Send + 'static,
    ) -> Started<T> {
        match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => Started::new(permit, work),
            Err(_) => Started::Done(work()),
        }
    }
}

/// Work that goes on, or has ended, even if this is dropped.
pub(super) enum Started<T> {
    Elsewhere(JoinHandle<DriverResult<T>>),
    Done(DriverResult<T>),
}

impl<T: Send + 'static> Started<T> {
    fn new(permit: OwnedSemaphorePermit, work: impl FnOnce() -> DriverResult<T> + Send + 'static) -> Self {
        Self::Elsewhere(spawn_blocking(move || {
            let _permit = permit;
            work()
        }))
    }

    /// Waits for its end.
    pub(super) async fn result(self) -> DriverResult<T> {
        let worked = match self {
            Self::Elsewhere(handle) => handle.await,
            Self::Done(result) => return result,
        };
        worked.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(DriverError::new(StoreErrorKind::Unavailable, "use", "the blocking threads", error)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_beside_is_done_at_once_if_no_thread_is_to_spare() {
        for (threads, elsewhere) in [(1, false), (2, true)] {
            let blocking = Blocking::new(threads);
            let beside = blocking.clone();
            let started = blocking.run(move || Ok(beside.beside(|| Ok("done")))).await.unwrap();
            assert_eq!(matches!(started, Started::Elsewhere(_)), elsewhere, "{threads}");
            assert_eq!(started.result().await.unwrap(), "done");
        }
    }
}
