//! The driver for Azure.

use std::sync::Arc;

use registry_storage::driver::StorageDriver;
use registry_storage::driver::azure::{self, AzureConfig as AzureDriverConfig, AzureCredentials};
use registry_storage::driver::object::TransferConfig;

use crate::config::{AzureConfig, AzureCredentialsKind};

/// Where the environment says where tokens are handed out.
const AUTHORITY: &str = "AZURE_AUTHORITY_HOST";

/// Opens the driver.
pub(super) async fn open(config: &AzureConfig) -> anyhow::Result<Arc<dyn StorageDriver>> {
    Ok(Arc::new(azure::open(&driver(config)).await?))
}

/// Returns the settings that the driver is given.
fn driver(config: &AzureConfig) -> AzureDriverConfig {
    let mut driver = AzureDriverConfig::new(&config.accountname, &config.container, credentials(config));
    driver.endpoint = match config.serviceurl.as_str() {
        "" => AzureDriverConfig::endpoint_in(&config.accountname, &config.realm),
        url => url.to_owned(),
    };
    driver.public_endpoint = (!config.redirectendpoint.is_empty()).then(|| config.redirectendpoint.clone());
    driver.root_directory.clone_from(&config.rootdirectory);
    driver.transfer = TransferConfig {
        part_bytes: config.chunksize,
        upload_memory_bytes: config.uploadmemory,
        ..TransferConfig::default()
    };
    driver.verify_certificate = !config.skipverify;
    driver
}

fn credentials(config: &AzureConfig) -> AzureCredentials {
    if !config.accountkey.is_empty() {
        return AzureCredentials::SharedKey(config.accountkey.expose().to_owned());
    }
    if !config.sastoken.is_empty() {
        return AzureCredentials::Sas(config.sastoken.expose().trim_start_matches('?').to_owned());
    }
    let mut variables = config.environment.0.clone();
    let authority = variables
        .entry(AUTHORITY.to_owned())
        .or_insert_with(|| AzureDriverConfig::authority_in(&config.realm).to_owned());
    let given = &config.credentials;
    match given.kind {
        Some(AzureCredentialsKind::ClientSecret) => AzureCredentials::ClientSecret {
            tenant_id: given.tenantid.clone(),
            client_id: given.clientid.clone(),
            secret: given.secret.expose().to_owned(),
            authority: authority.clone(),
        },
        _ => AzureCredentials::Ambient { variables },
    }
}
