//! Databases of servers, each new and empty.
//!
//! The servers' URLs come from variables: `scripts/databases COMMAND` starts servers and sets them for the command.

pub(crate) mod proxy;

use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use registry_core::store::MetadataStore;
use registry_db::DatabaseConfig;
use tokio_postgres::NoTls;

/// Opens an empty database of a PostgreSQL server.
pub(crate) async fn postgres() -> (Arc<dyn MetadataStore>, DatabaseConfig) {
    opened(postgres_config().await.0).await
}

/// Opens an empty database of a MySQL or MariaDB server.
pub(crate) async fn mysql() -> (Arc<dyn MetadataStore>, DatabaseConfig) {
    opened(mysql_config().await.0).await
}

async fn opened(mut config: DatabaseConfig) -> (Arc<dyn MetadataStore>, DatabaseConfig) {
    // What many callers do at once may take a machine long that has much else to do.
    config.server.timeout = Duration::from_secs(60);
    (registry_db::open(&config).await.unwrap(), config)
}

/// Makes an empty schema. Returns its URL as well.
pub(crate) async fn postgres_config() -> (DatabaseConfig, String) {
    let (url, name) = (variable("TEST_POSTGRES_URL"), name());
    run_on_postgres(&url, &format!("CREATE SCHEMA {name}")).await;
    config(format!("{url}?options=-csearch_path%3D{name}"))
}

/// Makes an empty database. Returns its URL as well.
pub(crate) async fn mysql_config() -> (DatabaseConfig, String) {
    let (url, name) = (variable("TEST_MYSQL_URL"), name());
    run_on_mysql(&url, &format!("CREATE DATABASE {name}")).await;
    let (server, _) = url.rsplit_once('/').expect("the URL names a database");
    config(format!("{server}/{name}"))
}

pub(crate) async fn run_on_postgres(url: &str, statements: &str) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute(statements).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
}

pub(crate) async fn run_on_mysql(url: &str, statements: &str) {
    let mut connection = mysql_async::Conn::from_url(url).await.unwrap();
    connection.query_drop(statements).await.unwrap();
    connection.disconnect().await.unwrap();
}

/// What `scripts/databases` says.
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set; run this test by `scripts/databases cargo test -p registry-db`"))
}

fn name() -> String {
    format!("registry_test_{:016x}", fastrand::u64(..))
}

fn config(url: String) -> (DatabaseConfig, String) {
    let mut config = DatabaseConfig::new(url.parse().unwrap());
    config.server.start_timeout = Duration::from_secs(5);
    (config, url)
}
