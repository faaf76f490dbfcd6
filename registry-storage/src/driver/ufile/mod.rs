//! Objects in a bucket of UCloud UFile, now US3, by its own API.
//!
//! A key is the path, without its leading `/`, below the configured root directory. The first registry's driver for UFile
//! kept an object for each directory that lists what is in it ([`INDEX`]); such objects are no files here.

mod address;
mod config;
mod document;
mod multipart;
mod objects;
mod protocol;
mod signing;

use http::{HeaderMap, HeaderValue, Method, header};
use serde::de::DeserializeOwned;

use self::address::Address;
use self::protocol::UfileProtocol;
use self::signing::Signer;
use super::object::backend::{Backend, Limits};
use super::object::error::Failure;
use super::object::exchange::{Call, Exchange};
use super::object::retry::Pace;
use super::object::{ObjectDriver, connection};
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

pub use self::config::UfileConfig;

/// The type of the objects that list a directory.
pub const INDEX: &str = "application/ufile-index";
/// What every object is.
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// How many parts an upload has at most, of which a list is held in memory. UCloud sets no such bound.
const MAX_PARTS: usize = 100_000;
/// How large an object may be that is copied as a whole.
const MAX_COPY_BYTES: u64 = 100_000_000;
/// How many objects a list has at most.
const AT_ONCE: usize = 1000;

/// Prepares to speak to a bucket, and asks whether it can be listed, so that what is wrong with the address, the keys or the
/// bucket is told at the start. Reads the system's certificates, which blocks for a moment.
///
/// # Errors
/// What the store answered, with what to check.
pub async fn open(config: &UfileConfig) -> DriverResult<ObjectDriver> {
    ObjectDriver::open(Ufile::new(config)?, &config.transfer).await
}

/// Speaks to one bucket.
#[derive(Debug)]
struct Ufile {
    address: Address,
    /// Where clients find the bucket.
    public: Address,
    exchange: Exchange<UfileProtocol>,
}

impl Ufile {
    fn new(config: &UfileConfig) -> DriverResult<Self> {
        let at = |url| Address::new(url, &config.bucket, &config.root_directory);
        let address = at(&config.base_url)?;
        let public = at(config.public_url.as_ref().unwrap_or(&config.base_url))?;
        let failed = |error| DriverError::io("prepare to connect to", &config.base_url, error);
        let connections = connection::open(config.verify_certificate).map_err(failed)?;
        let signer = Signer::new(config.bucket.clone(), config.public_key.clone(), config.private_key.clone());
        let (authority, is_encrypted) = (address.endpoint.authority().to_owned(), address.endpoint.is_encrypted());
        let protocol = UfileProtocol::new(authority, is_encrypted, signer);
        let pace = Pace { attempts: config.attempts, first_pause: config.retry_interval, patience: config.timeout };
        Ok(Self { address, public, exchange: Exchange::new(protocol, connections).with_pace(pace) })
    }

    /// Prepares a request about an object, or about the bucket. `word` is what is asked of it, where the method does not
    /// say that.
    fn call(
        &self,
        operation: &'static str,
        method: Method,
        path: Option<&StoragePath>,
        word: Option<&str>,
        query: &[(&str, &str)],
    ) -> Call {
        let subject = path.map_or_else(|| self.address.bucket().to_owned(), |path| self.address.root.key(path));
        let headers = match method {
            Method::PUT | Method::POST => HeaderMap::from_iter([(header::CONTENT_TYPE, OCTETS)]),
            _ => HeaderMap::new(),
        };
        let uri = self.address.uri(path, word, query);
        Call { operation, subject, method, uri, headers, ..Call::default() }
    }

    /// Asks for a document.
    async fn document<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Failure> {
        let answer = self.exchange.answer(call).await?;
        serde_json::from_slice(&answer.body).map_err(|error| call.misunderstood(error))
    }
}

impl Backend for Ufile {
    fn name(&self) -> &'static str {
        "ufile"
    }

    fn limits(&self) -> Limits {
        Limits {
            max_parts: MAX_PARTS,
            part_bytes: UfileConfig::PART_BYTES..=UfileConfig::PART_BYTES,
            max_copy_bytes: MAX_COPY_BYTES,
            at_once: AT_ONCE,
        }
    }

    fn key(&self, path: &StoragePath) -> String {
        self.address.root.key(path)
    }
}

/// Tells whether an object lists a directory.
fn is_index(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == INDEX)
}
