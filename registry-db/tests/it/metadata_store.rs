//! Every database against the suite.

use std::sync::Arc;

use registry_core::metadata_store_suite;
use registry_core::store::MetadataStore;
use tempfile::TempDir;

use crate::servers::{mysql, postgres};

metadata_store_suite! { sqlite => sqlite, postgres => postgres, mysql => mysql }

/// Opens an empty SQLite database in a directory of its own.
pub(crate) async fn sqlite() -> (Arc<dyn MetadataStore>, TempDir) {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    (store, directory)
}

/// Opens the database in a directory.
pub(crate) async fn open(directory: &TempDir) -> Arc<dyn MetadataStore> {
    registry_db::open(&config(directory)).await.unwrap()
}

pub(crate) fn config(directory: &TempDir) -> registry_db::DatabaseConfig {
    let path = directory.path().join("registry.db");
    registry_db::DatabaseConfig::new(registry_db::DatabaseUrl::Sqlite(path))
}
