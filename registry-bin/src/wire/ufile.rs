//! The driver for UCloud UFile.

use std::sync::Arc;
use std::time::Duration;

use registry_storage::driver::StorageDriver;
use registry_storage::driver::object::TransferConfig;
use registry_storage::driver::ufile::{self, UfileConfig as UfileDriverConfig};

use crate::config::UfileConfig;

/// Opens the driver.
pub(super) async fn open(config: &UfileConfig) -> anyhow::Result<Arc<dyn StorageDriver>> {
    Ok(Arc::new(ufile::open(&driver(config)).await?))
}

/// Returns the settings that the driver is given.
fn driver(config: &UfileConfig) -> UfileDriverConfig {
    let (public_key, private_key) = (config.ufile_public_key.expose(), config.ufile_private_key.expose());
    let mut driver = UfileDriverConfig::new(&config.ufile_baseurl, public_key, private_key);
    if !config.bucket.is_empty() {
        driver.bucket.clone_from(&config.bucket);
    }
    driver.public_url = match config.redirectendpoint.as_str() {
        // Who is not among UCloud's own machines cannot reach their network.
        "" => UfileDriverConfig::ucloud_public_url(&config.ufile_baseurl),
        url => Some(url.to_owned()),
    };
    driver.attempts = config.ufile_retries;
    driver.retry_interval = Duration::from_secs(config.ufile_retry_interval.into());
    driver.timeout = Duration::from_secs(config.ufile_timeout.into());
    driver.root_directory.clone_from(&config.rootdirectory);
    driver.transfer = TransferConfig {
        part_bytes: UfileDriverConfig::PART_BYTES,
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
        let bucket = UfileConfig { ufile_baseurl: "http://b.cn-bj.ufileos.com".into(), ..UfileConfig::default() };
        let internal =
            UfileConfig { ufile_baseurl: "http://b.internal-cn-bj.ufileos.com".into(), ..UfileConfig::default() };
        let own = UfileConfig { redirectendpoint: "https://images.example.com".into(), ..internal.clone() };
        for (config, public) in
            [(bucket, None), (internal, Some("http://b.cn-bj.ufileos.com")), (own, Some("https://images.example.com"))]
        {
            assert_eq!(driver(&config).public_url.as_deref(), public);
        }
    }
}
