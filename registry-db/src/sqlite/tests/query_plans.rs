//! Every statement that the port's methods issue must find its rows by an index.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use diesel::connection::InstrumentationEvent;
use diesel::prelude::*;

use super::super::BEGUN_MAX;
use super::{SqliteStore, on_reader, on_writer, store};
use crate::every_call::call_every_method;

#[tokio::test]
async fn every_statement_uses_an_index() {
    let (store, _directory) = store().await;
    let statements = record(&store);
    call_every_method(&store, BEGUN_MAX).await;

    let statements = statements.lock().unwrap().ran.clone();
    for table in
        ["repositories", "blobs", "manifests", "tags", "uploads", "gc_blob_reviews", "gc_manifest_reviews", "settings"]
    {
        assert!(statements.iter().any(|statement| statement.contains(&format!("`{table}`"))), "{table} was never used");
    }
    for statement in statements {
        let explain = format!("EXPLAIN QUERY PLAN {statement}");
        let plan: Vec<Step> = on_reader(&store, move |inner| diesel::sql_query(explain).load(inner).unwrap());
        let plan: Vec<String> = plan.into_iter().map(|step| step.detail).collect();
        let scans = plan.iter().any(|step| step.starts_with("SCAN") && step != "SCAN CONSTANT ROW");
        assert!(!scans, "{statement} reads a whole table: {plan:#?}");
        // A page that must be sorted is a page for which everything behind it is read.
        let sorts = statement.contains("LIMIT") && plan.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(!sorts, "{statement} sorts: {plan:#?}");
        // The other manifests of the repository may be many.
        let by_subject = plan.iter().any(|step| step.contains("manifests_by_subject"));
        assert!(
            by_subject || !statement.contains("`manifests`.`subject` ="),
            "{statement} reads other manifests: {plan:#?}"
        );
    }
}

/// Preparing takes longer than running, and diesel by itself keeps no statement whose text could depend on its values.
#[tokio::test]
async fn every_statement_is_prepared_once() {
    let (store, _directory) = store().await;
    let statements = record(&store);
    call_every_method(&store, BEGUN_MAX).await;
    // The store makes some more when it is dropped.
    let Statements { ran, kept } = std::mem::take(&mut *statements.lock().unwrap());
    assert!(ran.len() > 10);
    // A limit that is bound has SQLite prepare a statement anew each time. Only pages are worth that.
    let is_limited = |ran: &&String| ran.starts_with("SELECT") && ran.contains("LIMIT") && !ran.contains("ORDER BY");
    assert_eq!(ran.iter().filter(is_limited).collect::<Vec<_>>(), [""; 0]);
    assert_eq!(ran.difference(&kept).collect::<Vec<_>>(), [""; 0]);
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = diesel::sql_types::Text)]
    detail: String,
}

#[derive(Default)]
struct Statements {
    ran: BTreeSet<String>,
    kept: BTreeSet<String>,
}

/// Notes every statement.
fn record(store: &SqliteStore) -> Arc<Mutex<Statements>> {
    let statements = Arc::new(Mutex::new(Statements::default()));
    let note = || {
        let statements = Arc::clone(&statements);
        move |event: InstrumentationEvent<'_>| match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                let text = query.to_string();
                let statement = text.split(" -- binds").next().unwrap_or(&text).to_owned();
                if ["SELECT", "INSERT", "UPDATE", "DELETE"].iter().any(|verb| statement.starts_with(verb)) {
                    statements.lock().unwrap().ran.insert(statement);
                }
            }
            InstrumentationEvent::CacheQuery { sql, .. } => {
                statements.lock().unwrap().kept.insert(sql.to_owned());
            }
            _ => {}
        }
    };
    let [of_reader, of_writer] = [note(), note()];
    on_reader(store, move |inner| inner.set_instrumentation(of_reader));
    on_writer(store, move |inner| inner.set_instrumentation(of_writer));
    statements
}
