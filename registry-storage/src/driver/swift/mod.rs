//! Objects in a container of OpenStack Swift.
//!
//! A key is the path below `files` in the configured root directory, as in distribution (`address.rs`). The parts of an
//! upload are objects of their own, segments, which Swift puts together by a list of them, a static large object: so
//! nothing is copied when an upload is completed, and parts can be read before. Segments are removed with the file.

mod address;
mod config;
mod info;
mod keystone;
mod large;
mod login;
mod new;
mod objects;
mod protocol;
mod segments;
mod temp_url;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use md5::{Digest, Md5};
use tokio::sync::Mutex;

use self::address::Address;
use self::info::Info;
use self::login::Login;
use self::protocol::SwiftProtocol;
use super::object::address::Endpoint;
use super::object::backend::{Backend, Limits};
use super::object::error::Failure;
use super::object::exchange::{Call, Exchange};
use super::object::{ObjectDriver, connection};
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

pub use self::config::{SwiftAuthVersion, SwiftConfig, SwiftEndpoint, SwiftLogin, SwiftName, SwiftScope, SwiftTempUrl};

/// How large an object may be that is copied by one request. Swift itself would copy more, and take longer for it than
/// proxies in between have patience.
const COPY_MAX_BYTES: u64 = 1024 * 1024 * 1024;
/// How many objects a list has at most. Swift allows ten times as many.
const AT_ONCE: usize = 1000;
/// How many requests about objects of one list are under way at a time.
const REQUESTS_AT_ONCE: usize = 16;
/// Bodies from this size on are hashed where that may take its time.
const LONG_BODY_BYTES: usize = 256 * 1024;

const NEWEST: HeaderName = HeaderName::from_static("x-newest");

/// Speaks to one container.
#[derive(Debug)]
pub(crate) struct Swift {
    exchange: Exchange<SwiftProtocol>,
    address: Address,
    /// Where clients find the store, if elsewhere than the registry.
    public_endpoint: Option<Endpoint>,
    info: Info,
    /// How addresses for clients are to be signed, and what is known of the key for that.
    temp_url: SwiftTempUrl,
    signing: Mutex<temp_url::Known>,
}

/// Logs in, makes the container if there is none, and asks whether it can be listed, so that what is wrong with the
/// configuration is told at the start. Reads the system's certificates, which blocks for a moment.
///
/// # Errors
/// What the store or the identity service answered, with what to check.
pub async fn open(config: &SwiftConfig) -> DriverResult<ObjectDriver> {
    let failed = |error| DriverError::io("prepare to connect to", &config.login.url, error);
    let connections = connection::open(config.verify_certificate).map_err(failed)?;
    let protocol = SwiftProtocol::new(Login::new(config, connections.clone()), config.container.clone());
    let public = config.public_endpoint.as_ref();
    let mut swift = Swift {
        exchange: Exchange::new(protocol, connections),
        address: Address::new(&config.container, &config.root_directory),
        public_endpoint: public.map(|url| Endpoint::without_path(url, "https://swift.example.com")).transpose()?,
        info: Info::default(),
        temp_url: config.temp_url.clone(),
        signing: Mutex::default(),
    };
    swift.make_container().await?;
    swift.info = swift.ask_info().await?;
    ObjectDriver::open(swift, &config.transfer).await
}

impl Swift {
    /// Makes the container, if there is none.
    async fn make_container(&self) -> Result<(), Failure> {
        let mut call = self.call("look at container", Method::HEAD, None, &[]);
        if self.exchange.find(&call).await?.is_some() {
            return Ok(());
        }
        (call.operation, call.method) = ("make container", Method::PUT);
        self.exchange.answer(&call).await.map(drop)
    }

    /// Describes a request about the object with a key, or about the container.
    fn call(&self, operation: &'static str, method: Method, key: Option<&str>, query: &[(&str, &str)]) -> Call {
        let subject = key.unwrap_or(self.address.container()).to_owned();
        Call { operation, subject, method, uri: self.address.uri(key, query), ..Call::default() }
    }

    /// Looks at an object; `None` if there is none. Asks all servers that have one for the newest.
    async fn look(&self, path: &StoragePath) -> Result<Option<HeaderMap>, Failure> {
        let mut call = self.call("look at", Method::HEAD, Some(&self.address.key(path)), &[]);
        call.headers.insert(NEWEST, HeaderValue::from_static("true"));
        Ok(self.exchange.find(&call).await?.map(|answer| answer.headers))
    }

    /// Writes an object as it comes, and returns its tag.
    async fn write(&self, mut call: Call) -> Result<String, Failure> {
        call.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        let answer = self.exchange.answer(&call).await?;
        tag(&answer.headers).ok_or_else(|| call.misunderstood("the object has no tag"))
    }

    /// Removes the object of a name, and nothing else. Succeeds if there is none.
    async fn remove(&self, name: &str) -> Result<(), Failure> {
        let (method, uri) = (Method::DELETE, address::uri(name, &[]));
        let call = Call { operation: "delete", subject: name.to_owned(), method, uri, ..Call::default() };
        self.exchange.remove(&call).await
    }
}

impl Backend for Swift {
    fn name(&self) -> &'static str {
        "swift"
    }

    fn limits(&self) -> Limits {
        Limits {
            max_parts: self.info.max_segments,
            part_bytes: SwiftConfig::MIN_PART_BYTES..=self.info.max_object_bytes,
            max_copy_bytes: COPY_MAX_BYTES.min(self.info.max_object_bytes),
            at_once: AT_ONCE,
        }
    }

    fn key(&self, path: &StoragePath) -> String {
        self.address.key(path)
    }
}

/// Returns what tells an object's content from any other, without quotation marks, which only some answers have.
fn tag(headers: &HeaderMap) -> Option<String> {
    Some(headers.get(header::ETAG)?.to_str().ok()?.trim_matches('"').to_owned())
}

/// Returns the checksum by which Swift sees whether a body arrived as it was sent.
async fn checksum(body: &Bytes) -> HeaderValue {
    let hash = if body.len() < LONG_BODY_BYTES {
        Md5::digest(body)
    } else {
        let body = body.clone();
        tokio::task::spawn_blocking(move || Md5::digest(&body)).await.expect("hashing does not panic")
    };
    HeaderValue::try_from(hex::encode(hash)).expect("hex digits make a header")
}
