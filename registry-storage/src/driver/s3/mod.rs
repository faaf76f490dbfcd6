//! Objects in a bucket of Amazon S3, or of one of the many stores that speak its protocol.
//!
//! A key is the path, without its leading `/`, below the configured root directory, as in distribution. Requests are our
//! own (`objects.rs`, `multipart.rs`); `dialect.rs` says in what the vendors of the family differ.

pub(super) mod address;
mod config;
mod credentials;
pub(super) mod dialect;
mod error;
mod multipart;
mod objects;
mod protocol;
pub(super) mod signing;
mod xml;

use std::sync::Arc;

use http::{HeaderValue, Method};
use tokio::sync::Semaphore;

use self::address::{Address, Addressing};
use self::dialect::{AMAZON, Dialect};
use self::protocol::S3Protocol;
use self::signing::MakeSign;
use super::object::backend::{Backend, Limits};
use super::object::error::Failure;
use super::object::exchange::{Answer, Call, Exchange, Protocol};
use super::object::{ObjectDriver, connection};
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

pub use self::config::{S3Config, S3Credentials, S3Encryption};

/// How many parts are copied through the registry at a time, each of which is in memory meanwhile.
const COPIES_AT_ONCE: usize = 2;

/// Prepares to speak to a bucket, and asks whether it can be listed, so that what is wrong with the address, the
/// credentials or the bucket is told at the start. Reads the system's certificates, which blocks for a moment.
///
/// # Errors
/// What the store answered, with what to check.
pub async fn open(config: &S3Config) -> DriverResult<ObjectDriver> {
    open_as(config, &AMAZON).await
}

/// Opens a bucket of another vendor's, who has Amazon's signatures.
pub(super) async fn open_as(config: &S3Config, dialect: &'static Dialect) -> DriverResult<ObjectDriver> {
    let addressing = if config.path_style { Addressing::Path } else { Addressing::Host };
    let at = |endpoint| Address::new(endpoint, addressing, &config.bucket, &config.root_directory);
    let address = at(&config.endpoint)?;
    let public = at(config.public_endpoint.as_ref().unwrap_or(&config.endpoint))?;
    let (keys, region) = (config.credentials.clone(), config.region.clone());
    let make_sign: MakeSign = Box::new(move |connections| credentials::signer(&keys, &region, connections));
    let options = ObjectOptions {
        encryption: config.encryption.clone(),
        storage_class: config.storage_class.clone(),
        acl: config.object_acl.clone(),
    };
    let backend = S3::new(address, public, dialect, options, make_sign, config.verify_certificate)?;
    ObjectDriver::open(backend, &config.transfer).await
}

/// Speaks to one bucket of a vendor of the family.
#[derive(Debug)]
pub(super) struct S3 {
    address: Arc<Address>,
    /// Where clients find the bucket.
    public: Address,
    dialect: &'static Dialect,
    options: ObjectOptions,
    exchange: Exchange<S3Protocol>,
    /// Who copies parts through the registry, for a store that does not copy them by itself.
    copying: Semaphore,
}

/// What every new object is asked to be. All of it can be a header's value.
#[derive(Debug, Default)]
pub(super) struct ObjectOptions {
    pub(super) encryption: Option<S3Encryption>,
    pub(super) storage_class: Option<String>,
    pub(super) acl: Option<String>,
}

impl S3 {
    pub(super) fn new(
        address: Address,
        public: Address,
        dialect: &'static Dialect,
        options: ObjectOptions,
        make_sign: MakeSign,
        verify_certificate: bool,
    ) -> DriverResult<Self> {
        let failed = |error| DriverError::io("prepare to connect to", address.endpoint.authority(), error);
        let connections = connection::open(verify_certificate).map_err(failed)?;
        let address = Arc::new(address);
        let protocol = S3Protocol::new(Arc::clone(&address), dialect, connections.clone(), make_sign);
        let exchange = Exchange::new(protocol, connections);
        Ok(Self { address, public, dialect, options, exchange, copying: Semaphore::new(COPIES_AT_ONCE) })
    }

    /// Prepares a request about an object, or about the bucket.
    fn call(
        &self,
        operation: &'static str,
        method: Method,
        path: Option<&StoragePath>,
        query: &[(&str, &str)],
    ) -> Call {
        let subject = path.map_or_else(|| self.address.bucket().to_owned(), |path| self.address.root.key(path));
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
        HeaderValue::try_from(self.address.copy_source(path, self.dialect.copy_source_form))
            .expect("all but unreserved characters are encoded")
    }
}

impl Backend for S3 {
    fn name(&self) -> &'static str {
        self.dialect.name
    }

    fn limits(&self) -> Limits {
        Limits {
            max_parts: 10_000,
            part_bytes: self.dialect.min_part_bytes..=S3Config::MAX_PART_BYTES,
            max_copy_bytes: self.dialect.max_copy_bytes,
            at_once: self.dialect.at_once,
        }
    }

    fn key(&self, path: &StoragePath) -> String {
        self.address.root.key(path)
    }
}
