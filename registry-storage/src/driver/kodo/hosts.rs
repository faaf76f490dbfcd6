//! The hosts that have a bucket: those that were configured, and for the rest those that the store names.

use registry_core::store::StoreErrorKind;

use super::config::KodoConfig;
use super::document::{Domains, Region, Regions};
use super::protocol::KodoProtocol;
use crate::driver::object::address::Endpoint;
use crate::driver::object::connection::Connections;
use crate::driver::object::exchange::{Call, Exchange};
use crate::error::{DriverError, DriverResult};

const EXAMPLE: &str = "https://up-z0.qiniup.com";

/// What the hosts of a bucket are for.
#[derive(Debug, Clone)]
pub(super) struct Hosts {
    pub(super) up: Endpoint,
    pub(super) rs: Endpoint,
    pub(super) rsf: Endpoint,
    pub(super) domain: Endpoint,
    /// The one that clients are sent to.
    pub(super) public_domain: Endpoint,
}

impl Hosts {
    /// Finds the hosts of a bucket; asks for them if not all are configured.
    ///
    /// # Errors
    /// What the store answered, with what to check; what is wrong with an address.
    pub(super) async fn find(config: &KodoConfig, connections: &Connections) -> DriverResult<Self> {
        let named = &config.hosts;
        let region = match [&named.up, &named.rs, &named.rsf, &named.domain].iter().all(|host| host.is_some()) {
            true => Region::default(),
            false => discover(config, connections).await?,
        };
        let (scheme, _) = config.discovery.split_once("://").unwrap_or(("https", ""));
        let endpoint = |key: &str, named: &Option<String>, found: &Domains| {
            let found = found.domains.first().map(|host| format!("{scheme}://{host}"));
            let missing = || {
                let why = format!("the store names no host for this; set `{key}`");
                DriverError::new(StoreErrorKind::Other, "find the hosts of", &config.bucket, why)
            };
            let address = named.clone().or(found).ok_or_else(missing)?;
            Endpoint::without_path(&address, EXAMPLE)
        };
        let domain = endpoint("domain", &named.domain, &region.io_src)?;
        let public_domain = config.public_domain.as_ref().map(|address| Endpoint::without_path(address, EXAMPLE));
        Ok(Self {
            up: endpoint("uphost", &named.up, &region.up)?,
            rs: endpoint("rshost", &named.rs, &region.rs)?,
            rsf: endpoint("rsfhost", &named.rsf, &region.rsf)?,
            public_domain: public_domain.transpose()?.unwrap_or_else(|| domain.clone()),
            domain,
        })
    }

    /// Names them, for errors.
    pub(super) fn authorities(&self) -> String {
        let mut names: Vec<_> = [&self.up, &self.rs, &self.rsf, &self.domain].map(Endpoint::authority).into();
        names.sort_unstable();
        names.dedup();
        names.join(", ")
    }
}

/// Asks which hosts have a bucket.
async fn discover(config: &KodoConfig, connections: &Connections) -> DriverResult<Region> {
    let endpoint = Endpoint::without_path(&config.discovery, KodoConfig::DEFAULT_DISCOVERY)?;
    let protocol = KodoProtocol::new(endpoint.authority().to_owned(), config.bucket.clone());
    let query = [("ak", config.credentials.access_key.as_str()), ("bucket", &config.bucket)];
    let call = Call {
        operation: "find the hosts of",
        subject: config.bucket.clone(),
        uri: endpoint.uri("/v4/query".to_owned(), &query),
        ..Call::default()
    };
    let answer = Exchange::new(protocol, connections.clone()).answer(&call).await?;
    let regions: Regions = serde_json::from_slice(&answer.body).map_err(|error| call.misunderstood(error))?;
    let region = regions.hosts.into_iter().next();
    Ok(region.ok_or_else(|| call.misunderstood("it names no region"))?)
}
