//! Asking again.

use std::time::Duration;

use super::error::ExchangeError;

const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a store may ask to be left alone; one that wants more is told of as unavailable.
const LONGEST_WISH: Duration = Duration::from_secs(20);

/// How often one thing is asked for, and how long is waited.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// How often, all in all; 0 counts as 1.
    pub(crate) attempts: u32,
    /// About how long before the second attempt; before each further one it is twice as long, up to some seconds.
    pub(crate) first_pause: Duration,
    /// How long an answer may take, besides the time for the body of its request.
    pub(crate) patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { attempts: 6, first_pause: Duration::from_millis(200), patience: Duration::from_secs(30) }
    }
}

/// The attempts at one thing.
#[derive(Debug)]
pub(crate) struct Retry {
    pace: Pace,
    failed: u32,
    renewed: bool,
    followed: bool,
}

impl Retry {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, failed: 0, renewed: false, followed: false }
    }

    /// Tells whether this is the first time that an answer says that what was asked for is elsewhere. Nothing was done then.
    pub(crate) fn follow(&mut self) -> bool {
        !std::mem::replace(&mut self.followed, true)
    }

    /// Tells whether more than one attempt failed, so that the first may have done what the last was refused.
    pub(crate) fn is_repeated(&self) -> bool {
        self.failed > 1
    }

    /// Notes that an attempt failed for want of valid credentials, and tells whether that is the first time, so that
    /// new ones may help.
    pub(crate) fn renew(&mut self) -> bool {
        self.failed += 1;
        !std::mem::replace(&mut self.renewed, true)
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The last attempt's, if there is to be no other.
    pub(crate) async fn pause(&mut self, error: ExchangeError) -> Result<(), ExchangeError> {
        self.failed += 1;
        let wish = error.retry_after().unwrap_or_default();
        if !error.is_worth_a_retry() || self.failed >= self.pace.attempts || wish > LONGEST_WISH {
            return Err(error);
        }
        tokio::time::sleep(wish.max(jittered(self.backoff()))).await;
        Ok(())
    }

    fn backoff(&self) -> Duration {
        let doubled = self.failed.saturating_sub(1).min(16);
        self.pace.first_pause.saturating_mul(1 << doubled).min(LONGEST_PAUSE.max(self.pace.first_pause))
    }
}

/// Spreads out those who failed together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable() -> ExchangeError {
        ExchangeError::Unreachable { authority: "h".into(), source: "cut".into() }
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_counted() {
        let mut retry = Retry::new(Pace::default());
        for _ in 1..Pace::default().attempts {
            retry.pause(unreachable()).await.expect("another attempt");
        }
        assert!(retry.is_repeated());
        retry.pause(unreachable()).await.expect_err("enough");
    }

    #[tokio::test(start_paused = true)]
    async fn what_stays_wrong_is_not_asked_again() {
        let error = ExchangeError::Answer("nonsense".into());
        Retry::new(Pace::default()).pause(error).await.expect_err("it would be the same");
    }

    #[test]
    fn pauses_grow_and_end() {
        let pause = |failed| Retry { failed, ..Retry::new(Pace::default()) }.backoff();
        assert_eq!(pause(1), Pace::default().first_pause);
        assert_eq!(pause(2), Pace::default().first_pause * 2);
        assert_eq!(pause(40), LONGEST_PAUSE);
        let jittered = jittered(LONGEST_PAUSE);
        assert!(jittered >= LONGEST_PAUSE / 2 && jittered <= LONGEST_PAUSE);
    }
}
