//! What can only be seen from inside: how servers carry out the statements of every call.
//!
//! The statements are those that the calls really make, with their values. They are explained beside many rows, with
//! statistics: 20,000 manifests and tags in one repository, and half as much elsewhere. `scripts/databases` starts the
//! servers.

mod fill;
mod mysql;
mod postgres;
mod statement;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use diesel::connection::InstrumentationEvent;
use diesel_async::AsyncConnection as _;
use registry_core::store::MetadataStore;

use self::statement::Statement;
use super::{Dialect, ServerStore};
use crate::every_call::call_every_method;

/// The tables that are filled. Of others, reading all is as good as reading by an index.
const LARGE: [&str; 18] = [
    "blobs",
    "gc_blob_holds",
    "gc_blob_reviews",
    "gc_manifest_reviews",
    "imported_repositories",
    "manifest_blobs",
    "manifest_children",
    "manifests",
    "namespace_blobs",
    "namespace_usage",
    "replicated_blobs",
    "repositories",
    "repository_blobs",
    "repository_usage",
    "tag_history",
    "tags",
    "uploads",
    "withdrawn_manifests",
];

/// Calls every method of a store with a single connection. Returns the statements, one of each text.
async fn statements<D: Dialect>(store: &ServerStore<D>) -> Vec<Statement>
where
    ServerStore<D>: MetadataStore,
{
    let shown = Arc::new(Mutex::new(BTreeMap::new()));
    let note = {
        let shown = Arc::clone(&shown);
        move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event {
                let query = query.to_string();
                if let Some((text, values)) = query.split_once(" -- binds: ") {
                    shown.lock().unwrap().insert(text.to_owned(), values.to_owned());
                }
            }
        }
    };
    store.calls.pool.get().await.unwrap().set_instrumentation(note);
    call_every_method(store, 8).await;
    let shown = shown.lock().unwrap();
    assert!(shown.len() > 100, "{} statements are too few", shown.len());
    let is_search = |text: &str| ["SELECT", "UPDATE", "DELETE"].iter().any(|verb| text.starts_with(verb));
    shown.iter().filter(|(text, _)| is_search(text)).map(|(text, values)| Statement::new(text, values)).collect()
}

/// Fails with all that is wrong with some plans.
fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{} plans do more than they have to:\n\n{}", faults.len(), faults.join("\n\n"));
}

/// Where a server is whose URL the tests were given.
fn variable(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set; run this test by `scripts/databases cargo test -p registry-db`"))
}
