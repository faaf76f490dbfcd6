//! The least speed at which a peer has to move bytes, so that a stalled one does not hold resources for ever.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The least that has to move while the registry waits for a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// For how long the registry waits for [`min_bytes`](Self::min_bytes). Only the time counts in which it has nothing
    /// to do but to wait: a slow disk on our side is never held against the peer.
    pub window: Duration,
    /// How many bytes have to move within the window.
    pub min_bytes: u64,
}

impl Default for Pace {
    /// A minute of waiting for 60 KiB, which is 1 KiB per second.
    fn default() -> Self {
        Self { window: Duration::from_secs(60), min_bytes: 60 * 1024 }
    }
}

/// Measures one direction of one transfer against a [`Pace`].
#[derive(Debug)]
pub(super) struct PaceMeter {
    pace: Pace,
    /// What moved since the window began.
    moved: u64,
    /// For how long the peer was waited for since the window began, without the wait that goes on.
    waited: Duration,
    waiting_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl PaceMeter {
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, moved: 0, waited: Duration::ZERO, waiting_since: None, timer: None }
    }

    pub(super) fn pace(&self) -> Pace {
        self.pace
    }

    /// Notes that the peer moved `bytes` and is not waited for at the moment.
    pub(super) fn moved(&mut self, bytes: u64) {
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
        self.moved += bytes;
        if self.moved >= self.pace.min_bytes {
            self.restart();
        }
    }

    /// Begins a new window: the peer owes nothing.
    pub(super) fn restart(&mut self) {
        self.moved = 0;
        self.waited = Duration::ZERO;
        self.waiting_since = None;
    }

    /// Waits for the peer; ready once it was too slow.
    pub(super) fn poll_stalled(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.waiting_since.is_none() {
            let now = Instant::now();
            let deadline = now + self.pace.window.saturating_sub(self.waited);
            self.waiting_since = Some(now);
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(deadline),
                None => self.timer = Some(Box::pin(sleep_until(deadline))),
            }
        }
        match &mut self.timer {
            Some(timer) => timer.as_mut().poll(context),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::{advance, timeout};

    use super::*;

    const PACE: Pace = Pace { window: Duration::from_secs(60), min_bytes: 100 };

    async fn is_stalled(meter: &mut PaceMeter) -> bool {
        timeout(Duration::ZERO, poll_fn(|context| meter.poll_stalled(context))).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_stalled_after_the_window() {
        let mut meter = PaceMeter::new(PACE);
        assert!(!is_stalled(&mut meter).await);
        advance(Duration::from_secs(59)).await;
        assert!(!is_stalled(&mut meter).await);
        advance(Duration::from_secs(2)).await;
        assert!(is_stalled(&mut meter).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_is_not_progress() {
        let mut meter = PaceMeter::new(PACE);
        for _ in 0..3 {
            assert!(!is_stalled(&mut meter).await);
            advance(Duration::from_secs(19)).await;
            meter.moved(1);
        }
        assert!(!is_stalled(&mut meter).await);
        advance(Duration::from_secs(4)).await;
        assert!(is_stalled(&mut meter).await);
    }

    #[tokio::test(start_paused = true)]
    async fn enough_bytes_begin_a_new_window_and_our_own_time_does_not_count() {
        let mut meter = PaceMeter::new(PACE);
        for _ in 0..5 {
            assert!(!is_stalled(&mut meter).await);
            advance(Duration::from_secs(50)).await;
            meter.moved(100);
            advance(Duration::from_secs(500)).await;
        }
        assert!(!is_stalled(&mut meter).await);
    }
}
