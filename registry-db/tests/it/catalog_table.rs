//! A copy of the catalog in a table, as programs for the Sohu registry read it.

use std::collections::BTreeMap;
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use registry_core::memory::MemoryMetadataStore;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::store::Timestamp;
use registry_core::store::metadata::{ManifestStore, PutManifest};
use registry_db::{
    CatalogTable, CatalogTableConfig, CatalogTableError, CatalogTableReport, CatalogTableTls, MysqlAddress,
};

use crate::servers::proxy::{Mode, Proxy};
use crate::servers::{mysql_config, run_on_mysql};

const PAYLOAD: &[u8] = b"{}";

/// Makes an empty database. Returns how it is reached, and its URL.
async fn database() -> (CatalogTableConfig, String) {
    let (_, url) = mysql_config().await;
    let options = mysql_async::Opts::from_url(&url).unwrap();
    let address = MysqlAddress::Tcp { host: options.ip_or_hostname().to_owned(), port: options.tcp_port() };
    let mut config = CatalogTableConfig::new(address, options.db_name().unwrap());
    config.user = options.user().map(str::to_owned);
    config.password = options.pass().map(str::to_owned);
    (config, url)
}

/// What a reader asks for. Returns the names.
async fn read(url: &str) -> Vec<String> {
    let mut connection = mysql_async::Conn::from_url(url).await.unwrap();
    let rows: Vec<(String, i64)> = connection.query("SELECT name, createTime FROM repositories").await.unwrap();
    connection.disconnect().await.unwrap();
    let now_seconds = Timestamp::now().as_micros() / 1_000_000;
    let are_times =
        rows.iter().all(|(_, seconds)| *seconds == 7 || (now_seconds - 600..=now_seconds).contains(seconds));
    assert!(are_times, "{rows:?}");
    let mut names: Vec<String> = rows.into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names
}

async fn put(metadata: &dyn ManifestStore, repository: &str) {
    let put = PutManifest {
        repository: &repository.parse().unwrap(),
        digest: &Digest::of(Algorithm::Sha256, PAYLOAD),
        media_type: "application/vnd.oci.image.index.v1+json",
        artifact_type: None,
        subject: None,
        annotations: &BTreeMap::new(),
        payload: &PAYLOAD.into(),
        blobs: &[],
        optional_blobs: &[],
        children: &[],
        sparse_children: &[],
        tags: &[],
        review_after: Timestamp::from_micros(0),
        restorable_until: None,
    };
    metadata.put_manifest(put).await.unwrap();
}

async fn delete(metadata: &dyn ManifestStore, repository: &str) {
    let digest = Digest::of(Algorithm::Sha256, PAYLOAD);
    metadata.delete_manifest(&repository.parse().unwrap(), &digest, Timestamp::from_micros(0), None).await.unwrap();
}

fn report(added: u64, removed: u64) -> CatalogTableReport {
    let mut report = CatalogTableReport::default();
    (report.added, report.removed) = (added, removed);
    report
}

#[tokio::test]
async fn the_table_is_created_and_follows_the_catalog() {
    let (config, url) = database().await;
    let (table, metadata) = (CatalogTable::new(&config), MemoryMetadataStore::default());
    // More than a page and a batch.
    for number in 0..1200 {
        put(&metadata, &format!("many/{number:04}")).await;
    }
    assert_eq!(table.update(&metadata).await.unwrap(), report(1200, 0));
    assert_eq!(table.update(&metadata).await.unwrap(), report(0, 0));
    for number in 0..1100 {
        delete(&metadata, &format!("many/{number:04}")).await;
    }
    put(&metadata, "a").await;
    assert_eq!(table.update(&metadata).await.unwrap(), report(1, 1100));
    let expected: Vec<String> =
        ["a".to_owned()].into_iter().chain((1100..1200).map(|number| format!("many/{number}"))).collect();
    assert_eq!(read(&url).await, expected);
}

