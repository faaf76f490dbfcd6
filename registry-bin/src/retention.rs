//! Retention: the rules of the configuration, and what is done by them while the registry serves.

use std::time::Duration;

use registry_core::Registry;
use registry_core::registry::{RetentionMode, Unkept};
use registry_core::retention::{Pattern, PatternError, RetentionPolicy, RetentionRule};
use registry_core::store::Timestamp;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::config::{RetentionConfig, RetentionRuleConfig};

/// How long after the start the first run of each begins: late enough not to be in the way of the first requests.
const FIRST_RUN: Duration = Duration::from_secs(60);
/// The time between two looks for what cannot be restored any more.
const HISTORY_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// Makes the rules. A loaded configuration has valid ones.
pub(crate) fn policy(config: &RetentionConfig) -> Result<RetentionPolicy, PatternError> {
    Ok(RetentionPolicy { rules: config.rules.iter().map(rule).collect::<Result<_, _>>()? })
}

fn rule(config: &RetentionRuleConfig) -> Result<RetentionRule, PatternError> {
    let pattern = |text: &Option<String>| text.as_deref().map(Pattern::new).transpose();
    Ok(RetentionRule {
        tags: pattern(&config.tags)?,
        keep_last: config.keeplast.map(|count| count as usize),
        keep_younger: config.keepyounger.map(|age| age.get()),
        keep_matching: pattern(&config.keepmatching)?,
        untagged_older: config.untaggedolder.map(|age| age.get()),
        ..RetentionRule::new(Pattern::new(&config.repositories)?)
    })
}

/// Lets go of what cannot be restored any more, until dropped.
pub(crate) async fn drop_tag_history(registry: Registry) {
    let mut ticks = ticks(HISTORY_INTERVAL);
    loop {
        ticks.tick().await;
        match registry.drop_tag_history(Timestamp::now()).await {
            Ok(0) => {}
            Ok(dropped) => tracing::info!(dropped, "tags can be restored no more"),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the history of tags could not be dropped; trying again later"
                );
            }
        }
    }
}

/// Deletes what the rules do not keep, until dropped.
pub(crate) async fn apply_retention(registry: Registry, policy: RetentionPolicy, config: RetentionConfig) {
    if !config.enabled {
        return std::future::pending().await;
    }
    let mode = if config.dryrun { RetentionMode::DryRun } else { RetentionMode::Delete };
    let mut ticks = ticks(config.interval.get());
    loop {
        ticks.tick().await;
        let mut log = |unkept: Unkept<'_>| match unkept {
            Unkept::Tag(repository, tag) => {
                tracing::info!(%repository, %tag, dry_run = config.dryrun, "tag is not retained");
            }
            Unkept::Manifest(repository, digest) => {
                tracing::info!(%repository, %digest, dry_run = config.dryrun, "manifest is not retained");
            }
        };
        match registry.apply_retention(&policy, Timestamp::now(), mode, &mut log).await {
            Ok(report) => tracing::info!(
                repositories = report.repositories,
                tags = report.tags,
                manifests = report.manifests,
                dry_run = config.dryrun,
                "retention rules applied"
            ),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "retention rules could not be applied; trying again later"
                );
            }
        }
    }
}

fn ticks(every: Duration) -> Interval {
    let every = every.max(Duration::from_secs(1));
    let mut ticks = interval_at(Instant::now() + FIRST_RUN.min(every), every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
