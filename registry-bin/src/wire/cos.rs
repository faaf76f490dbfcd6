//! The driver for Tencent COS.

use std::sync::Arc;

use registry_storage::driver::StorageDriver;
use registry_storage::driver::cos::{self, CosConfig as CosDriverConfig};
use registry_storage::driver::object::TransferConfig;

use super::vendor::{credentials, encryption, endpoint, url};
use crate::config::CosConfig;

/// Opens the driver.
pub(super) async fn open(config: &CosConfig) -> anyhow::Result<Arc<dyn StorageDriver>> {
    Ok(Arc::new(cos::open(&driver(config)).await?))
}

/// Returns the settings that the driver is given.
fn driver(config: &CosConfig) -> CosDriverConfig {
    let credentials = credentials(&config.secretid, &config.secretkey, &config.token, &config.environment);
    let mut driver = CosDriverConfig::new(&config.bucket, &config.region, credentials);
    let own = CosDriverConfig::tencent_host(&config.bucket, &config.region);
    driver.endpoint = endpoint(&config.endpoint, own, config.secure);
    driver.public_endpoint = url(&config.redirectendpoint, config.secure);
    driver.root_directory.clone_from(&config.rootdirectory);
    driver.encryption = encryption(config.encrypt, &config.encryptionkeyid);
    driver.storage_class = (!config.storageclass.is_empty()).then(|| config.storageclass.clone());
    driver.transfer = TransferConfig {
        part_bytes: config.chunksize,
        upload_memory_bytes: config.uploadmemory,
        copies_at_once: config.multipartcopymaxconcurrency as usize,
    };
    driver.verify_certificate = !config.skipverify;
    driver
}
