//! Objects in a bucket of Amazon S3, or of one of the many stores that speak its protocol.
//!
//! A key is the path, without its leading `/`, below the configured root directory, as in distribution. Requests are our
//! own (`objects.rs`, `multipart.rs`); `dialect.rs` says in what the vendors of the family differ.

mod address;
mod config;
mod credentials;
mod dialect;
mod error;
mod multipart;
mod objects;
mod protocol;
mod xml;

use std::sync::Arc;

use http::{HeaderValue, Method};

use self::address::Address;
use self::dialect::{AMAZON, Dialect};
use self::protocol::S3Protocol;
use super::object::backend::{Backend, Limits};
use super::object::error::Failure;
use super::object::exchange::{Answer, Call, Exchange, Protocol};
use super::object::{ObjectDriver, connection};
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

pub use self::config::{S3Config, S3Credentials, S3Encryption};

/// Prepares to speak to a bucket, and asks whether it can be listed, so that what is wrong with the address, the
/// credentials or the bucket is told at the start. Reads the system's certificates, which blocks for a moment.
///
/// # Errors
/// What the store answered, with what to check.
pub async fn open(config: &S3Config) -> DriverResult<ObjectDriver> {
    ObjectDriver::open(S3::new(config)?, &config.transfer).await
}

/// Speaks to one bucket.
#[derive(Debug)]
struct S3 {
    address: Arc<Address>,
    dialect: &'static Dialect,
    config: Arc<S3Config>,
    exchange: Exchange<S3Protocol>,
}

impl S3 {
    fn new(config: &S3Config) -> DriverResult<Self> {
        let (config, address, dialect) = (Arc::new(config.clone()), Arc::new(Address::new(config)?), &AMAZON);
        let failed = |error| DriverError::io("prepare to connect to", &config.endpoint, error);
        let connections = connection::open(config.verify_certificate).map_err(failed)?;
        let protocol = S3Protocol::new(Arc::clone(&address), dialect, Arc::clone(&config), connections.clone());
        Ok(Self { address, dialect, config, exchange: Exchange::new(protocol, connections) })
    }

    /// Prepares a request about an object, or about the bucket.
    fn call(
        &self,
        operation: &'static str,
        method: Method,
        path: Option<&StoragePath>,
        query: &[(&str, &str)],
    ) -> Call {
        let subject = path.map_or_else(|| self.address.bucket().to_owned(), |path| self.address.key(path));
        Call { operation, subject, method, uri: self.address.uri(path, query), ..Call::default() }
    }

    /// Makes sure that an answer whose status was sent before the work was done tells of no error.
    fn checked(&self, call: &Call, answer: &Answer) -> Result<(), Failure> {
        if !String::from_utf8_lossy(&answer.body).contains("<Error>") {
            return Ok(());
        }
        let status = http::StatusCode::INTERNAL_SERVER_ERROR;
        let refusal = self.exchange.protocol().refusal(status, &answer.headers, &answer.body);
        Err(call.failed(refusal.into()).ambiguous(true))
    }

    /// Returns how a copy names its source.
    fn copy_source(&self, path: &StoragePath) -> HeaderValue {
        HeaderValue::try_from(self.address.copy_source(path)).expect("all but unreserved characters are encoded")
    }
}

impl Backend for S3 {
    fn name(&self) -> &'static str {
        "s3"
    }

    fn limits(&self) -> Limits {
        Limits {
            max_parts: 10_000,
            part_bytes: S3Config::MIN_PART_BYTES..=S3Config::MAX_PART_BYTES,
            max_copy_bytes: S3Config::MAX_PART_BYTES,
            at_once: objects::AT_ONCE,
        }
    }

    fn key(&self, path: &StoragePath) -> String {
        self.address.key(path)
    }
}
