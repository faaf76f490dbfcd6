//! The driver for Qiniu Kodo.

use std::sync::Arc;

use registry_storage::driver::StorageDriver;
use registry_storage::driver::kodo::{self, KodoConfig as KodoDriverConfig, KodoCredentials, KodoHosts};
use registry_storage::driver::object::TransferConfig;
use registry_storage::driver::s3::{S3Config, S3Credentials};

use super::vendor::{endpoint, url};
use crate::config::{KodoConfig, KodoProtocol};

/// Opens the driver.
pub(super) async fn open(config: &KodoConfig) -> anyhow::Result<Arc<dyn StorageDriver>> {
    Ok(match config.protocol {
        KodoProtocol::Native => Arc::new(kodo::open(&native(config)).await?),
        KodoProtocol::S3 => Arc::new(kodo::open_s3(&s3(config)).await?),
    })
}

/// Returns the settings that the driver for Kodo's own protocol is given.
fn native(config: &KodoConfig) -> KodoDriverConfig {
    let (access_key, secret_key) = keys(config);
    let named = |host: &str| url(host, config.secure);
    let mut driver = KodoDriverConfig::new(&config.bucket, KodoCredentials { access_key, secret_key });
    driver.discovery = endpoint(&config.uchost, KodoConfig::default().uchost, config.secure);
    driver.hosts = KodoHosts {
        up: named(&config.uphost),
        rs: named(&config.rshost),
        rsf: named(&config.rsfhost),
        domain: named(&config.domain),
    };
    driver.public_domain = named(&config.redirectendpoint);
    driver.root_directory.clone_from(&config.rootdirectory);
    driver.transfer = transfer(config);
    driver.verify_certificate = !config.skipverify;
    driver
}

/// Returns the settings that the driver for the S3 endpoint is given.
fn s3(config: &KodoConfig) -> S3Config {
    let (access_key, secret_key) = keys(config);
    let credentials = S3Credentials::Keys { access_key, secret_key, session_token: None };
    let mut driver = S3Config::new(&config.bucket, &config.region, credentials);
    driver.endpoint = endpoint(&config.endpoint, KodoDriverConfig::s3_host(&config.region), config.secure);
    driver.public_endpoint = url(&config.redirectendpoint, config.secure);
    driver.path_style = true;
    driver.root_directory.clone_from(&config.rootdirectory);
    driver.transfer = transfer(config);
    driver.verify_certificate = !config.skipverify;
    driver
}

fn keys(config: &KodoConfig) -> (String, String) {
    (config.accesskey.expose().to_owned(), config.secretkey.expose().to_owned())
}

fn transfer(config: &KodoConfig) -> TransferConfig {
    TransferConfig {
        part_bytes: config.chunksize,
        upload_memory_bytes: config.uploadmemory,
        copies_at_once: config.multipartcopymaxconcurrency as usize,
    }
}
