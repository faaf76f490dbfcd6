//! The driver for Baidu BOS.

use std::sync::Arc;

use registry_storage::driver::StorageDriver;
use registry_storage::driver::bos::{self, BosConfig as BosDriverConfig, BosCredentials};
use registry_storage::driver::object::TransferConfig;

use super::vendor::{endpoint, url};
use crate::config::BosConfig;

/// Opens the driver.
pub(super) async fn open(config: &BosConfig) -> anyhow::Result<Arc<dyn StorageDriver>> {
    Ok(Arc::new(bos::open(&driver(config)).await?))
}

/// Returns the settings that the driver is given.
fn driver(config: &BosConfig) -> BosDriverConfig {
    let credentials = BosCredentials {
        access_key: config.accesskey.expose().to_owned(),
        secret_key: config.secretkey.expose().to_owned(),
        session_token: (!config.sessiontoken.is_empty()).then(|| config.sessiontoken.expose().to_owned()),
    };
    let mut driver = BosDriverConfig::new(&config.bucket, &config.region, credentials);
    let own = BosDriverConfig::baidu_host(&config.bucket, &config.region);
    driver.endpoint = endpoint(&config.endpoint, own, config.secure);
    driver.public_endpoint = url(&config.redirectendpoint, config.secure);
    driver.root_directory.clone_from(&config.rootdirectory);
    driver.storage_class = (!config.storageclass.is_empty()).then(|| config.storageclass.clone());
    driver.transfer = TransferConfig {
        part_bytes: config.chunksize,
        upload_memory_bytes: config.uploadmemory,
        copies_at_once: config.multipartcopymaxconcurrency as usize,
    };
    driver.verify_certificate = !config.skipverify;
    driver
}
