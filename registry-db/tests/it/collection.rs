//! A collection of which something fails in the database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use registry_core::gc::{CollectOptions, CollectReport};
use registry_core::memory::MemoryBlobStore;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::protocol::reference::{Reference, RepositoryName};
use registry_core::store::metadata::{PutManifest, PutManifestOutcome};
use registry_core::store::{MetadataStore, Timestamp};
use registry_core::{Registry, RegistryOptions};

use crate::metadata_store::sqlite;
use crate::servers::{mysql_config, postgres_config, run_on_mysql, run_on_postgres};

/// More than a collection looks at in one transaction.
const MANIFESTS: usize = 25;
const GUARDED: &str = "7";
/// How long a server may take for a transaction; far more than it does, unless the machine has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

fn digest(content: &str) -> Digest {
    Digest::of(Algorithm::Sha256, content.as_bytes())
}

async fn put(store: &dyn MetadataStore, repository: &RepositoryName, payload: &str) {
    let put = PutManifest {
        repository,
        digest: &digest(payload),
        media_type: "application/vnd.oci.image.manifest.v1+json",
        artifact_type: None,
        subject: None,
        annotations: &BTreeMap::new(),
        payload: &Bytes::from(payload.to_owned()),
        blobs: &[],
        optional_blobs: &[],
        children: &[],
        sparse_children: &[],
        tags: &[],
        review_after: Timestamp::from_micros(0),
        restorable_until: None,
    };
    assert_eq!(store.put_manifest(put).await.unwrap(), PutManifestOutcome::Stored);
}

/// Collects manifests of which the database refuses to delete one, until `permit` has it do so.
async fn a_manifest_that_fails_keeps_no_other(store: Arc<dyn MetadataStore>, permit: impl AsyncFnOnce()) {
    let repository: RepositoryName = "a".parse().unwrap();
    for payload in 0..MANIFESTS {
        put(&*store, &repository, &payload.to_string()).await;
    }
    let registry = Registry::new(Arc::new(MemoryBlobStore::default()), Arc::clone(&store), RegistryOptions::default());
    let options = CollectOptions { delete_untagged: true, parallelism: 1 };
    let collect = async |now| registry.collect_garbage(now, options, &mut |_| {}).await.unwrap();
    let guarded = Reference::Digest(digest(GUARDED));

    let mut now = Timestamp::now();
    let report = collect(now).await;
    assert_eq!((report.manifests, report.failed), (MANIFESTS as u64 - 1, 1));
    assert!(store.manifest(&repository, &guarded).await.unwrap().is_some());
    for minutes in [10, 20] {
        let next = now.plus(Duration::from_secs(minutes * 60));
        assert!(collect(now.plus(Duration::from_secs(minutes * 60 - 1))).await.is_empty());
        assert_eq!(collect(next).await, CollectReport { failed: 1, ..CollectReport::default() });
        now = next;
    }
    permit().await;
    assert_eq!(collect(now.plus(Duration::from_secs(40 * 60))).await.manifests, 1);
    assert_eq!(store.manifest(&repository, &guarded).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manifest_that_fails_keeps_no_other_on_sqlite() {
    let (store, directory) = sqlite().await;
    let path = directory.path().join("registry.db");
    let run = |statement: &str| {
        SqliteConnection::establish(path.to_str().unwrap()).unwrap().batch_execute(statement).unwrap();
    };
    run(&format!(
        "CREATE TRIGGER guard BEFORE DELETE ON manifests WHEN OLD.digest = '{}'
         BEGIN SELECT RAISE(ABORT, 'guarded'); END",
        digest(GUARDED)
    ));
    a_manifest_that_fails_keeps_no_other(store, async || run("DROP TRIGGER guard")).await;
}

#[tokio::test]
async fn a_manifest_that_fails_keeps_no_other_on_postgres() {
    let (mut config, url) = postgres_config().await;
    config.server.timeout = PATIENCE;
    let store = registry_db::open(&config).await.unwrap();
    let function = "CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'guarded'; END $$";
    let trigger = format!(
        "CREATE TRIGGER guard BEFORE DELETE ON manifests FOR EACH ROW
         WHEN (OLD.digest = '{}') EXECUTE FUNCTION guard()",
        digest(GUARDED)
    );
    run_on_postgres(&url, &format!("{function}; {trigger}")).await;
    let permit = async || run_on_postgres(&url, "DROP TRIGGER guard ON manifests").await;
    a_manifest_that_fails_keeps_no_other(store, permit).await;
}

#[tokio::test]
async fn a_manifest_that_fails_keeps_no_other_on_mysql() {
    let (mut config, url) = mysql_config().await;
    config.server.timeout = PATIENCE;
    let store = registry_db::open(&config).await.unwrap();
    let trigger = format!(
        "CREATE TRIGGER guard BEFORE DELETE ON manifests FOR EACH ROW
         IF OLD.digest = '{}' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'guarded'; END IF",
        digest(GUARDED)
    );
    run_on_mysql(&url, &trigger).await;
    a_manifest_that_fails_keeps_no_other(store, async || run_on_mysql(&url, "DROP TRIGGER guard").await).await;
}
