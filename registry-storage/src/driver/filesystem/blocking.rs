//! Blocking system calls, away from the threads that serve.

use std::sync::Arc;

use registry_core::store::StoreErrorKind;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

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
        let worked = spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        worked.await.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(DriverError::new(StoreErrorKind::Unavailable, "use", "the blocking threads", error)),
        })
    }
}
