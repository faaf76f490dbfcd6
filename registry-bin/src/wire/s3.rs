//! The driver for S3.

use std::sync::Arc;

use registry_storage::driver::StorageDriver;
use registry_storage::driver::object::TransferConfig;
use registry_storage::driver::s3::{self, S3Config as S3DriverConfig};

use super::vendor::{credentials, encryption, url};
use crate::config::S3Config;

/// Opens the driver.
pub(super) async fn open(config: &S3Config) -> anyhow::Result<Arc<dyn StorageDriver>> {
    Ok(Arc::new(s3::open(&driver(config)).await?))
}

/// Returns the settings that the driver is given.
fn driver(config: &S3Config) -> S3DriverConfig {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let credentials = credentials(&config.accesskey, &config.secretkey, &config.sessiontoken, &config.environment);
    let mut driver = S3DriverConfig::new(&config.bucket, &config.region, credentials);
    let service = match (config.usefipsendpoint, config.usedualstack) {
        (false, false) => "s3",
        (false, true) => "s3.dualstack",
        (true, false) => "s3-fips",
        (true, true) => "s3-fips.dualstack",
    };
    let configured = url(&config.regionendpoint, config.secure);
    driver.path_style = config.forcepathstyle.unwrap_or(configured.is_some());
    driver.endpoint = configured.unwrap_or_else(|| match config.accelerate {
        true => "https://s3-accelerate.amazonaws.com".to_owned(),
        false => S3DriverConfig::amazon_endpoint(&config.region, service),
    });
    driver.public_endpoint = url(&config.redirectendpoint, config.secure);
    driver.root_directory.clone_from(&config.rootdirectory);
    driver.encryption = encryption(config.encrypt, &config.keyid);
    driver.storage_class = some(&config.storageclass).filter(|class| class != "NONE");
    driver.object_acl = some(&config.objectacl);
    driver.transfer = TransferConfig {
        part_bytes: config.chunksize,
        upload_memory_bytes: config.uploadmemory,
        copies_at_once: config.multipartcopymaxconcurrency as usize,
    };
    driver.verify_certificate = !config.skipverify;
    driver
}
