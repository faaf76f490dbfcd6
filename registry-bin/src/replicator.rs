//! Makes second copies of blobs while the registry serves.
//!
//! | metric | labels |
//! |---|---|
//! | `registry_replication_behind_blobs` | |
//! | `registry_replication_behind_bytes` | |
//! | `registry_replication_behind_seconds` | |
//! | `registry_replication_failing` | |
//! | `registry_replication_copied_blobs_total` | |
//! | `registry_replication_copied_bytes_total` | |
//! | `registry_replication_deleted_total` | |
//! | `registry_replication_failures_total` | |

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry as MetricsRegistry, Unit};
use registry_core::Registry;
use registry_core::error::RegistryResult;
use registry_core::protocol::digest::Digest;
use registry_core::registry::{Replica, ReplicaLeftovers, Replicated, copy_snapshots};
use registry_core::store::replication::ReplicationStatus;
use registry_core::store::{MetadataStore, StoreErrorKind, Timestamp};
use registry_storage::driver::StorageDriver;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use crate::config::{Config, ReplicateConfig};
use crate::wire::{self, OpenReplica};

/// How often a server looks for something to copy.
const LOOK: Duration = Duration::from_secs(2);
/// How often it is counted how much is behind.
const COUNT: Duration = Duration::from_secs(15);
/// How often it is searched for blobs of which nothing is known.
const SEARCH: Duration = Duration::from_secs(60 * 60);
/// How often snapshots of the database are copied, at least if they are taken as often.
const SNAPSHOTS: Duration = Duration::from_secs(5 * 60);
/// How often missing links are written.
const LINKS: Duration = Duration::from_secs(60 * 60);
/// How often it is searched for what copies have left that were cut off.
const PURGE: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest pause while the second store is away. The first is a second, and each that follows twice as long.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The jobs of which one process at a time has the turn.
const SEARCH_JOB: &str = "replication";
const LINKS_JOB: &str = "replication.links";

/// What copies are made of.
pub(crate) struct FirstStore {
    pub(crate) driver: Arc<dyn StorageDriver>,
    pub(crate) metadata: Arc<dyn MetadataStore>,
}

/// Makes the copies that the configuration asks for, until dropped. Several servers share the work. The second store may be
/// away at any time, also at the start.
pub(crate) async fn replicate(config: Config, registry: Registry, first: FirstStore, metrics: ReplicationMetrics) {
    let Some(replicate) = config.storage.replicate.clone() else { return std::future::pending().await };
    if registry.options().read_only {
        return std::future::pending().await;
    }
    let work = async {
        let replica = open(&config, &replicate, &first).await;
        let blobs = Arc::new(replica.blobs.clone());
        tokio::join!(
            copy(&registry, blobs, replicate.parallelism as usize, &metrics),
            look_after(&config, &registry, replica)
        );
    };
    tokio::join!(count(&registry, &metrics), search(&registry), work);
}

/// Opens the second store, as soon as that is possible.
async fn open(config: &Config, replicate: &ReplicateConfig, first: &FirstStore) -> OpenReplica {
    let mut pause = Pause::default();
    loop {
        match wire::open_replica(config, replicate, &first.driver, &first.metadata).await {
            Ok(replica) => return replica,
            Err(error) => {
                tracing::error!(
                    error = error.as_ref() as &dyn Error,
                    "the second store cannot be used; trying again later"
                );
                pause.begin(Instant::now());
                sleep_until(pause.until).await;
            }
        }
    }
}

/// Copies, so many at the same time, whatever has its turn.
async fn copy(
    registry: &Registry,
    replica: Arc<Replica>,
    parallelism: usize,
    metrics: &ReplicationMetrics,
) -> Infallible {
    let mut running = JoinSet::new();
    let mut pause = Pause::default();
    loop {
        while running.len() < parallelism && !pause.is_on(Instant::now()) {
            let taken = match registry.take_replication(Timestamp::now()).await {
                Ok(Some(taken)) => taken,
                Ok(None) => break,
                Err(error) => {
                    let error = &error as &dyn Error;
                    tracing::error!(error, "cannot tell what is to be copied; trying again later");
                    break;
                }
            };
            let (registry, replica, digest) = (registry.clone(), Arc::clone(&replica), taken.digest);
            running.spawn(async move { (digest, registry.replicate(&replica, taken).await) });
        }
        tokio::select! {
            Some(done) = running.join_next() => match ended(done, metrics) {
                Outcome::Done => pause = Pause::default(),
                Outcome::Failed => {}
                Outcome::Away => pause.begin(Instant::now()),
            },
            () = sleep(LOOK) => {}
        }
    }
}

