//! Objects in a bucket of Tencent COS, whose requests are those of [`s3`](super::s3) in other words.

mod config;
mod signing;

use http::{HeaderName, HeaderValue};

use self::signing::CosSign;
use super::object::ObjectDriver;
use super::s3::address::{Address, Addressing};
use super::s3::dialect::{BodyChecksum, CopySourceForm, Dialect, Keys, Paging};
use super::s3::signing::MakeSign;
use super::s3::{ObjectOptions, S3};
use crate::error::DriverResult;

pub use self::config::CosConfig;

static COS: Dialect = Dialect {
    name: "cos",
    keys: Keys {
        access_key: "secretid",
        secret_key: "secretkey",
        token: "token",
        endpoint: "endpoint",
        credentials: "check `secretid` and `secretkey`, or what the environment gives instead of them",
    },
    checksum: BodyChecksum::Md5,
    paging: Paging::Marker,
    copy_source_form: CopySourceForm::Host,
    copy_source: HeaderName::from_static("x-cos-copy-source"),
    copy_source_range: Some(HeaderName::from_static("x-cos-copy-source-range")),
    own_metadata: (HeaderName::from_static("x-cos-metadata-directive"), HeaderValue::from_static("Replaced")),
    only_new: Some((HeaderName::from_static("x-cos-forbid-overwrite"), HeaderValue::from_static("true"))),
    strict_range: None,
    note: HeaderName::from_static("x-cos-meta-registry-upload"),
    encryption: HeaderName::from_static("x-cos-server-side-encryption"),
    managed_encryption: HeaderValue::from_static("cos/kms"),
    encryption_key: HeaderName::from_static("x-cos-server-side-encryption-cos-kms-key-id"),
    storage_class: HeaderName::from_static("x-cos-storage-class"),
    acl: HeaderName::from_static("x-cos-acl"),
    request_id: HeaderName::from_static("x-cos-request-id"),
    min_part_bytes: CosConfig::MIN_PART_BYTES,
    max_copy_bytes: 5 * 1024 * 1024 * 1024,
    at_once: 1000,
    names_other_regions: false,
};

/// Prepares to speak to a bucket, and asks whether it can be listed, so that what is wrong with the address, the
/// credentials or the bucket is told at the start. Reads the system's certificates, which blocks for a moment.
///
/// # Errors
/// What the store answered, with what to check.
pub async fn open(config: &CosConfig) -> DriverResult<ObjectDriver> {
    let at = |endpoint| Address::new(endpoint, Addressing::Endpoint, &config.bucket, &config.root_directory);
    let address = at(&config.endpoint)?;
    let public = at(config.public_endpoint.as_ref().unwrap_or(&config.endpoint))?;
    let credentials = config.credentials.clone();
    let make_sign: MakeSign = Box::new(move |connections| CosSign::shared(&credentials, connections));
    let options = ObjectOptions {
        encryption: config.encryption.clone(),
        storage_class: config.storage_class.clone(),
        ..ObjectOptions::default()
    };
    let backend = S3::new(address, public, &COS, options, make_sign, config.verify_certificate)?;
    ObjectDriver::open(backend, &config.transfer).await
}
