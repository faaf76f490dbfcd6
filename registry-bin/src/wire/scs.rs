//! The driver for Sohu Cloud Storage.

use std::sync::Arc;

use registry_storage::driver::StorageDriver;
use registry_storage::driver::object::TransferConfig;
use registry_storage::driver::scs::{self, ScsConfig as ScsDriverConfig};

use super::vendor::{endpoint, url};
use crate::config::ScsConfig;

/// Opens the driver.
pub(super) async fn open(config: &ScsConfig) -> anyhow::Result<Arc<dyn StorageDriver>> {
    Ok(Arc::new(scs::open(&driver(config)).await?))
}

/// Returns the settings that the driver is given.
fn driver(config: &ScsConfig) -> ScsDriverConfig {
    let own = ScsDriverConfig::sohu_host(&config.region).unwrap_or_default();
    // Who is not among Sohu's own machines cannot reach their network.
    let public = match config.region.strip_suffix("-internal") {
        Some(region) if config.endpoint.is_empty() => ScsDriverConfig::sohu_host(region).unwrap_or_default(),
        _ => String::new(),
    };
    let endpoint = endpoint(&config.endpoint, own, config.secure);
    let (access_key, secret_key) = (config.accesskey.expose(), config.secretkey.expose());
    let mut driver = ScsDriverConfig::new(&config.bucket, endpoint, access_key, secret_key);
    driver.public_endpoint = url(&config.redirectendpoint, config.secure).or_else(|| url(&public, config.secure));
    driver.root_directory.clone_from(&config.rootdirectory);
    driver.transfer = TransferConfig {
        part_bytes: config.chunksize,
        upload_memory_bytes: config.uploadmemory,
        ..TransferConfig::default()
    };
    driver.verify_certificate = !config.skipverify;
    driver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_not_sent_to_the_network_of_the_vendor() {
        let bucket = ScsConfig { bucket: "b".into(), region: "bjcnc".into(), ..ScsConfig::default() };
        let internal = ScsConfig { region: "bjcnc-internal".into(), ..bucket.clone() };
        let elsewhere = ScsConfig { endpoint: "http://10.0.0.1".into(), ..internal.clone() };
        let own = ScsConfig { redirectendpoint: "images.example.com".into(), secure: true, ..internal.clone() };
        for (config, public) in [
            (bucket, None),
            (internal, Some("http://bjcnc.scs.sohucs.com")),
            (elsewhere, None),
            (own, Some("https://images.example.com")),
        ] {
            assert_eq!(driver(&config).public_endpoint.as_deref(), public);
        }
    }
}
