//! The driver for Aliyun OSS.

use std::sync::Arc;

use registry_storage::driver::StorageDriver;
use registry_storage::driver::object::TransferConfig;
use registry_storage::driver::oss::{self, OssConfig as OssDriverConfig, OssSignature};

use super::vendor::{credentials, encryption, endpoint};
use crate::config::{OssConfig, OssSignatureVersion};

/// Opens the driver.
pub(super) async fn open(config: &OssConfig) -> anyhow::Result<Arc<dyn StorageDriver>> {
    Ok(Arc::new(oss::open(&driver(config)).await?))
}

/// Returns the settings that the driver is given.
fn driver(config: &OssConfig) -> OssDriverConfig {
    let credentials =
        credentials(&config.accesskeyid, &config.accesskeysecret, &config.securitytoken, &config.environment);
    let mut driver = OssDriverConfig::new(&config.bucket, &config.region, credentials);
    let own = OssDriverConfig::aliyun_host(&driver.bucket, &driver.region, config.internal);
    driver.endpoint = endpoint(&config.endpoint, own, config.secure);
    driver.signature = match config.signatureversion {
        OssSignatureVersion::V4 => OssSignature::V4,
        OssSignatureVersion::V1 => OssSignature::V1,
    };
    driver.root_directory.clone_from(&config.rootdirectory);
    driver.encryption = encryption(config.encrypt, &config.encryptionkeyid);
    driver.transfer = TransferConfig {
        part_bytes: config.chunksize,
        upload_memory_bytes: config.uploadmemory,
        copies_at_once: config.multipartcopymaxconcurrency as usize,
    };
    driver.verify_certificate = !config.skipverify;
    driver
}
