//! Objects in a bucket of Baidu BOS, whose protocol has S3's requests in words of its own, with documents in JSON.
//!
//! A key is the path, without its leading `/`, below the configured root directory.

mod config;
mod document;
mod multipart;
mod objects;
mod protocol;
mod signing;

use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde::de::DeserializeOwned;

use self::document::ErrorDocument;
use self::protocol::BosProtocol;
use super::object::backend::{Backend, Limits};
use super::object::error::Failure;
use super::object::exchange::{Answer, Call, Exchange, Protocol};
use super::object::objects::Purpose;
use super::object::{ObjectDriver, connection};
use super::s3::address::{Address, Addressing};
use super::s3::dialect::CopySourceForm;
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

pub use self::config::{BosConfig, BosCredentials};

const COPY_SOURCE: HeaderName = HeaderName::from_static("x-bce-copy-source");
const STORAGE_CLASS: HeaderName = HeaderName::from_static("x-bce-storage-class");

/// How large an object may be that is copied by one request.
const MAX_COPY_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// Prepares to speak to a bucket, and asks whether it can be listed, so that what is wrong with the address, the
/// credentials or the bucket is told at the start. Reads the system's certificates, which blocks for a moment.
///
/// # Errors
/// What the store answered, with what to check.
pub async fn open(config: &BosConfig) -> DriverResult<ObjectDriver> {
    ObjectDriver::open(Bos::new(config)?, &config.transfer).await
}

/// Speaks to one bucket.
#[derive(Debug)]
struct Bos {
    address: Address,
    /// Where clients find the bucket.
    public: Address,
    exchange: Exchange<BosProtocol>,
    storage_class: Option<String>,
}

impl Bos {
    fn new(config: &BosConfig) -> DriverResult<Self> {
        let at = |endpoint| Address::new(endpoint, Addressing::Endpoint, &config.bucket, &config.root_directory);
        let address = at(&config.endpoint)?;
        let public = at(config.public_endpoint.as_ref().unwrap_or(&config.endpoint))?;
        let failed = |error| DriverError::io("prepare to connect to", &config.endpoint, error);
        let connections = connection::open(config.verify_certificate).map_err(failed)?;
        let exchange = Exchange::new(BosProtocol::new(address.endpoint.clone(), config), connections);
        Ok(Self { address, public, exchange, storage_class: config.storage_class.clone() })
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

    /// Prepares a request that makes an object, or begins to.
    fn making_call(
        &self,
        operation: &'static str,
        method: Method,
        path: &StoragePath,
        query: &[(&str, &str)],
        purpose: Purpose,
    ) -> Call {
        let mut call = self.call(operation, method, Some(path), query);
        call.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        if let Some(class) = self.storage_class.as_ref().filter(|_| purpose == Purpose::File) {
            call.headers.insert(STORAGE_CLASS, HeaderValue::try_from(class).expect("the configuration was checked"));
        }
        call
    }

    /// Asks for a document.
    async fn document<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Failure> {
        let answer = self.exchange.answer(call).await?;
        read(call, &answer)
    }

    /// Asks for what may take its time, so that its status is sent before the work is done, and the answer may still be an
    /// error.
    async fn worked(&self, call: &Call) -> Result<Answer, Failure> {
        let answer = self.exchange.answer(call).await?;
        let error: ErrorDocument = serde_json::from_slice(&answer.body).unwrap_or_default();
        if error.code.is_empty() {
            return Ok(answer);
        }
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let refusal = self.exchange.protocol().refusal(status, &answer.headers, &answer.body);
        Err(call.failed(refusal.into()).ambiguous(true))
    }

    /// Returns how a copy names its source.
    fn copy_source(&self, path: &StoragePath) -> HeaderValue {
        HeaderValue::try_from(self.address.copy_source(path, CopySourceForm::Bucket))
            .expect("all but unreserved characters are encoded")
    }
}

/// Reads the document of an answer.
fn read<T: DeserializeOwned>(call: &Call, answer: &Answer) -> Result<T, Failure> {
    serde_json::from_slice(&answer.body).map_err(|error| call.misunderstood(error))
}

impl Backend for Bos {
    fn name(&self) -> &'static str {
        "bos"
    }

    fn limits(&self) -> Limits {
        Limits {
            max_parts: 10_000,
            part_bytes: BosConfig::MIN_PART_BYTES..=BosConfig::MAX_PART_BYTES,
            max_copy_bytes: MAX_COPY_BYTES,
            at_once: objects::AT_ONCE,
        }
    }

    fn key(&self, path: &StoragePath) -> String {
        self.address.root.key(path)
    }
}
