//! Servers that are away, do not answer, or lose connections; and callers that get in each other's way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{join_all, try_join_all};
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::protocol::reference::{Reference, RepositoryName, Tag};
use registry_core::store::metadata::{CommitBlob, PutManifest, PutManifestOutcome};
use registry_core::store::{BlobLocation, MetadataStore, StoreError, StoreErrorKind, StoreResult, Timestamp};
use registry_db::{DatabaseConfig, DatabaseUrl, OpenError, TlsConfig};

use crate::servers::proxy::{Mode, Proxy};
use crate::servers::variable;

/// Longer than any of these calls may take; only a call that hangs takes that long.
const PATIENCE: Duration = Duration::from_secs(60);
const LATER: Timestamp = Timestamp::from_micros(1_000_000);

macro_rules! on_every_server {
    ($($case:ident)+) => {
        mod postgres {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::servers::postgres_config().await).await;
            })+
        }
        mod mysql {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::servers::mysql_config().await).await;
            })+
        }
    };
}

on_every_server! {
    lost_connections_are_replaced_unnoticed
    while_the_server_is_away_calls_are_unavailable
    while_the_server_does_not_answer_calls_are_unavailable
    a_commit_that_did_not_arrive_can_be_repeated
    a_commit_whose_answer_is_lost_can_be_repeated
    calls_that_are_in_each_others_way_all_succeed
    calls_wait_for_a_connection
    a_wrong_password_is_told_at_once
    a_server_that_is_not_there_is_named
    a_server_that_does_not_prove_who_it_is_is_refused_at_once
}

fn repository(index: usize) -> RepositoryName {
    format!("a/{index}").parse().unwrap()
}

fn tag() -> Tag {
    "latest".parse().unwrap()
}

fn digest(content: &str) -> Digest {
    Digest::of(Algorithm::Sha256, content.as_bytes())
}

async fn commit(store: &dyn MetadataStore, repository: &RepositoryName, content: &str) -> StoreResult<()> {
    let commit = CommitBlob {
        repository,
        digest: &digest(content),
        size_bytes: content.len() as u64,
        location: &BlobLocation::new("here"),
        is_displaced: false,
        is_replicated: false,
        upload: None,
        hold: None,
        review_after: LATER,
    };
    store.commit_blob(commit).await
}

async fn put(
    store: &dyn MetadataStore,
    repository: &RepositoryName,
    payload: &str,
    blobs: &[Digest],
) -> StoreResult<PutManifestOutcome> {
    let put = PutManifest {
        repository,
        digest: &digest(payload),
        media_type: "application/vnd.oci.image.manifest.v1+json",
        artifact_type: None,
        subject: None,
        annotations: &BTreeMap::new(),
        payload: &Bytes::from(payload.to_owned()),
        blobs,
        optional_blobs: &[],
        children: &[],
        sparse_children: &[],
        tags: &[tag()],
        review_after: LATER,
        restorable_until: None,
    };
    store.put_manifest(put).await
}

async fn tagged(store: &dyn MetadataStore) -> Option<Digest> {
    let found = store.manifest(&repository(0), &Reference::Tag(tag())).await.unwrap();
    found.map(|manifest| manifest.digest)
}

/// Opens a database by a proxy.
async fn open_by_proxy(mut config: DatabaseConfig, url: &str) -> (Arc<dyn MetadataStore>, Proxy) {
    let (before, port, after) = split_at_port(url);
    let proxy = Proxy::to(port.parse().unwrap()).await;
    config.url = format!("{before}{}{after}", proxy.port).parse().unwrap();
    config.server.timeout = Duration::from_secs(2);
    config.server.connect_timeout = Duration::from_secs(1);
    (registry_db::open(&config).await.unwrap(), proxy)
}

/// Splits a URL with a port.
fn split_at_port(url: &str) -> (&str, &str, &str) {
    let place = url.rfind('@').unwrap();
    let begin = place + url[place..].find(':').unwrap() + 1;
    let end = begin + url[begin..].find('/').unwrap();
    (&url[..begin], &url[begin..end], &url[end..])
}

