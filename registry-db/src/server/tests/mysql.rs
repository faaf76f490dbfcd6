//! MariaDB's plans.

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Row};

use super::statement::Value;
use super::{LARGE, Statement, assert_none, fill, statements, variable};
use crate::config::{DatabaseConfig, DatabaseUrl};
use crate::mysql::Mysql;
use crate::server::ServerStore;

/// How many rows a step may look at, as far as the server knows. Tables and large groups in an index have more.
const ROWS_MAX: u64 = 1500;

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index() {
    let server = variable("TEST_MYSQL_URL");
    let name = format!("registry_plans_{:016x}", fastrand::u64(..));
    let mut connection = Conn::from_url(&server).await.unwrap();
    connection.query_drop(format!("CREATE DATABASE {name}")).await.unwrap();
    let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
    let mut config = DatabaseConfig::new(url.parse().unwrap());
    config.server.connections = 1;
    let DatabaseUrl::Mysql(place) = &config.url else { panic!("it is MySQL") };
    let store = ServerStore::open(Mysql::new(place, &config.server).unwrap(), &config).await.unwrap();
    let statements = statements(&store).await;

    let mut connection = Conn::from_url(&url).await.unwrap();
    for insert in fill::statements(|table, count, row| {
        format!("INSERT IGNORE INTO {table} SELECT {row} FROM (SELECT seq AS i FROM seq_1_to_{count}) AS s")
    }) {
        connection.query_drop(&insert).await.unwrap_or_else(|error| panic!("{insert}: {error:?}"));
    }
    connection.query_drop(format!("ANALYZE TABLE {}", LARGE.join(", "))).await.unwrap();

    let mut faults = Vec::new();
    for statement in &statements {
        let explain = format!("EXPLAIN {}", with_values(statement));
        let plan: Vec<Row> = connection.query(&explain).await.unwrap_or_else(|error| panic!("{explain}: {error:?}"));
        let plan: Vec<Step> = plan.into_iter().map(Step::from).collect();
        if plan.iter().any(|step| step.is_faulty(&statement.text)) {
            faults.push(format!("{explain}\n{plan:#?}"));
        }
    }
    assert_none(&faults);
}

#[derive(Debug)]
struct Step {
    table: String,
    access: String,
    rows: u64,
    extra: String,
}

impl From<Row> for Step {
    fn from(mut row: Row) -> Self {
        let mut text = |name: &str| row.take::<Option<String>, _>(name).unwrap().unwrap_or_default();
        let rows = text("rows").parse().unwrap_or_default();
        Self { table: text("table"), access: text("type"), rows, extra: text("Extra") }
    }
}

impl Step {
    fn is_faulty(&self, statement: &str) -> bool {
        let scans = self.access == "ALL" && LARGE.contains(&self.table.as_str());
        // A page that must be sorted is a page for which everything behind it is read; one that is not ends early.
        let is_page = statement.contains("LIMIT") && !self.extra.contains("Using filesort");
        scans || (self.rows > ROWS_MAX && !is_page)
    }
}

fn with_values(statement: &Statement) -> String {
    let mut parts = statement.text.split('?');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (part, value) in parts.zip(&statement.values) {
        text += &literal(value);
        text += part;
    }
    text
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Plain(plain) => plain.clone(),
        Value::Text(text) => format!("'{}'", text.replace('\\', r"\\").replace('\'', "''")),
        Value::List(_) => format!("X'{}'", value.bytes_in_hex().expect("a list is one of bytes")),
    }
}