#[tokio::test]
async fn what_the_sohu_registry_left_is_taken_over() {
    let (config, url) = database().await;
    run_on_mysql(
        &url,
        "CREATE TABLE repositories (name VARCHAR(1024) NOT NULL, createTime BIGINT(20) NOT NULL DEFAULT '0', \
         PRIMARY KEY (name)) COLLATE='utf8_general_ci' ENGINE=InnoDB",
    )
    .await;
    run_on_mysql(&url, "INSERT INTO repositories VALUES ('gone/1', 7), ('kept-2', 7), ('kept_1', 7), ('UPPER', 7)")
        .await;
    let (table, metadata) = (CatalogTable::new(&config), MemoryMetadataStore::default());
    // Neither the order of this column nor what it takes for the same is that of bytes.
    for name in ["a", "kept-2", "kept", "kept_1", "kepta", "keptz/b", "upper", "z"] {
        put(&metadata, name).await;
    }
    assert_eq!(table.update(&metadata).await.unwrap(), report(6, 2));
    assert_eq!(read(&url).await, ["a", "kept", "kept-2", "kept_1", "kepta", "keptz/b", "upper", "z"]);
    assert_eq!(table.update(&metadata).await.unwrap(), report(0, 0));
}

#[tokio::test]
async fn the_database_of_a_registry_is_left_alone() {
    let (config, url) = database().await;
    let own = registry_db::DatabaseConfig::new(url.parse().unwrap());
    assert!(config.is(&own.url));
    let store = registry_db::open(&own).await.unwrap();
    put(&*store, "a").await;
    let error = CatalogTable::new(&config).update(&MemoryMetadataStore::default()).await.unwrap_err();
    assert!(matches!(error, CatalogTableError::OtherTable { .. }), "{error:?}");
    assert_eq!(store.repositories(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_view_of_the_registrys_own_table_is_a_copy_too() {
    let (_, own) = mysql_config().await;
    let (_, readers) = database().await;
    let store = registry_db::open(&registry_db::DatabaseConfig::new(own.parse().unwrap())).await.unwrap();
    put(&*store, "a").await;
    put(&*store, "b").await;
    delete(&*store, "b").await;
    let name = own.rsplit_once('/').unwrap().1;
    // As docs/databases.md has it.
    let view = include_str!("../../../docs/databases.md");
    let view = view.lines().skip_while(|line| !line.starts_with("CREATE VIEW")).take_while(|line| *line != "```");
    let view = view.collect::<Vec<_>>().join("\n").replace("domeos.", "").replace("registry.", &format!("{name}."));
    run_on_mysql(&readers, view.trim_end_matches(';')).await;
    assert_eq!(read(&readers).await, ["a"]);
}

#[tokio::test]
async fn a_database_that_was_away_catches_up() {
    let (mut config, url) = database().await;
    let MysqlAddress::Tcp { port, .. } = config.address else { panic!("it is reached by TCP") };
    let proxy = Proxy::to(port).await;
    config.address = MysqlAddress::Tcp { host: "127.0.0.1".to_owned(), port: proxy.port };
    (config.connect_timeout, config.timeout) = (Duration::from_millis(500), Duration::from_secs(5));
    let (table, metadata) = (CatalogTable::new(&config), MemoryMetadataStore::default());
    put(&metadata, "a").await;
    table.update(&metadata).await.unwrap();
    put(&metadata, "b").await;
    for mode in [Mode::Refuse, Mode::Swallow] {
        proxy.cut(mode);
        let error = table.update(&metadata).await.unwrap_err();
        assert!(matches!(error, CatalogTableError::Connect { .. }), "{error:?}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
    proxy.cut(Mode::Pass);
    assert_eq!(table.update(&metadata).await.unwrap(), report(1, 0));
    assert_eq!(read(&url).await, ["a", "b"]);
}

#[tokio::test]
async fn a_server_proves_who_it_is_only_if_it_has_to() {
    let (mut config, url) = database().await;
    let metadata = MemoryMetadataStore::default();
    put(&metadata, "a").await;
    for tls in [CatalogTableTls::Disabled, CatalogTableTls::Preferred, CatalogTableTls::Unverified] {
        config.tls = tls;
        CatalogTable::new(&config).update(&metadata).await.unwrap();
    }
    assert_eq!(read(&url).await, ["a"]);
    // The test's authority is none that browsers trust.
    config.tls = CatalogTableTls::Verified;
    let error = CatalogTable::new(&config).update(&metadata).await.unwrap_err();
    assert!(matches!(error, CatalogTableError::Connect { .. }), "{error:?}");
}
