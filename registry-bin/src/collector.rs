//! Collects garbage while the registry serves.

use std::time::Duration;

use registry_core::Registry;
use registry_core::gc::{CollectOptions, Collected};
use registry_core::store::Timestamp;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::config::GarbageCollectionConfig;

/// How long after the start the first collection runs: late enough not to be in the way of the first requests.
const FIRST_COLLECTION: Duration = Duration::from_secs(60);
/// How often garbage is collected where it is to go at once.
const WITHOUT_GRACE: Duration = Duration::from_secs(1);

/// Collects garbage, until dropped.
pub(crate) async fn collect_garbage(registry: Registry, config: GarbageCollectionConfig, options: CollectOptions) {
    if !config.enabled || registry.options().read_only {
        return std::future::pending().await;
    }
    let every = if config.graceperiod.is_zero() { WITHOUT_GRACE } else { config.interval.get().max(WITHOUT_GRACE) };
    let mut ticks = interval_at(Instant::now() + FIRST_COLLECTION.min(every), every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut progress = |collected: Collected<'_>| match collected {
            Collected::Manifest(repository, digest) => tracing::info!(%repository, %digest, "manifest collected"),
            Collected::Blob(digest, bytes) => tracing::info!(%digest, bytes, "blob collected"),
        };
        match registry.collect_garbage(Timestamp::now(), options, &mut progress).await {
            Ok(report) if report.is_empty() => {}
            Ok(report) => tracing::info!(
                past_tags = report.past_tags,
                manifests = report.manifests,
                blobs = report.blobs,
                bytes = report.bytes,
                kept = report.kept,
                failed = report.failed,
                found = report.found,
                "garbage collected"
            ),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "garbage could not be collected; trying again later"
                );
            }
        }
    }
}
