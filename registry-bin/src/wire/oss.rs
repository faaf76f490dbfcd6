//! The driver for Aliyun OSS.

use std::sync::Arc;

use registry_storage::driver::StorageDriver;
use registry_storage::driver::object::TransferConfig;
use registry_storage::driver::oss::{self, OssConfig as OssDriverConfig, OssSignature};

use super::vendor::{credentials, encryption, endpoint, url};
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
    let aliyun = |internal| OssDriverConfig::aliyun_host(&driver.bucket, &driver.region, internal);
    let (own, public) = (aliyun(config.internal), aliyun(false));
    // Who is not among Aliyun's own machines cannot reach their network.
    let public = if config.internal && config.endpoint.is_empty() { public } else { String::new() };
    driver.endpoint = endpoint(&config.endpoint, own, config.secure);
    driver.public_endpoint = url(&config.redirectendpoint, config.secure).or_else(|| url(&public, config.secure));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_not_sent_to_the_network_of_the_vendor() {
        let bucket = OssConfig { bucket: "b".into(), region: "cn-hangzhou".into(), ..OssConfig::default() };
        let internal = OssConfig { internal: true, ..bucket.clone() };
        let own = OssConfig { redirectendpoint: "images.example.com".into(), ..internal.clone() };
        let plain = OssConfig { secure: false, ..own.clone() };
        for (config, public) in [
            (bucket, None),
            (internal, Some("https://b.oss-cn-hangzhou.aliyuncs.com")),
            (own, Some("https://images.example.com")),
            (plain, Some("http://images.example.com")),
        ] {
            assert_eq!(driver(&config).public_endpoint.as_deref(), public);
        }
    }
}
