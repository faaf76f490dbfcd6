//! `registry serve`.

use std::future::pending;
use std::sync::Arc;

use anyhow::Context as _;
use registry_http::RegistryService;
use registry_http::metrics::Metrics;
use registry_http::server::{ServeOutcome, Server};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::mover::{self, MoveMetrics};
use crate::replicator::{self, FirstStore, ReplicationMetrics};
use crate::scrub::{self, ScrubMetrics};
use crate::signal::Stop;
use crate::{catalog_copy, collector, health, retention, schedule, wire};

/// Serves as the configuration says, until SIGTERM or SIGINT.
pub(crate) fn run(config: Config) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(config))
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let mut stop = Stop::listen()?;
    let mut metrics = Metrics::new(env!("CARGO_PKG_VERSION"), "");
    let catalog_copy = wire::catalog_copy(&config)?;
    // A database server may be waited for.
    let stores = tokio::select! {
        stores = wire::bound_stores(&config) => stores?,
        () = stop.next() => {
            tracing::info!("stopped before the start was over");
            return Ok(());
        }
    };
    let metadata = Arc::clone(&stores.metadata);
    let snapshots = wire::snapshots(&config, &stores);
    let first = FirstStore { driver: Arc::clone(&stores.driver), metadata: Arc::clone(&metadata) };
    let looked_after = wire::looked_after(&config, stores, &mut metrics)?;
    let registry = looked_after.registry.clone();
    let scrub_metrics = ScrubMetrics::new(metrics.registry_mut());
    let move_metrics = MoveMetrics::new(metrics.registry_mut());
    let replication = ReplicationMetrics::new(metrics.registry_mut(), config.storage.replicate.is_some());
    let metrics = Arc::new(metrics);
    let health = Arc::new(health::checks(&config, &registry)?);
    let service = RegistryService::new(registry.clone())
        .with_config(wire::service(&config)?)
        .with_authenticator(wire::authenticator(&config).await?)
        .with_health(Arc::clone(&health))
        .with_metrics(Arc::clone(&metrics));
    let server = Server::bind(wire::server(&config.http)).await.context("http.addr")?;
    let server = server.count_connections(metrics.connections());
    for address in server.addresses() {
        tracing::info!(%address, tls = config.http.tls.key_pair().is_some(), "listening");
    }

    let mut background = JoinSet::new();
    if let Some(debug) = wire::debug_server(&config.http) {
        let debug = Server::bind(debug).await.context("http.debug.addr")?;
        for address in debug.addresses() {
            tracing::info!(%address, "listening for operators");
        }
        let service = wire::debug_service(&config.http, Arc::clone(&health), metrics);
        background.spawn(async move {
            debug.serve(service, pending()).await;
        });
    }
    let purging = config.storage.maintenance.uploadpurging.clone();
    let collection = config.storage.maintenance.garbagecollection.clone();
    background.spawn(collector::collect_garbage(registry.clone(), collection, wire::collection(&config)));
    background.spawn(schedule::finish_adoption(registry.clone()));
    background.spawn(schedule::purge_uploads(registry.clone(), purging));
    background.spawn(mover::move_blobs(registry.clone(), move_metrics));
    background.spawn(replicator::replicate(config.clone(), registry.clone(), first, replication));
    background.spawn(scrub::scrub(looked_after, config.storage.maintenance.scrub.clone(), scrub_metrics));
    if !config.storage.maintenance.readonly.enabled {
        let policy = retention::policy(&config.retention).context("retention.rules")?;
        background.spawn(retention::apply_retention(registry, policy, config.retention.clone()));
    }
    background.spawn(catalog_copy::keep(catalog_copy, metadata, config.search.interval.get()));
    background.spawn(schedule::take_snapshots(snapshots, config.database.snapshots.clone()));
    background.spawn({
        let health = Arc::clone(&health);
        async move { health.run().await }
    });

    let (drain, draining) = oneshot::channel::<()>();
    let mut serving = tokio::spawn(server.serve(service, async { drop(draining.await) }));
    health.mark_started();
    tokio::select! {
        () = stop.next() => tracing::info!("stopping; requests in flight may finish"),
        ended = &mut serving => anyhow::bail!("the server ended by itself: {ended:?}"),
    }
    health.mark_stopping();
    drop(drain);
    tokio::select! {
        outcome = serving => match outcome? {
            ServeOutcome::Drained => tracing::info!("stopped"),
            ServeOutcome::Cut => tracing::warn!("stopped; some requests took too long and were cut"),
        },
        () = stop.next() => tracing::warn!("stopped at once, at the second signal"),
    }
    Ok(())
}
