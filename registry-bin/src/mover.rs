//! Has the storage move large blobs to their places while the registry serves, where they are committed elsewhere.
//!
//! | metric | labels |
//! |---|---|
//! | `registry_storage_moved_blobs_total` | |
//! | `registry_storage_moved_bytes_total` | |
//! | `registry_storage_left_deleted_total` | |
//! | `registry_storage_move_failures_total` | |

use std::error::Error;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::{Registry as MetricsRegistry, Unit};
use registry_core::Registry;
use registry_core::error::RegistryResult;
use registry_core::registry::MoveReport;
use registry_core::store::Timestamp;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// How often a server looks for blobs to move.
const LOOK: Duration = Duration::from_secs(10);
/// How often the storage is searched for what nobody has recorded.
const SEARCH: Duration = Duration::from_secs(24 * 60 * 60);
/// The job of which one process at a time has the turn.
const JOB: &str = "displaced";

/// Moves blobs to their places, until dropped. Several servers share the work.
pub(crate) async fn move_blobs(registry: Registry, metrics: MoveMetrics) {
    if registry.options().read_only {
        return std::future::pending().await;
    }
    let mut ticks = interval_at(Instant::now() + LOOK, LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match look(&registry).await {
            Ok(report) if report.is_empty() => {}
            Ok(report) => {
                metrics.count(&report);
                tracing::info!(
                    moved = report.moved,
                    bytes = report.moved_bytes,
                    deleted = report.deleted,
                    failed = report.failed,
                    "blobs were moved to their places"
                );
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn Error,
                    "blobs could not be moved to their places; trying again later"
                );
            }
        }
    }
}

async fn look(registry: &Registry) -> RegistryResult<MoveReport> {
    let now = Timestamp::now();
    if registry.take_turn(JOB, SEARCH, now).await? {
        let found = registry.find_displaced(now).await?;
        if found > 0 {
            tracing::info!(found, "found what pushes have put into the storage and nobody has recorded");
        }
    }
    registry.move_displaced(now).await
}

/// What this process has moved.
#[derive(Debug, Clone, Default)]
pub(crate) struct MoveMetrics {
    moved: Counter,
    moved_bytes: Counter,
    deleted: Counter,
    failed: Counter,
}

impl MoveMetrics {
    /// Begins to count, and shows it in `metrics`.
    pub(crate) fn new(metrics: &mut MetricsRegistry) -> Self {
        let counted = Self::default();
        let names = metrics.sub_registry_with_prefix("registry_storage");
        names.register("moved_blobs", "Blobs that were moved to their places", counted.moved.clone());
        names.register_with_unit(
            "moved",
            "Blobs that were moved to their places",
            Unit::Bytes,
            counted.moved_bytes.clone(),
        );
        names.register(
            "left_deleted",
            "Objects that were nobody's any more, and were deleted",
            counted.deleted.clone(),
        );
        names.register(
            "move_failures",
            "Blobs that could not be moved, and objects that could not be deleted",
            counted.failed.clone(),
        );
        counted
    }

    fn count(&self, report: &MoveReport) {
        self.moved.inc_by(report.moved);
        self.moved_bytes.inc_by(report.moved_bytes);
        self.deleted.inc_by(report.deleted);
        self.failed.inc_by(report.failed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_process_moves_is_counted() {
        let mut shown = MetricsRegistry::default();
        let metrics = MoveMetrics::new(&mut shown);
        metrics.count(&MoveReport { moved: 1, moved_bytes: 20, deleted: 3, failed: 4 });
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &shown).unwrap();
        for line in [
            "registry_storage_moved_blobs_total 1",
            "registry_storage_moved_bytes_total 20",
            "registry_storage_left_deleted_total 3",
            "registry_storage_move_failures_total 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
