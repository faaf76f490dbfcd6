//! Objects in a bucket of Qiniu Kodo, by its own protocol: each kind of request has a host of its own (`hosts.rs`), and is
//! allowed by a token (`signing.rs`). By Kodo's S3 endpoint, [`open_s3`] reaches the same buckets.
//!
//! A key is the path, without its leading `/`, below the configured root directory.

mod config;
mod document;
mod form;
mod hosts;
mod objects;
mod parts;
mod protocol;
mod signing;

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Uri, header};
use registry_core::store::StoreErrorKind;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use tokio::sync::Semaphore;

use self::hosts::Hosts;
use self::protocol::KodoProtocol;
use self::signing::{FORM, UploadPolicy, entry};
use super::object::address::{Endpoint, Root, encoded_path};
use super::object::backend::{Backend, Limits};
use super::object::error::Failure;
use super::object::exchange::{Call, Exchange};
use super::object::{ObjectDriver, connection};
use super::s3::dialect::{Dialect, Keys};
use super::s3::{S3Config, open_as};
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

pub use self::config::{KodoConfig, KodoCredentials, KodoHosts};

const QINIU_DATE: HeaderName = HeaderName::from_static("x-qiniu-date");
/// For how long a token counts: longer than anything is repeated.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);
/// How many parts are copied through the registry at a time.
const COPIES_AT_ONCE: usize = 2;

/// Kodo as it speaks S3.
static S3: Dialect = Dialect::amazon(
    "kodo",
    Keys {
        access_key: "accesskey",
        secret_key: "secretkey",
        token: "sessiontoken",
        endpoint: "endpoint",
        credentials: "check `accesskey` and `secretkey`",
    },
);

/// Prepares to speak to a bucket by Kodo's own protocol, and asks whether it can be listed, so that what is wrong with the
/// address, the credentials or the bucket is told at the start. Reads the system's certificates, which blocks for a moment.
///
/// # Errors
/// What the store answered, with what to check.
pub async fn open(config: &KodoConfig) -> DriverResult<ObjectDriver> {
    ObjectDriver::open(Kodo::new(config).await?, &config.transfer).await
}

/// Prepares to speak to a bucket by Kodo's S3 endpoint, as [`open`] does by its own protocol.
///
/// # Errors
/// What the store answered, with what to check.
pub async fn open_s3(config: &S3Config) -> DriverResult<ObjectDriver> {
    open_as(config, &S3).await
}

/// Speaks to one bucket.
#[derive(Debug)]
struct Kodo {
    bucket: String,
    credentials: KodoCredentials,
    root: Root,
    hosts: Hosts,
    exchange: Exchange<KodoProtocol>,
    copying: Semaphore,
}

impl Kodo {
    async fn new(config: &KodoConfig) -> DriverResult<Self> {
        let failed = |error| DriverError::io("prepare to connect to", &config.bucket, error);
        let connections = connection::open(config.verify_certificate).map_err(failed)?;
        let hosts = match Hosts::find(config, &connections).await {
            // An unknown bucket is a mistake of somebody who runs the registry, and not a missing object.
            Err(error) if error.kind() == StoreErrorKind::NotFound => {
                let why = "the store does not know it; check `bucket` and `accesskey`";
                return Err(DriverError::new(StoreErrorKind::Other, "find the hosts of", &config.bucket, why));
            }
            found => found?,
        };
        let protocol = KodoProtocol::new(hosts.authorities(), config.bucket.clone());
        Ok(Self {
            bucket: config.bucket.clone(),
            credentials: config.credentials.clone(),
            root: Root::new(&config.root_directory),
            hosts,
            exchange: Exchange::new(protocol, connections),
            copying: Semaphore::new(COPIES_AT_ONCE),
        })
    }

    /// Returns the name that requests to manage have for what is at a path.
    fn entry(&self, path: &StoragePath) -> String {
        entry(&self.bucket, &self.root.key(path))
    }

    /// Prepares a request to manage, whose body is a form.
    fn managing_call(
        &self,
        operation: &'static str,
        subject: String,
        method: Method,
        (host, path, query): (&Endpoint, String, &[(&str, &str)]),
        form: String,
    ) -> Call {
        let uri = host.uri(path, query);
        let date = date(OffsetDateTime::now_utc());
        let authorization = self.credentials.authorization(&method, &uri, &date, &form);
        let mut call = Call { operation, subject, method, uri, body: form.into(), ..Call::default() };
        let headers = [
            (header::HOST, host.authority()),
            (header::CONTENT_TYPE, FORM),
            (QINIU_DATE, &date),
            (header::AUTHORIZATION, &authorization),
        ];
        for (name, value) in headers {
            call.headers.insert(name, value_of(value));
        }
        call
    }

    /// Prepares a request about one object: a word, and what it is said of.
    fn object_call(&self, operation: &'static str, path: &StoragePath, request: String) -> Call {
        let target = (&self.hosts.rs, request, &[][..]);
        self.managing_call(operation, self.root.key(path), Method::POST, target, String::new())
    }

    /// Returns what allows to send an object, or its parts.
    fn upload_token(&self, path: &StoragePath, is_new_only: bool) -> String {
        let scope = format!("{}:{}", self.bucket, self.root.key(path));
        let policy = UploadPolicy { scope, deadline: deadline(), insert_only: u8::from(is_new_only) };
        self.credentials.upload_token(&policy)
    }

    /// Returns the address at a domain by which anybody can read an object until a time.
    fn download_uri(&self, domain: &Endpoint, path: &StoragePath, deadline: i64) -> Uri {
        let target = format!("/{}", encoded_path(&self.root.key(path)));
        let address = domain.uri(target.clone(), &[]).to_string();
        let query = self.credentials.download_query(&address, deadline);
        domain.uri(target, &query.each_ref().map(|(name, value)| (*name, value.as_str())))
    }

    /// Asks for a document.
    async fn document<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Failure> {
        let answer = self.exchange.answer(call).await?;
        serde_json::from_slice(&answer.body).map_err(|error| call.misunderstood(error))
    }
}

/// Returns until when a token counts that is made now.
fn deadline() -> i64 {
    deadline_in(TOKEN_LIFETIME)
}

/// Returns until when that counts which counts for a time.
fn deadline_in(lifetime: Duration) -> i64 {
    (OffsetDateTime::now_utc() + lifetime).unix_timestamp()
}

/// Writes a time as `X-Qiniu-Date` has it.
fn date(now: OffsetDateTime) -> String {
    let ((year, month, day), (hour, minute, second)) = (now.to_calendar_date(), now.to_hms());
    format!("{year:04}{:02}{day:02}T{hour:02}{minute:02}{second:02}Z", u8::from(month))
}

/// Makes a header's value of what is made of base64, names and digits.
fn value_of(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).expect("the configuration was checked")
}

impl Backend for Kodo {
    fn name(&self) -> &'static str {
        "kodo"
    }

    fn limits(&self) -> Limits {
        Limits {
            max_parts: 10_000,
            part_bytes: KodoConfig::MIN_PART_BYTES..=KodoConfig::MAX_PART_BYTES,
            // A copy shares the bytes.
            max_copy_bytes: u64::MAX,
            at_once: objects::AT_ONCE,
        }
    }

    fn key(&self, path: &StoragePath) -> String {
        self.root.key(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_date() {
        assert_eq!(date(OffsetDateTime::from_unix_timestamp(1_464_782_400).unwrap()), "20160601T120000Z");
    }
}
