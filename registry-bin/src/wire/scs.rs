//! The driver for Sohu Cloud Storage.

use std::sync::Arc;

use registry_storage::driver::StorageDriver;
use registry_storage::driver::object::TransferConfig;
use registry_storage::driver::scs::{self, ScsConfig as ScsDriverConfig};

use super::vendor::endpoint;
use crate::config::ScsConfig;

/// Opens the driver.
pub(super) async fn open(config: &ScsConfig) -> anyhow::Result<Arc<dyn StorageDriver>> {
    Ok(Arc::new(scs::open(&driver(config)).await?))
}

/// Returns the settings that the driver is given.
fn driver(config: &ScsConfig) -> ScsDriverConfig {
    let own = ScsDriverConfig::sohu_host(&config.region).unwrap_or_default();
    let endpoint = endpoint(&config.endpoint, own, config.secure);
    let (access_key, secret_key) = (config.accesskey.expose(), config.secretkey.expose());
    let mut driver = ScsDriverConfig::new(&config.bucket, endpoint, access_key, secret_key);
    driver.root_directory.clone_from(&config.rootdirectory);
    driver.transfer = TransferConfig {
        part_bytes: config.chunksize,
        upload_memory_bytes: config.uploadmemory,
        ..TransferConfig::default()
    };
    driver.verify_certificate = !config.skipverify;
    driver
}
