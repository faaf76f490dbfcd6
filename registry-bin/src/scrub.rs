//! Reads everything that is stored while the registry serves, to find what a disk has damaged.
//!
//! | metric | labels |
//! |---|---|
//! | `registry_scrub_blobs_total` | |
//! | `registry_scrub_manifests_total` | |
//! | `registry_scrub_read_bytes_total` | |
//! | `registry_scrub_findings_total` | `finding` |

use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, pending};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry as MetricsRegistry, Unit};
use registry_core::Registry;
use registry_core::error::RegistryResult;
use registry_core::registry::{RepairStores, ScrubFinding, ScrubObserver, ScrubOptions, ScrubReport};
use registry_core::store::{StoreErrorKind, Timestamp};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::config::ScrubConfig;
use crate::paced_inventory::PacedInventory;
use crate::wire::LookedAfter;

/// How often a scrub notes how far it is.
pub(crate) const NOTED_EVERY: Duration = Duration::from_secs(5);
/// The least bytes in a second that a scrub can be told to read.
pub(crate) const SLOWEST: u64 = 65536;

/// How often a server looks whether it is time, and how long after its start it does so first.
const LOOK: Duration = Duration::from_secs(60);
/// The job of which one process at a time has the turn.
const JOB: &str = "scrub";
/// How long a scrub counts as under way after its process was last heard of.
const TURN: Duration = Duration::from_secs(5 * 60);
/// How often whoever scrubs is heard of.
const HEARD: Duration = Duration::from_secs(60);

/// Scrubs once in every interval, until dropped. Of several servers one does so at a time; if it stops or dies, another
/// one, or the same after its next start, goes on where it was.
pub(crate) async fn scrub(looked_after: LookedAfter, config: ScrubConfig, metrics: ScrubMetrics) {
    let LookedAfter { registry, inventory, identity } = looked_after;
    if !config.enabled || registry.options().read_only {
        return pending().await;
    }
    let inventory = PacedInventory::new(inventory, config.rate);
    let options = ScrubOptions { resume: true, parallelism: 1, note_every: NOTED_EVERY };
    let every = config.interval.get().max(Duration::from_secs(1));
    let look = LOOK.min(every);
    let mut ticks = interval_at(Instant::now() + look, look);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match begins(&registry, every).await {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, "cannot tell whether it is time to scrub");
                continue;
            }
        }
        let stores = RepairStores { inventory: &inventory, identity: &*identity };
        let mut observer = ScrubCount { metrics: &metrics, counted: None };
        match keeping_turn(&registry, registry.scrub(stores, options, &mut observer)).await {
            Ok(report) => tracing::info!(
                blobs = report.blobs,
                manifests = report.manifests,
                bytes = report.bytes,
                damaged_blobs = report.damaged_blobs,
                quarantined_blobs = report.quarantined_blobs,
                released_blobs = report.released_blobs,
                damaged_manifests = report.damaged_manifests,
                "everything that is stored was read"
            ),
            Err(error) if error.kind() == StoreErrorKind::Conflict => {
                tracing::info!("another scrub began, and goes on instead of this one");
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, "the scrub was cut short; going on later");
            }
        }
    }
}

/// Tells whether it is time to scrub, and nobody does.
async fn begins(registry: &Registry, every: Duration) -> RegistryResult<bool> {
    let now = Timestamp::now();
    Ok(registry.is_scrub_due(every, now).await? && registry.take_turn(JOB, TURN.min(every), now).await?)
}

/// Scrubs, and has servers that share the database know meanwhile that somebody does.
pub(crate) async fn keeping_turn<T>(registry: &Registry, scrubbed: impl Future<Output = T>) -> T {
    tokio::select! {
        result = scrubbed => result,
        never = keep_turn(registry) => match never {},
    }
}

async fn keep_turn(registry: &Registry) -> Infallible {
    loop {
        if let Err(error) = registry.keep_turn(JOB, Timestamp::now()).await {
            // The scrub notes in the same place how far it is, and fails if that goes on.
            tracing::debug!(error = &error as &dyn Error, "the turn to scrub was not kept");
        }
        tokio::time::sleep(HEARD).await;
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FindingLabels {
    finding: &'static str,
}

/// What this process has scrubbed.
#[derive(Debug, Clone)]
pub(crate) struct ScrubMetrics {
    blobs: Counter,
    manifests: Counter,
    bytes: Counter,
    findings: Family<FindingLabels, Counter>,
}

impl ScrubMetrics {
    /// Begins to count, and shows it in `metrics`.
    pub(crate) fn new(metrics: &mut MetricsRegistry) -> Self {
        let counted = Self {
            blobs: Counter::default(),
            manifests: Counter::default(),
            bytes: Counter::default(),
            findings: Family::default(),
        };
        let names = metrics.sub_registry_with_prefix("registry_scrub");
        names.register("blobs", "Blobs that were read and compared with their digests", counted.blobs.clone());
        names.register("manifests", "Manifests that were compared with their digests", counted.manifests.clone());
        names.register_with_unit("read", "Blobs and manifests that were read", Unit::Bytes, counted.bytes.clone());
        names.register("findings", "What was found while reading them", counted.findings.clone());
        counted
    }
}

/// Counts what one scrub does.
struct ScrubCount<'a> {
    metrics: &'a ScrubMetrics,
    /// What is counted, or was read before this process went on with the scrub.
    counted: Option<ScrubReport>,
}

impl ScrubObserver for ScrubCount<'_> {
    fn found(&mut self, finding: &ScrubFinding) {
        self.metrics.findings.get_or_create(&FindingLabels { finding: finding.name() }).inc();
        // What is new is in the log already.
        if let ScrubFinding::Quarantined { blob, damage } = finding {
            tracing::warn!(
                digest = %blob.digest,
                location = %blob.location,
                damage = damage.name(),
                "a quarantined blob is still damaged; it waits to be pushed again"
            );
        }
    }

    fn progress(&mut self, report: &ScrubReport) {
        if let Some(counted) = &self.counted {
            self.metrics.blobs.inc_by(report.blobs - counted.blobs);
            self.metrics.manifests.inc_by(report.manifests - counted.manifests);
            self.metrics.bytes.inc_by(report.bytes - counted.bytes);
        }
        self.counted = Some(*report);
    }
}

#[cfg(test)]
mod tests {
    use registry_core::protocol::digest::{Algorithm, Digest};

    use super::*;

    #[test]
    fn what_this_process_reads_and_finds_is_counted() {
        let mut shown = MetricsRegistry::default();
        let metrics = ScrubMetrics::new(&mut shown);
        let mut observer = ScrubCount { metrics: &metrics, counted: None };
        let report = |blobs, manifests, bytes| ScrubReport { blobs, manifests, bytes, ..ScrubReport::default() };
        for progress in [report(100, 0, 5000), report(101, 0, 5010), report(102, 3, 5500)] {
            observer.progress(&progress);
        }
        let digest = Digest::of(Algorithm::Sha256, b"");
        observer.found(&ScrubFinding::Manifest("a".parse().unwrap(), digest));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &shown).unwrap();
        for line in [
            "registry_scrub_blobs_total 2",
            "registry_scrub_manifests_total 3",
            "registry_scrub_read_bytes_total 500",
            "registry_scrub_findings_total{finding=\"manifest\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