/// What a copy says about the second store.
enum Outcome {
    Done,
    Failed,
    Away,
}

fn ended(done: Result<(Digest, RegistryResult<Replicated>), JoinError>, metrics: &ReplicationMetrics) -> Outcome {
    let (digest, done) = match done {
        Ok(done) => done,
        Err(error) => {
            tracing::error!(error = &error as &dyn Error, "a second copy was cut short; trying again later");
            return Outcome::Failed;
        }
    };
    match done {
        Ok(Replicated::Failed { error, is_replica_away }) => {
            metrics.failures.inc();
            let is_damaged = !is_replica_away && error.kind() == StoreErrorKind::Corrupt;
            let error = &error as &dyn Error;
            if is_damaged {
                tracing::error!(%digest, error, "a damaged blob is not copied to the second store; a scrub quarantines it");
            } else {
                tracing::warn!(%digest, error, "a blob could not be copied to the second store; trying again later");
            }
            if is_replica_away { Outcome::Away } else { Outcome::Failed }
        }
        Ok(done) => {
            match done {
                Replicated::Copied(size_bytes) => {
                    metrics.copied_blobs.inc();
                    metrics.copied_bytes.inc_by(size_bytes);
                    tracing::debug!(%digest, bytes = size_bytes, "a blob was copied to the second store");
                }
                Replicated::Deleted => {
                    metrics.deleted.inc();
                }
                _ => {}
            }
            Outcome::Done
        }
        Err(error) => {
            tracing::error!(%digest, error = &error as &dyn Error, "it could not be recorded that a blob was copied");
            Outcome::Failed
        }
    }
}

/// Shows how much is behind.
async fn count(registry: &Registry, metrics: &ReplicationMetrics) -> Infallible {
    let mut ticks = interval(COUNT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match registry.replication_status(0).await {
            Ok((status, _)) => metrics.show(&status, Timestamp::now()),
            Err(error) => {
                tracing::warn!(error = &error as &dyn Error, "cannot tell how far second copies are behind");
            }
        }
    }
}

/// Finds blobs of which nothing is known: at first those that are older than the wish for a copy.
async fn search(registry: &Registry) -> Infallible {
    let mut ticks = interval(SEARCH / 60);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let searched = async {
            match registry.take_turn(SEARCH_JOB, SEARCH, Timestamp::now()).await? {
                true => registry.note_unreplicated().await,
                false => Ok(0),
            }
        };
        match searched.await {
            Ok(0) => {}
            Ok(found) => tracing::info!(found, "blobs without a second copy were found"),
            Err(error) => {
                let error = &error as &dyn Error;
                tracing::error!(error, "it could not be searched for blobs without a second copy; trying again later");
            }
        }
    }
}

/// Copies what is not a blob, and removes what was left behind.
async fn look_after(config: &Config, registry: &Registry, replica: OpenReplica) -> Infallible {
    let every = config.database.snapshots.interval.get().clamp(Duration::from_secs(1), SNAPSHOTS);
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut leftovers, mut purged_at) = (ReplicaLeftovers::default(), None::<Instant>);
    loop {
        ticks.tick().await;
        let [from, to] = &replica.snapshots;
        if let Err(error) = copy_snapshots(&**from, &**to).await {
            let error = &error as &dyn Error;
            tracing::error!(error, "snapshots could not be copied to the second store; trying again later");
        }
        if let Some(links) = &replica.links
            && let Err(error) = write_links(links).await
        {
            let error = &error as &dyn Error;
            tracing::error!(error, "links could not be written to the second store; trying again later");
        }
        if purged_at.is_none_or(|at| at.elapsed() > PURGE) {
            purged_at = Some(Instant::now());
            match registry.purge_replica(&replica.blobs, Timestamp::now(), &mut leftovers).await {
                Ok(0) => {}
                Ok(purged) => tracing::info!(purged, "removed what copies have left that were cut off"),
                Err(error) => {
                    let error = &error as &dyn Error;
                    tracing::warn!(error, "what copies have left could not be removed; trying again later");
                }
            }
        }
    }
}

