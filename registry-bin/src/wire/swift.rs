//! The driver for Swift.

use std::sync::Arc;

use registry_storage::driver::StorageDriver;
use registry_storage::driver::object::TransferConfig;
use registry_storage::driver::swift::{
    self, SwiftAuthVersion, SwiftConfig as SwiftDriverConfig, SwiftEndpoint, SwiftLogin, SwiftName, SwiftScope,
    SwiftTempUrl,
};

use crate::config::{SwiftConfig, SwiftEndpointType};

/// Opens the driver.
pub(super) async fn open(config: &SwiftConfig) -> anyhow::Result<Arc<dyn StorageDriver>> {
    Ok(Arc::new(swift::open(&driver(config)).await?))
}

/// Returns the settings that the driver is given.
fn driver(config: &SwiftConfig) -> SwiftDriverConfig {
    let mut driver = SwiftDriverConfig::new(&config.container, login(config));
    driver.endpoint = match config.endpointtype {
        SwiftEndpointType::Public => SwiftEndpoint::Public,
        SwiftEndpointType::Internal => SwiftEndpoint::Internal,
        SwiftEndpointType::Admin => SwiftEndpoint::Admin,
    };
    driver.region = some(&config.region);
    driver.public_endpoint = some(&config.redirectendpoint);
    driver.temp_url = SwiftTempUrl {
        key: some(config.secretkey.expose()),
        is_of_account: !config.tempurlcontainerkey,
        methods: config.tempurlmethods.clone(),
    };
    driver.root_directory.clone_from(&config.prefix);
    driver.transfer = TransferConfig {
        part_bytes: config.chunksize,
        upload_memory_bytes: config.uploadmemory,
        copies_at_once: config.multipartcopymaxconcurrency as usize,
    };
    driver.verify_certificate = !config.insecureskipverify;
    driver
}

fn login(config: &SwiftConfig) -> SwiftLogin {
    let version = match config.authversion {
        Some(1) => SwiftAuthVersion::V1,
        Some(2) => SwiftAuthVersion::V2,
        Some(_) => SwiftAuthVersion::V3,
        None => SwiftAuthVersion::in_url(&config.authurl).unwrap_or(SwiftAuthVersion::V3),
    };
    let project = name(&config.tenant, &config.tenantid);
    SwiftLogin {
        url: config.authurl.clone(),
        version,
        username: config.username.clone(),
        password: config.password.expose().to_owned(),
        user_domain: name(&config.domain, &config.domainid),
        scope: some(&config.trustid).map(SwiftScope::Trust).or_else(|| {
            let domain = name(&config.tenantdomain, &config.tenantdomainid);
            Some(SwiftScope::Project { project: project?, domain })
        }),
    }
}

fn name(name: &str, id: &str) -> Option<SwiftName> {
    some(id).map(SwiftName::Id).or_else(|| some(name).map(SwiftName::Name))
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
