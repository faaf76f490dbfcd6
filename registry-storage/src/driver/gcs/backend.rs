//! A bucket, and what all requests to it have in common.

use http::{HeaderMap, HeaderValue, header};
use serde::de::DeserializeOwned;

use super::address::Address;
use super::config::GcsConfig;
use super::objects::AT_ONCE;
use super::protocol::GcsProtocol;
use crate::driver::object::backend::{Backend, Limits};
use crate::driver::object::batch_deletion::Batches;
use crate::driver::object::connection;
use crate::driver::object::error::Failure;
use crate::driver::object::exchange::{Call, Exchange};
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

/// How many parts an upload has at most. Google sets no bound; names have five digits for the number.
const MAX_PARTS: usize = 10_000;

/// Speaks to one bucket.
#[derive(Debug)]
pub(super) struct Gcs {
    pub(super) address: Address,
    pub(super) exchange: Exchange<GcsProtocol>,
    pub(super) batches: Batches,
    /// How many objects are composed at the same time.
    pub(super) composed_at_once: usize,
}

impl Gcs {
    pub(super) fn new(config: GcsConfig) -> DriverResult<Self> {
        let address = Address::new(&config)?;
        let failed = |error| DriverError::io("prepare to connect to", &config.endpoint, error);
        let connections = connection::open(config.verify_certificate).map_err(failed)?;
        let composed_at_once = config.transfer.copies_at_once.max(1);
        let protocol = GcsProtocol::new(address.endpoint.authority().to_owned(), config, connections.clone());
        let exchange = Exchange::new(protocol, connections);
        Ok(Self { address, exchange, batches: Batches::default(), composed_at_once })
    }

    /// Begins the description of a request about one object.
    pub(super) fn call(&self, path: &StoragePath) -> Call {
        Call { subject: self.address.root.key(path), ..Call::default() }
    }

    /// Returns the headers of a request whose body is a document.
    pub(super) fn json(&self) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))])
    }

    /// Asks for a document.
    pub(super) async fn document<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Failure> {
        let answer = self.exchange.answer(call).await?;
        serde_json::from_slice(&answer.body).map_err(|error| call.misunderstood(error))
    }
}

impl Backend for Gcs {
    fn name(&self) -> &'static str {
        "gcs"
    }

    fn limits(&self) -> Limits {
        Limits {
            max_parts: MAX_PARTS,
            part_bytes: GcsConfig::MIN_PART_BYTES..=GcsConfig::MAX_PART_BYTES,
            // A copy is made in steps.
            max_copy_bytes: u64::MAX,
            at_once: AT_ONCE,
        }
    }

    fn key(&self, path: &StoragePath) -> String {
        self.address.root.key(path)
    }
}
