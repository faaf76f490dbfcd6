//! What is done from time to time while the registry serves.

use std::time::Duration;

use registry_core::Registry;
use registry_core::error::RegistryResult;
use registry_core::import::{ImportObserver, ImportReport, Skipped};
use registry_core::protocol::reference::RepositoryName;
use registry_core::registry::{PurgeReport, SnapshotOutcome, Snapshots};
use registry_core::store::Timestamp;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::config::{SnapshotsConfig, UploadPurgingConfig};

/// How often a server looks whether it is time to purge uploads, and how long after its start it does so first: late enough
/// not to be in the way of the first requests.
const PURGE_LOOK: Duration = Duration::from_secs(60);
/// How long after the start the first snapshot is taken.
const FIRST_SNAPSHOT: Duration = Duration::from_secs(300);

/// How long after a failed import the next one goes on.
const IMPORT_RETRY: Duration = Duration::from_secs(60);

/// Imports what distribution left in the storage, if the registry adopts it, until all of it is.
pub(crate) async fn finish_adoption(registry: Registry) {
    loop {
        match registry.finish_adoption(&ImportLog).await {
            Ok(None) => return,
            Ok(Some(report)) => {
                tracing::info!(
                    repositories = report.repositories,
                    manifests = report.tally.manifests.adopted,
                    blobs = report.tally.blobs.adopted,
                    tags = report.tally.tags.adopted,
                    skipped = report.skipped,
                    "the storage is imported"
                );
                return;
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "the storage could not be imported; going on later");
            }
        }
        tokio::time::sleep(IMPORT_RETRY).await;
    }
}

/// Tells the log what an import in the background skips.
struct ImportLog;

impl ImportObserver for ImportLog {
    fn progress(&self, repository: &RepositoryName, report: &ImportReport) {
        tracing::debug!(%repository, repositories = report.repositories, "importing the storage");
    }

    fn skipped(&self, skipped: &Skipped) {
        tracing::warn!(%skipped, "damaged in the storage, and not imported");
    }
}

/// Ends uploads that nobody goes on with, until dropped. Of several servers one does so in every interval.
pub(crate) async fn purge_uploads(registry: Registry, config: UploadPurgingConfig) {
    if !config.enabled {
        return std::future::pending().await;
    }
    let every = config.interval.get().max(Duration::from_secs(1));
    let look = PURGE_LOOK.min(every);
    let mut ticks = interval_at(Instant::now() + look, look);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match purge(&registry, every, config.dryrun).await {
            Ok(None) => {}
            Ok(Some(report)) => tracing::info!(
                expired = report.expired,
                abandoned = report.abandoned,
                dry_run = config.dryrun,
                "uploads purged"
            ),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "uploads could not be purged; trying again later"
                );
            }
        }
    }
}

/// Ends them if it is time to, and this server's turn.
async fn purge(registry: &Registry, every: Duration, dry_run: bool) -> RegistryResult<Option<PurgeReport>> {
    let now = Timestamp::now();
    if !registry.take_turn("uploadpurging", every, now).await? {
        return Ok(None);
    }
    let purged = if dry_run { registry.expired_uploads(now).await } else { registry.purge_uploads(now).await };
    purged.map(Some)
}

/// Copies the database into the storage, until dropped.
pub(crate) async fn take_snapshots(snapshots: Option<Snapshots>, config: SnapshotsConfig) {
    let Some(mut snapshots) = snapshots else { return std::future::pending().await };
    let every = config.interval.get().max(Duration::from_secs(1));
    let mut ticks = interval_at(Instant::now() + FIRST_SNAPSHOT.min(every), every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match snapshots.take().await {
            Ok(SnapshotOutcome::Kept(name)) => {
                tracing::info!(snapshot = %name, "the database was copied to the storage")
            }
            Ok(SnapshotOutcome::Unchanged) => {}
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the database could not be copied to the storage; trying again later"
                );
            }
        }
    }
}
