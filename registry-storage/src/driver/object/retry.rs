//! Asking again.

use std::time::Duration;

use super::error::ExchangeError;

/// How often one thing is asked for, all in all.
const ATTEMPTS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a store may ask to be left alone; one that wants more is told of as unavailable.
const LONGEST_WISH: Duration = Duration::from_secs(20);

/// The attempts at one thing.
#[derive(Debug, Default)]
pub(crate) struct Retry {
    failed: u32,
    renewed: bool,
}

impl Retry {
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
        if !error.is_worth_a_retry() || self.failed >= ATTEMPTS || wish > LONGEST_WISH {
            return Err(error);
        }
        tokio::time::sleep(wish.max(jittered(backoff(self.failed)))).await;
        Ok(())
    }
}

fn backoff(failed: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failed.min(16)).min(LONGEST_PAUSE)
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
        let mut retry = Retry::default();
        for _ in 1..ATTEMPTS {
            retry.pause(unreachable()).await.expect("another attempt");
        }
        assert!(retry.is_repeated());
        retry.pause(unreachable()).await.expect_err("enough");
    }

    #[tokio::test(start_paused = true)]
    async fn what_stays_wrong_is_not_asked_again() {
        let error = ExchangeError::Answer("nonsense".into());
        Retry::default().pause(error).await.expect_err("it would be the same");
    }

    #[test]
    fn pauses_grow_and_end() {
        assert_eq!(backoff(1), FIRST_PAUSE * 2);
        assert_eq!(backoff(40), LONGEST_PAUSE);
        let jittered = jittered(LONGEST_PAUSE);
        assert!(jittered >= LONGEST_PAUSE / 2 && jittered <= LONGEST_PAUSE);
    }
}
