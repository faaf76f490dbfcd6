//! What the subcommands do.

pub(crate) mod backup;
pub(crate) mod config;
pub(crate) mod fsck;
pub(crate) mod garbage_collect;
pub(crate) mod import;
pub(crate) mod replication;
pub(crate) mod restore;
pub(crate) mod scrub;
pub(crate) mod serve;
pub(crate) mod storage;
pub(crate) mod storage_copy;

use registry_core::Registry;
use registry_core::store::Timestamp;
use registry_http::metrics::Metrics;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::Config;
use crate::wire;

/// Opens the registry of a configuration without serving it, and does something with it.
pub(crate) fn with_registry<T>(
    config: &Config,
    run: impl AsyncFnOnce(Registry) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stores = wire::bound_stores(config).await?;
        let mut metrics = Metrics::new(env!("CARGO_PKG_VERSION"), "");
        run(wire::registry(config, stores, &mut metrics)?).await
    })
}

/// Shows a date to the second, in UTC.
pub(crate) fn date(at: Timestamp) -> String {
    let seconds = OffsetDateTime::from_unix_timestamp(at.as_micros().div_euclid(1_000_000));
    seconds.ok().and_then(|date| date.format(&Rfc3339).ok()).unwrap_or_else(|| "ever".to_owned())
}
