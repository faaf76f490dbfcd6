//! The driver for Google Cloud Storage.

use std::sync::Arc;

use registry_storage::driver::StorageDriver;
use registry_storage::driver::gcs::{self, GcsConfig as GcsDriverConfig, GcsCredentials};
use registry_storage::driver::object::TransferConfig;

use crate::config::GcsConfig;

/// Opens the driver.
pub(super) async fn open(config: &GcsConfig) -> anyhow::Result<Arc<dyn StorageDriver>> {
    Ok(Arc::new(gcs::open(&driver(config)).await?))
}

/// Returns the settings that the driver is given.
fn driver(config: &GcsConfig) -> GcsDriverConfig {
    let mut driver = GcsDriverConfig::new(&config.bucket, credentials(config));
    driver.endpoint = config.endpoint.trim_end_matches('/').to_owned();
    driver.public_endpoint = (!config.redirectendpoint.is_empty()).then(|| config.redirectendpoint.clone());
    driver.root_directory.clone_from(&config.rootdirectory);
    driver.transfer = TransferConfig {
        part_bytes: config.chunksize,
        upload_memory_bytes: config.uploadmemory,
        copies_at_once: config.maxconcurrency as usize,
    };
    driver.verify_certificate = !config.skipverify;
    driver
}

fn credentials(config: &GcsConfig) -> GcsCredentials {
    match &config.keyfile {
        Some(path) => GcsCredentials::File(path.clone()),
        None if !config.credentials.is_empty() => GcsCredentials::Json(config.credentials.expose()),
        // A token that is found is not sent where anybody can read it.
        None if config.endpoint.starts_with("http://") => GcsCredentials::Anonymous,
        None => GcsCredentials::Ambient { variables: config.environment.0.clone() },
    }
}
