//! Where passwords are hashed: a few threads at a time, with a bounded queue before them.
//!
//! Hashing is made to be slow, so that whoever sends wrong passwords could keep every processor busy.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::auth::AuthenticateError;

/// How many may wait for their turn.
const QUEUE: usize = 256;
/// How long they wait.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct HashingPool {
    /// For those who wait and those whose turn it is.
    places: Semaphore,
    turns: Arc<Semaphore>,
}

impl HashingPool {
    /// Hashes on half of the processors: the others go on serving.
    pub(super) fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with_turns((processors / 2).max(1))
    }

    fn with_turns(turns: usize) -> Self {
        Self { places: Semaphore::new(QUEUE + turns), turns: Arc::new(Semaphore::new(turns)) }
    }

    /// Waits for a turn and then computes, unless `shortcut`, asked when the turn comes, has a result already. What was
    /// begun is finished, and keeps its turn, also if the caller goes away.
    ///
    /// # Errors
    /// [`AuthenticateError::Busy`] if too many wait or the turn does not come in time.
    pub(super) async fn run(
        &self,
        shortcut: impl FnOnce() -> bool,
        compute: impl FnOnce() -> bool + Send + 'static,
    ) -> Result<bool, AuthenticateError> {
        let _place = self.places.try_acquire().map_err(|_| AuthenticateError::Busy)?;
        let turn = timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(AuthenticateError::Busy) };
        if shortcut() {
            return Ok(true);
        }
        let computed = tokio::task::spawn_blocking(move || {
            let result = compute();
            drop(turn);
            result
        });
        // Only a runtime that shuts down does not run it.
        computed.await.map_err(|_| AuthenticateError::Busy)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_or_comes_too_late_is_sent_away() {
        let pool = Arc::new(HashingPool::with_turns(1));
        let (release, released) = channel::<()>();
        let holder = Arc::clone(&pool);
        let holder = tokio::spawn(async move { holder.run(|| false, move || released.recv().is_err()).await });
        while pool.turns.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let waiting: Vec<_> = (0..QUEUE)
            .map(|_| {
                let pool = Arc::clone(&pool);
                tokio::spawn(async move { pool.run(|| false, || true).await })
            })
            .collect();
        while pool.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.run(|| false, || true).await, Err(AuthenticateError::Busy), "the queue is full");
        // Blocking work stops the paused clock from running by itself.
        tokio::time::advance(PATIENCE * 2).await;
        for waiting in waiting {
            assert_eq!(waiting.await.unwrap(), Err(AuthenticateError::Busy));
        }
        drop(release);
        assert_eq!(holder.await.unwrap(), Ok(true));
        assert_eq!(pool.run(|| false, || true).await, Ok(true));
        assert_eq!(pool.run(|| true, || false).await, Ok(true), "the shortcut spares the work");
    }
}
