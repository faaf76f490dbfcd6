//! A registry's metadata in a database.

mod config;
mod error;
mod schema;
mod sqlite;
mod stored;

use std::sync::Arc;

use registry_core::store::MetadataStore;

pub use config::{DatabaseConfig, DatabaseUrl, DatabaseUrlError};
pub use error::OpenError;

/// Opens a database, creates it if it is not there, and brings its schema up to date.
///
/// Must be called within a tokio runtime with time enabled, in which the store's calls then run too.
///
/// # Errors
/// Everything that keeps the database from being used: see [`OpenError`].
pub async fn open(config: &DatabaseConfig) -> Result<Arc<dyn MetadataStore>, OpenError> {
    match &config.url {
        DatabaseUrl::Sqlite(path) => Ok(Arc::new(sqlite::SqliteStore::open(path, config).await?)),
    }
}