async fn patiently<T>(call: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, call).await.expect("the call hangs")
}

async fn lost_connections_are_replaced_unnoticed((config, url): (DatabaseConfig, String)) {
    let (store, proxy) = open_by_proxy(config, &url).await;
    for round in 0..5 {
        let contents: Vec<String> = (0..4).map(|index| format!("{round} {index}")).collect();
        let commits = contents.iter().map(|content| async { commit(&*store, &repository(0), content).await });
        try_join_all(commits).await.unwrap();
        proxy.cut(Mode::Pass);
        assert!(store.blob(&repository(0), &digest(&contents[0])).await.unwrap().is_some());
        proxy.cut(Mode::Pass);
        put(&*store, &repository(0), &contents[0], &[digest(&contents[0])]).await.unwrap();
    }
}

async fn while_the_server_is_away_calls_are_unavailable((config, url): (DatabaseConfig, String)) {
    unavailable_while(config, &url, Mode::Refuse).await;
}

async fn while_the_server_does_not_answer_calls_are_unavailable((config, url): (DatabaseConfig, String)) {
    unavailable_while(config, &url, Mode::Swallow).await;
}

async fn unavailable_while(config: DatabaseConfig, url: &str, mode: Mode) {
    let (store, proxy) = open_by_proxy(config, url).await;
    let repository = repository(0);
    commit(&*store, &repository, "before").await.unwrap();
    proxy.cut(mode);
    for _ in 0..2 {
        let read = patiently(store.check()).await.unwrap_err();
        assert_eq!(read.kind(), StoreErrorKind::Unavailable, "{read:?}");
    }
    let calls = (0..40).map(|_| commit(&*store, &repository, "meanwhile"));
    for written in patiently(join_all(calls)).await {
        let written = written.unwrap_err();
        assert_eq!(written.kind(), StoreErrorKind::Unavailable, "{written:?}");
    }
    proxy.cut(Mode::Pass);
    // On a busy machine whoever comes first may still wait for a connection that was asked for before.
    if patiently(commit(&*store, &repository, "after")).await.is_err() {
        patiently(commit(&*store, &repository, "after")).await.unwrap();
    }
    assert!(store.blob(&repository, &digest("before")).await.unwrap().is_some());
    assert!(store.blob(&repository, &digest("meanwhile")).await.unwrap().is_none());
}

/// Nobody can know whether it happened.
fn assert_in_doubt(error: &StoreError) {
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    assert!(cause.contains("may have been made, or not"), "{error:?}");
}

async fn a_commit_that_did_not_arrive_can_be_repeated((config, url): (DatabaseConfig, String)) {
    let (store, proxy) = open_by_proxy(config, &url).await;
    proxy.cut(Mode::CutBeforeCommit);
    let error = patiently(put(&*store, &repository(0), "manifest", &[])).await.unwrap_err();
    assert_in_doubt(&error);
    proxy.cut(Mode::Pass);
    assert_eq!(tagged(&*store).await, None);
    put(&*store, &repository(0), "manifest", &[]).await.unwrap();
    assert_eq!(tagged(&*store).await, Some(digest("manifest")));
}

async fn a_commit_whose_answer_is_lost_can_be_repeated((config, url): (DatabaseConfig, String)) {
    let (store, proxy) = open_by_proxy(config, &url).await;
    proxy.cut(Mode::CutAfterCommit);
    let error = patiently(put(&*store, &repository(0), "manifest", &[])).await.unwrap_err();
    assert_in_doubt(&error);
    proxy.cut(Mode::Pass);
    // The server has it, or will have it when it comes to it.
    let happened = async {
        while tagged(&*store).await.is_none() {
            tokio::task::yield_now().await;
        }
    };
    patiently(happened).await;
    assert_eq!(put(&*store, &repository(0), "manifest", &[]).await.unwrap(), PutManifestOutcome::Stored);
    assert_eq!(tagged(&*store).await, Some(digest("manifest")));
}

