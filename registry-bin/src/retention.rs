//! Retention: the rules of the configuration, and what is done by them while the registry serves.

use std::time::Duration;

use registry_core::error::RegistryResult;
use registry_core::registry::{RetentionMode, RetentionReport, Unkept};
use registry_core::retention::{Pattern, PatternError, RetentionPolicy, RetentionRule};
use registry_core::store::Timestamp;
use registry_core::{Registry, RegistryError};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::config::{RetentionConfig, RetentionRuleConfig};

/// How often a server looks whether it is time, and how long after its start it does so first.
const LOOK: Duration = Duration::from_secs(60);
/// How long after a failure the rules are applied again.
const RETRY: Duration = Duration::from_secs(10 * 60);

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

/// Deletes what the rules do not keep, until dropped. Of several servers one does so in every interval.
pub(crate) async fn apply_retention(registry: Registry, policy: RetentionPolicy, config: RetentionConfig) {
    if !config.enabled {
        return std::future::pending().await;
    }
    let every = config.interval.get().max(Duration::from_secs(1));
    let look = LOOK.min(every);
    let mut ticks = interval_at(Instant::now() + look, look);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match registry.take_turn("retention", every, Timestamp::now()).await {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) => {
                failed(&error);
                continue;
            }
        }
        while let Err(error) = apply(&registry, &policy, config.dryrun).await {
            failed(&error);
            tokio::time::sleep(RETRY.min(every)).await;
        }
    }
}

async fn apply(registry: &Registry, policy: &RetentionPolicy, dry_run: bool) -> RegistryResult<()> {
    let mode = if dry_run { RetentionMode::DryRun } else { RetentionMode::Delete };
    let mut log = |unkept: Unkept<'_>| match unkept {
        Unkept::Tag(repository, tag) => tracing::info!(%repository, %tag, dry_run, "tag is not retained"),
        Unkept::Manifest(repository, digest) => {
            tracing::info!(%repository, %digest, dry_run, "manifest is not retained");
        }
    };
    let RetentionReport { repositories, tags, manifests } =
        registry.apply_retention(policy, Timestamp::now(), mode, &mut log).await?;
    tracing::info!(repositories, tags, manifests, dry_run, "retention rules applied");
    Ok(())
}

fn failed(error: &RegistryError) {
    let error = error as &dyn std::error::Error;
    tracing::error!(error, "retention rules could not be applied; trying again later");
}