/// Writes the links that are missing if it is time to, and this server's turn.
async fn write_links(links: &Registry) -> RegistryResult<()> {
    if links.take_turn(LINKS_JOB, LINKS, Timestamp::now()).await? {
        let written = links.write_missing_links().await?;
        if written > 0 {
            tracing::info!(written, "links were written to the second store");
        }
    }
    Ok(())
}

/// A pause while the second store is away.
struct Pause {
    until: Instant,
    count: u32,
}

impl Default for Pause {
    fn default() -> Self {
        Self { until: Instant::now(), count: 0 }
    }
}

impl Pause {
    /// Begins a pause, unless there is one. It is longer than the one before.
    fn begin(&mut self, now: Instant) {
        if !self.is_on(now) {
            let length = Duration::from_secs(1).saturating_mul(2u32.saturating_pow(self.count)).min(LONGEST_PAUSE);
            *self = Self { until: now + length, count: self.count.saturating_add(1) };
        }
    }

    fn is_on(&self, now: Instant) -> bool {
        now < self.until
    }
}

/// How far second copies are behind, and what this process has done about it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReplicationMetrics {
    behind_blobs: Gauge,
    behind_bytes: Gauge,
    behind_seconds: Gauge,
    failing: Gauge,
    copied_blobs: Counter,
    copied_bytes: Counter,
    deleted: Counter,
    failures: Counter,
}

impl ReplicationMetrics {
    /// Begins to count, and shows it in `metrics` if there are to be second copies.
    pub(crate) fn new(metrics: &mut MetricsRegistry, is_shown: bool) -> Self {
        let shown = Self::default();
        if !is_shown {
            return shown;
        }
        let names = metrics.sub_registry_with_prefix("registry_replication");
        names.register("behind_blobs", "Blobs without a second copy", shown.behind_blobs.clone());
        names.register_with_unit("behind", "Blobs without a second copy", Unit::Bytes, shown.behind_bytes.clone());
        let help = "For how long the first of them has been without";
        names.register_with_unit("behind", help, Unit::Seconds, shown.behind_seconds.clone());
        names.register("failing", "Copies that failed and are tried again", shown.failing.clone());
        names.register("copied_blobs", "Blobs that were copied", shown.copied_blobs.clone());
        names.register_with_unit("copied", "Blobs that were copied", Unit::Bytes, shown.copied_bytes.clone());
        names.register("deleted", "Copies that were deleted after their blobs", shown.deleted.clone());
        names.register("failures", "Attempts to copy or delete that failed", shown.failures.clone());
        shown
    }

    fn show(&self, status: &ReplicationStatus, now: Timestamp) {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let micros = status.behind_since.map_or(0, |since| now.as_micros().saturating_sub(since.as_micros()).max(0));
        self.behind_blobs.set(count(status.behind_blobs));
        self.behind_bytes.set(count(status.behind_bytes));
        self.behind_seconds.set(micros / 1_000_000);
        self.failing.set(count(status.failing));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_behind_is_shown_where_there_are_copies() {
        let status = ReplicationStatus {
            behind_blobs: 2,
            behind_bytes: 30,
            behind_since: Some(Timestamp::from_micros(5_000_000)),
            failing: 1,
        };
        for is_shown in [true, false] {
            let mut shown = MetricsRegistry::default();
            let metrics = ReplicationMetrics::new(&mut shown, is_shown);
            metrics.show(&status, Timestamp::from_micros(9_500_000));
            metrics.copied_bytes.inc_by(7);
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, &shown).unwrap();
            for line in [
                "registry_replication_behind_blobs 2",
                "registry_replication_behind_bytes 30",
                "registry_replication_behind_seconds 4",
                "registry_replication_failing 1",
                "registry_replication_copied_bytes_total 7",
                "registry_replication_failures_total 0",
            ] {
                assert_eq!(text.lines().any(|found| found == line), is_shown, "{line}\n{text}");
            }
        }
    }

    #[test]
    fn pauses_grow_and_end() {
        let mut pause = Pause::default();
        let mut now = pause.until;
        let mut lengths = Vec::new();
        for _ in 0..8 {
            pause.begin(now);
            // Of many that fail at the same time one counts.
            pause.begin(now);
            lengths.push((pause.until - now).as_secs());
            assert!(pause.is_on(now));
            now = pause.until;
            assert!(!pause.is_on(now));
        }
        assert_eq!(lengths, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
