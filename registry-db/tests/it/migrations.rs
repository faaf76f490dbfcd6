//! The migrations of the servers: they can be undone, and an interrupted one is made good by the next start.

use std::fs;
use std::path::Path;

use registry_db::DatabaseConfig;

use crate::servers::{mysql_config, postgres_config, run_on_mysql, run_on_postgres};

/// Reads every migration of a database, in their order.
fn migrations(database: &str, file: &str) -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database);
    let mut names: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.iter().map(|name| fs::read_to_string(name.join(file)).unwrap()).collect()
}

/// Cuts a migration into its statements.
fn statements(migration: &str) -> Vec<String> {
    let lines = migration.lines().filter(|line| !line.trim_start().starts_with("--"));
    let text = lines.collect::<Vec<_>>().join("\n");
    text.split(";\n")
        .map(|statement| statement.trim().trim_end_matches(';').to_owned())
        .filter(|s| !s.is_empty())
        .collect()
}

async fn open(config: &DatabaseConfig) {
    registry_db::open(config).await.unwrap().check().await.unwrap();
}

fn undo_all(database: &str) -> String {
    let mut undo = migrations(database, "down.sql");
    undo.reverse();
    undo.push("DELETE FROM __diesel_schema_migrations;".to_owned());
    undo.join("\n")
}

#[tokio::test]
async fn the_migrations_of_postgres_can_be_undone_and_done_again() {
    let (config, url) = postgres_config().await;
    open(&config).await;
    run_on_postgres(&url, &undo_all("postgres")).await;
    run_on_postgres(&url, &migrations("postgres", "up.sql").join("\n")).await;
    run_on_postgres(&url, &undo_all("postgres")).await;
    open(&config).await;
}

#[tokio::test]
async fn the_migrations_of_mysql_can_be_undone_and_done_again() {
    let (config, url) = mysql_config().await;
    open(&config).await;
    run_on_mysql(&url, &undo_all("mysql")).await;
    run_on_mysql(&url, &migrations("mysql", "up.sql").join("\n")).await;
    run_on_mysql(&url, &undo_all("mysql")).await;
    open(&config).await;
}

/// MySQL commits each statement by itself, so that a start that is killed leaves the first few behind.
#[tokio::test]
async fn a_migration_of_mysql_that_was_interrupted_is_made_good_by_the_next_start() {
    let all: Vec<String> = migrations("mysql", "up.sql").iter().flat_map(|migration| statements(migration)).collect();
    assert!(all.len() >= 10, "{all:?}");
    let (config, url) = mysql_config().await;
    let (server, name) = url.rsplit_once('/').unwrap();
    for done in 1..=all.len() {
        run_on_mysql(server, &format!("DROP DATABASE {name}; CREATE DATABASE {name}")).await;
        run_on_mysql(&url, &all[..done].join(";\n")).await;
        open(&config).await;
    }
}
