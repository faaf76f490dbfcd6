//! Blobs in a container of Azure Blob Storage.
//!
//! A name is the path, without its leading `/`, below the configured root directory, as in distribution. Requests are our
//! own (`blobs.rs`, `blocks.rs`, `batches.rs`); reqsign signs them and finds tokens. All that is written is a block blob.

mod address;
mod batches;
mod blobs;
mod blocks;
mod config;
mod credentials;
mod position;
mod presigning;
mod protocol;
mod xml;

use http::Method;
use tokio::sync::Semaphore;

use self::address::Address;
use self::position::Positions;
use self::protocol::AzureProtocol;
use super::object::backend::{Backend, Limits};
use super::object::batch_deletion::Batches;
use super::object::exchange::{Call, Exchange};
use super::object::{ObjectDriver, connection};
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

pub use self::config::{AzureConfig, AzureCredentials};

/// How many blocks a blob has at most.
const MAX_BLOCKS: usize = 50_000;
/// How many parts are copied at a time, each of which is in memory meanwhile.
const COPIES_AT_ONCE: usize = 2;

/// Prepares to speak to a container, and asks whether it can be listed, so that what is wrong with the address, the
/// credentials or the container is told at the start. Reads the system's certificates, which blocks for a moment.
///
/// # Errors
/// What the service answered, with what to check.
pub async fn open(config: &AzureConfig) -> DriverResult<ObjectDriver> {
    ObjectDriver::open(Azure::new(config)?, &config.transfer).await
}

/// Speaks to one container.
#[derive(Debug)]
struct Azure {
    exchange: Exchange<AzureProtocol>,
    positions: Positions,
    batches: Batches,
    copying: Semaphore,
}

impl Azure {
    fn new(config: &AzureConfig) -> DriverResult<Self> {
        let failed = |error| DriverError::io("prepare to connect to", &config.endpoint, error);
        let connections = connection::open(config.verify_certificate).map_err(failed)?;
        let protocol = AzureProtocol::new(config.clone(), connections.clone())?;
        let exchange = Exchange::new(protocol, connections);
        let (positions, batches) = (Positions::default(), Batches::default());
        Ok(Self { exchange, positions, batches, copying: Semaphore::new(COPIES_AT_ONCE) })
    }

    fn address(&self) -> &Address {
        &self.exchange.protocol().address
    }

    /// Prepares a request about a blob.
    fn call(&self, operation: &'static str, method: Method, path: &StoragePath, query: &[(&str, &str)]) -> Call {
        let uri = self.address().uri(Some(path), query);
        Call { operation, subject: self.address().root.key(path), method, uri, ..Call::default() }
    }
}

impl Backend for Azure {
    fn name(&self) -> &'static str {
        "azure"
    }

    fn limits(&self) -> Limits {
        Limits {
            max_parts: MAX_BLOCKS,
            part_bytes: AzureConfig::MIN_PART_BYTES..=AzureConfig::MAX_PART_BYTES,
            max_copy_bytes: u64::MAX,
            at_once: blobs::AT_ONCE,
        }
    }

    fn key(&self, path: &StoragePath) -> String {
        self.address().root.key(path)
    }
}
