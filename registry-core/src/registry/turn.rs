//! Whose turn it is, where one process of several does something from time to time.

use std::time::Duration;

use super::Registry;
use crate::error::RegistryResult;
use crate::store::Timestamp;

impl Registry {
    /// Tells whether it is time to do `job`, which is to begin once in every `interval`, and whether that falls to the
    /// caller: of all processes that share the metadata and ask, one is told so. `job` has up to 100 ASCII characters.
    ///
    /// Whoever is told so and dies leaves the job to the next interval.
    ///
    /// # Errors
    /// `Store`; the turn may then be lost.
    pub async fn take_turn(&self, job: &str, interval: Duration, now: Timestamp) -> RegistryResult<bool> {
        let name = format!("turn.{job}");
        let last = self.metadata.setting(&name).await?;
        let began = last.as_deref().and_then(|began| began.parse().ok()).map(Timestamp::from_micros);
        // One that begins long after now was noted by a clock that was wrong.
        let is_due = began.is_none_or(|began| began.plus(interval) <= now || now.plus(interval) < began);
        Ok(is_due && self.metadata.exchange_setting(&name, last.as_deref(), &now.as_micros().to_string()).await?)
    }

    /// Keeps a turn, of a job that may take longer than its interval: nobody is told that it is theirs until an interval after
    /// `now`.
    ///
    /// # Errors
    /// `Store`; the turn is then kept for as long as it was.
    pub async fn keep_turn(&self, job: &str, now: Timestamp) -> RegistryResult<()> {
        // Whoever else changes it at this moment keeps it just as well.
        self.take_turn(job, Duration::ZERO, now).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn one_of_all_gets_the_turn_once_in_an_interval() {
        let registry = Registry::in_memory();
        let other = registry.clone();
        let start = Timestamp::from_micros(1_000_000);
        let take = async |registry: &Registry, now| registry.take_turn("job", HOUR, now).await.unwrap();
        assert!(take(&registry, start).await);
        assert!(!take(&other, start).await);
        assert!(!take(&registry, start.plus(HOUR / 2)).await);
        assert!(take(&other, start.plus(HOUR)).await);
        assert!(!take(&registry, start.plus(HOUR)).await);
        assert!(registry.take_turn("another", HOUR, start).await.unwrap());
        assert!(
            registry.take_turn("job", HOUR / 4, start.plus(HOUR * 5 / 4)).await.unwrap(),
            "the interval of now counts"
        );
    }

    #[tokio::test]
    async fn a_turn_is_kept_for_as_long_as_its_job_takes() {
        let registry = Registry::in_memory();
        let start = Timestamp::from_micros(1_000_000);
        assert!(registry.take_turn("job", HOUR, start).await.unwrap());
        registry.keep_turn("job", start.plus(HOUR / 2)).await.unwrap();
        assert!(!registry.take_turn("job", HOUR, start.plus(HOUR)).await.unwrap());
        assert!(registry.take_turn("job", HOUR, start.plus(HOUR * 3 / 2)).await.unwrap());
        // By a clock that is behind.
        registry.keep_turn("job", start).await.unwrap();
        assert!(registry.take_turn("job", HOUR, start.plus(HOUR)).await.unwrap());
    }

    #[tokio::test]
    async fn a_clock_that_was_wrong_does_not_hold_up_the_job_for_long() {
        let registry = Registry::in_memory();
        let start = Timestamp::from_micros(1_000_000);
        assert!(registry.take_turn("job", HOUR, start.plus(HOUR * 1000)).await.unwrap());
        assert!(registry.take_turn("job", HOUR, start).await.unwrap());
        assert!(!registry.take_turn("job", HOUR, start).await.unwrap());
    }
}
