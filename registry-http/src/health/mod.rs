//! Whether the registry is well.
//!
//! Checks run in the background, each at its interval; a question about health is answered from what they found last,
//! so that nobody can make a check run by asking. The answers are in [`HealthChecks::respond`].

mod checks;
mod endpoints;

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use tokio::time::{sleep, timeout};

pub use checks::{FileCheck, HttpCheck, HttpCheckError, TcpCheck};
pub use endpoints::Audience;

/// The check that an operator sets by hand, by distribution's name.
const MANUAL: &str = "manual_http_status";

/// Something that can be well or not.
#[async_trait]
pub trait HealthCheck: Send + Sync {
    /// Looks once. Cancelled when it takes longer than its schedule allows, which is a failure.
    ///
    /// # Errors
    /// Says what is wrong, to an operator.
    async fn check(&self) -> Result<(), Box<dyn Error + Send + Sync>>;
}

/// When a check runs, and what its failures mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckSchedule {
    /// How long after the end of one check the next begins.
    pub interval: Duration,
    /// How long a check may take.
    pub timeout: Duration,
    /// How many failures in a row make the registry unhealthy; one success makes it healthy again.
    pub threshold: u32,
}

impl Default for CheckSchedule {
    /// Every ten seconds, for at most five, and the first failure counts.
    fn default() -> Self {
        Self { interval: Duration::from_secs(10), timeout: Duration::from_secs(5), threshold: 1 }
    }
}

/// The health of a process.
///
/// It is healthy while no check failed as often as its threshold and no operator set it down; it is ready while it is
/// healthy, after [`mark_started`](Self::mark_started) and before [`mark_stopping`](Self::mark_stopping).
#[derive(Default)]
pub struct HealthChecks {
    checks: BTreeMap<String, Scheduled>,
    down: AtomicBool,
    started: AtomicBool,
    stopping: AtomicBool,
}

struct Scheduled {
    check: Box<dyn HealthCheck>,
    schedule: CheckSchedule,
    state: Mutex<State>,
    /// The last failure counts. Written under the state's lock.
    failing: AtomicBool,
}

#[derive(Default)]
struct State {
    failures_in_a_row: u32,
    last_failure: String,
}

impl HealthChecks {
    /// Starts without checks: healthy, and not ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check, in place of one that has the same name.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, schedule: CheckSchedule, check: impl HealthCheck + 'static) -> Self {
        self.checks.insert(name.into(), Scheduled::new(schedule, check));
        self
    }

    /// Runs every check at its interval, for ever. Drop the future to stop.
    pub async fn run(&self) {
        join_all(self.checks.iter().map(|(name, scheduled)| scheduled.run(name))).await;
    }

    /// Notes that the process serves now.
    pub fn mark_started(&self) {
        self.started.store(true, Ordering::Relaxed);
    }

    /// Notes that the process takes no more requests soon, so that a load balancer sends them elsewhere.
    pub fn mark_stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Sets the process down by hand, or up again.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
    }

    /// Tells whether nothing is wrong. Every request asks, so that this takes no lock.
    pub fn is_healthy(&self) -> bool {
        !self.down.load(Ordering::Relaxed)
            && !self.checks.values().any(|scheduled| scheduled.failing.load(Ordering::Relaxed))
    }

    /// Returns what is wrong, by the names of the checks. Nothing is while it is healthy.
    pub fn failures(&self) -> BTreeMap<String, String> {
        let failing = self.checks.iter().filter_map(|(name, scheduled)| Some((name.clone(), scheduled.failure()?)));
        let manual = self.down.load(Ordering::Relaxed).then(|| (MANUAL.to_owned(), "set down by hand".to_owned()));
        failing.chain(manual).collect()
    }

    fn is_started(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

impl Scheduled {
    fn new(schedule: CheckSchedule, check: impl HealthCheck + 'static) -> Self {
        Self { check: Box::new(check), schedule, state: Mutex::default(), failing: AtomicBool::new(false) }
    }

    async fn run(&self, name: &str) {
        loop {
            let CheckSchedule { timeout: limit, interval, .. } = self.schedule;
            let result = match timeout(limit, self.check.check()).await {
                Ok(result) => result.map_err(|error| chain(&*error)),
                Err(_) => Err(format!("no result within {} seconds", limit.as_secs_f64())),
            };
            self.note(name, result);
            sleep(interval).await;
        }
    }

    /// Keeps a result, and tells the log when it changes the process's health.
    fn note(&self, name: &str, result: Result<(), String>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(()) => {
                if self.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!(check = name, "health check succeeds again");
                }
                *state = State::default();
            }
            Err(failure) => {
                state.failures_in_a_row = state.failures_in_a_row.saturating_add(1);
                let fails = state.failures_in_a_row >= self.schedule.threshold;
                if fails && !self.failing.swap(true, Ordering::Relaxed) {
                    tracing::error!(check = name, failure, "health check fails");
                }
                state.last_failure = failure;
            }
        }
    }

    fn failure(&self) -> Option<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.failing.load(Ordering::Relaxed).then(|| state.last_failure.clone())
    }
}

/// Writes an error with its causes.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;

    use super::*;

    struct FailingUntil(Arc<AtomicU32>, u32);

    #[async_trait]
    impl HealthCheck for FailingUntil {
        async fn check(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
            let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
            if count <= self.1 { Err(format!("failure {count}").into()) } else { Ok(()) }
        }
    }

    struct Stuck;

    #[async_trait]
    impl HealthCheck for Stuck {
        async fn check(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
            std::future::pending().await
        }
    }

    /// Runs the checks on a clock that stands still but for this.
    async fn run_for(checks: &HealthChecks, seconds: u64) {
        assert!(timeout(Duration::from_secs(seconds), checks.run()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_fails_at_its_threshold_and_recovers_at_once() {
        let runs = Arc::new(AtomicU32::new(0));
        let schedule = CheckSchedule { threshold: 3, ..CheckSchedule::default() };
        let checks = HealthChecks::new().with("storage", schedule, FailingUntil(Arc::clone(&runs), 3));
        // The first check of each run is at its beginning, the next ten seconds later.
        run_for(&checks, 15).await;
        assert_eq!((runs.load(Ordering::Relaxed), checks.failures().len()), (2, 0));
        assert!(checks.is_healthy());
        run_for(&checks, 5).await;
        assert_eq!(checks.failures(), BTreeMap::from([("storage".to_owned(), "failure 3".to_owned())]));
        assert!(!checks.is_healthy());
        run_for(&checks, 5).await;
        assert!(checks.failures().is_empty());
        assert!(checks.is_healthy());
        checks.set_down(true);
        assert!(!checks.is_healthy());
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_without_end_is_a_failure_and_holds_up_no_other() {
        let runs = Arc::new(AtomicU32::new(0));
        let checks = HealthChecks::new().with("a", CheckSchedule::default(), Stuck).with(
            "b",
            CheckSchedule::default(),
            FailingUntil(Arc::clone(&runs), 0),
        );
        run_for(&checks, 6).await;
        assert_eq!(checks.failures(), BTreeMap::from([("a".to_owned(), "no result within 5 seconds".to_owned())]));
        assert_eq!(runs.load(Ordering::Relaxed), 1);
    }
}
