//! PostgreSQL's plans.

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::{RunQueryDsl as _, SimpleAsyncConnection as _};
use tokio_postgres::{Client, NoTls};

use super::statement::Value;
use super::{LARGE, Statement, assert_none, fill, statements, variable};
use crate::config::{DatabaseConfig, DatabaseUrl};
use crate::postgres::Postgres;
use crate::server::ServerStore;

/// What a plan may cost, in the planner's own unit. Reading one of the larger tables or indexes as a whole costs more.
const COST_MAX: f64 = 500.0;
/// Of what a sorted page is chosen: where somebody asks what would be collected, of what is due, which is sorted if it is
/// little; and, where somebody asks why a single manifest is kept, of what refers to that.
const SORTED: [&str; 4] = [
    r#""blob_id" > $1) AND ("gc_blob_reviews"."review_after" <= "#,
    r#""manifest_id" > $1) AND ("gc_manifest_reviews"."review_after" <= "#,
    r#"FROM "manifest_children" WHERE (("manifest_children"."repository_id" = $1) AND"#,
    r#"FROM "tags" WHERE ("tags"."manifest_id" = $1) ORDER BY"#,
];

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index() {
    let server = variable("TEST_POSTGRES_URL");
    let schema = format!("registry_plans_{:016x}", fastrand::u64(..));
    connect(&server).await.batch_execute(&format!("CREATE SCHEMA {schema}")).await.unwrap();
    let url = format!("{server}?options=-csearch_path%3D{schema}");
    let mut config = DatabaseConfig::new(url.parse().unwrap());
    config.server.connections = 1;
    let DatabaseUrl::Postgres(place) = &config.url else { panic!("it is PostgreSQL") };
    let store = ServerStore::open(Postgres::new(place, &config.server).unwrap(), &config).await.unwrap();
    let statements = statements(&store).await;

    let client = connect(&url).await;
    for insert in fill::statements(|table, count, row| {
        format!("INSERT INTO {table} SELECT {row} FROM generate_series(1, {count}) AS s(i) ON CONFLICT DO NOTHING")
    }) {
        client.batch_execute(&insert).await.unwrap_or_else(|error| panic!("{insert}: {error:?}"));
    }
    client.batch_execute("ANALYZE").await.unwrap();

    // As the calls' own connection is set up.
    let mut connection = store.calls.pool.get().await.unwrap();
    let mut faults = Vec::new();
    for statement in &statements {
        connection.batch_execute(&format!("PREPARE probe AS {}", statement.text)).await.unwrap();
        // What is planned for the values, and what may be kept for all values once a statement was used some times.
        for mode in ["force_custom_plan", "force_generic_plan"] {
            connection.batch_execute(&format!("SET plan_cache_mode = {mode}")).await.unwrap();
            let explain = format!("EXPLAIN EXECUTE probe{}", arguments(statement));
            let plan: Vec<Line> = diesel::sql_query(&explain).load(&mut *connection).await.unwrap();
            let plan: Vec<String> = plan.into_iter().map(|line| line.text).collect();
            let is_for_values = mode == "force_custom_plan";
            if is_faulty(&plan, &statement.text) || (is_for_values && cost(&plan) > COST_MAX) {
                faults.push(format!("{} ({mode})\n{}", statement.text, plan.join("\n")));
            }
        }
        connection.batch_execute("DEALLOCATE probe").await.unwrap();
    }
    assert_none(&faults);
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    text: String,
}

fn is_faulty(plan: &[String], statement: &str) -> bool {
    let scans = plan.iter().any(|line| {
        let table = line.split_once("Seq Scan on ").map(|(_, rest)| rest.split(' ').next().unwrap_or_default());
        table.is_some_and(|table| LARGE.contains(&table))
    });
    // A page that must be sorted is a page for which everything behind it is read, unless it is in order but for rows
    // that are alike.
    let sorts = plan.iter().any(|line| line.trim_start_matches([' ', '-', '>']).starts_with("Sort "));
    let is_bounded = SORTED.iter().any(|part| statement.contains(part));
    scans || (statement.contains("LIMIT") && sorts && !is_bounded)
}

/// Returns what a plan costs. Of one for all values that is a guess.
fn cost(plan: &[String]) -> f64 {
    let cost = plan[0].split_once("..").and_then(|(_, rest)| rest.split(' ').next());
    cost.expect("a plan has a cost").parse().unwrap()
}

/// Writes the values of a prepared statement. Their types are known by then.
fn arguments(statement: &Statement) -> String {
    let values = statement.values.iter().enumerate().map(|(index, value)| {
        let is_list = statement.text.contains(&format!("ANY(${})", index + 1));
        match value.bytes_in_hex().filter(|_| !is_list) {
            Some(hex) => format!(r"'\x{hex}'"),
            None => literal(value),
        }
    });
    let values = values.collect::<Vec<_>>().join(", ");
    if values.is_empty() { values } else { format!("({values})") }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Plain(plain) => plain.clone(),
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Value::List(items) => {
            let items = items.iter().map(|item| match item {
                Value::Text(text) => format!("\"{text}\""),
                other => literal(other),
            });
            format!("'{{{}}}'", items.collect::<Vec<_>>().join(","))
        }
    }
}