/// Pushes, mounts and deletes of the same few blobs and manifests lock the same rows, in whichever order.
async fn calls_that_are_in_each_others_way_all_succeed((mut config, _): (DatabaseConfig, String)) {
    // So that it is by being repeated that they succeed, and not by taking long on a machine that is busy.
    config.server.timeout = PATIENCE;
    let store = registry_db::open(&config).await.unwrap();
    let contents = ["one", "two", "three"];
    let tasks = (0..6usize).map(|task| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let (here, there) = (repository(task % 2), repository((task + 1) % 2));
            let mut blobs: Vec<Digest> = contents.iter().map(|content| digest(content)).collect();
            blobs.rotate_left(task % 3);
            for round in 0..15 {
                for content in contents {
                    commit(&*store, &here, content).await?;
                }
                store.mount_blob(&there, &blobs[0], Some(&here), LATER).await?;
                let payload = format!("manifest {}", (task + round) % 2);
                put(&*store, &here, &payload, &blobs).await?;
                match round % 3 {
                    0 => drop(store.delete_manifest(&there, &digest(&payload), LATER, None).await?),
                    1 => drop(store.unlink_blob(&there, &blobs[1], LATER).await?),
                    _ => drop(store.delete_tag(&here, &tag(), LATER, None).await?),
                }
            }
            StoreResult::Ok(())
        })
    });
    for outcome in join_all(tasks).await {
        outcome.unwrap().unwrap();
    }
}

async fn calls_wait_for_a_connection((mut config, _): (DatabaseConfig, String)) {
    config.server.connections = 2;
    config.server.timeout = PATIENCE;
    let store = registry_db::open(&config).await.unwrap();
    let contents: Vec<String> = (0..50).map(|index| index.to_string()).collect();
    let repository = repository(0);
    try_join_all(contents.iter().map(|content| commit(&*store, &repository, content))).await.unwrap();
}

async fn a_wrong_password_is_told_at_once((mut config, url): (DatabaseConfig, String)) {
    config.url = url.replace("secret", "hunter2").parse().unwrap();
    config.server.start_timeout = PATIENCE * 10;
    let error = patiently(registry_db::open(&config)).await.unwrap_err();
    assert!(matches!(error, OpenError::Connect { .. }), "{error:?}");
    let text = format!("{error} {error:?}");
    assert!(text.contains("registry@127.0.0.1") && !text.contains("hunter2"), "{text}");
}

async fn a_server_that_is_not_there_is_named((mut config, url): (DatabaseConfig, String)) {
    let (before, _, after) = split_at_port(&url);
    config.url = format!("{before}1{after}").parse().unwrap();
    config.server.start_timeout = Duration::from_millis(10);
    let error = patiently(registry_db::open(&config)).await.unwrap_err();
    assert!(error.to_string().contains("registry@127.0.0.1:1/"), "{error}");
}

async fn a_server_that_does_not_prove_who_it_is_is_refused_at_once((mut config, _): (DatabaseConfig, String)) {
    let [own, foreign] = match &config.url {
        DatabaseUrl::Postgres(_) => ["TEST_POSTGRES_CA", "TEST_MYSQL_CA"],
        _ => ["TEST_MYSQL_CA", "TEST_POSTGRES_CA"],
    };
    // Far longer than the test's patience.
    config.server.start_timeout = Duration::from_secs(3600);
    config.server.tls = Some(TlsConfig::new(vec![variable(foreign).into()]));
    let error = patiently(registry_db::open(&config)).await.unwrap_err();
    assert!(matches!(error, OpenError::Untrusted { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("did not prove that it is the host of the url") && !text.contains("secret"), "{text}");
    config.server.tls = Some(TlsConfig::new(vec![variable(own).into()]));
    patiently(registry_db::open(&config)).await.unwrap().check().await.unwrap();
}
