//! Objects in a bucket of Aliyun OSS, whose requests are those of [`s3`](super::s3) in other words.

mod config;
mod signing;

use http::{HeaderName, HeaderValue};

use self::signing::OssSign;
use super::object::ObjectDriver;
use super::s3::address::{Address, Addressing};
use super::s3::dialect::{BodyChecksum, CopySourceForm, Dialect, Keys, Paging};
use super::s3::signing::MakeSign;
use super::s3::{ObjectOptions, S3};
use crate::error::DriverResult;

pub use self::config::{OssConfig, OssSignature};

static OSS: Dialect = Dialect {
    name: "oss",
    keys: Keys {
        access_key: "accesskeyid",
        secret_key: "accesskeysecret",
        token: "securitytoken",
        endpoint: "endpoint",
        credentials: "check `accesskeyid` and `accesskeysecret`, or what the environment gives instead of them",
    },
    checksum: BodyChecksum::Md5,
    paging: Paging::Marker,
    copy_source_form: CopySourceForm::Bucket,
    copy_source: HeaderName::from_static("x-oss-copy-source"),
    copy_source_range: Some(HeaderName::from_static("x-oss-copy-source-range")),
    own_metadata: (HeaderName::from_static("x-oss-metadata-directive"), HeaderValue::from_static("REPLACE")),
    only_new: Some((HeaderName::from_static("x-oss-forbid-overwrite"), HeaderValue::from_static("true"))),
    strict_range: Some((HeaderName::from_static("x-oss-range-behavior"), HeaderValue::from_static("standard"))),
    note: HeaderName::from_static("x-oss-meta-registry-upload"),
    encryption: HeaderName::from_static("x-oss-server-side-encryption"),
    managed_encryption: HeaderValue::from_static("KMS"),
    encryption_key: HeaderName::from_static("x-oss-server-side-encryption-key-id"),
    storage_class: HeaderName::from_static("x-oss-storage-class"),
    acl: HeaderName::from_static("x-oss-object-acl"),
    request_id: HeaderName::from_static("x-oss-request-id"),
    min_part_bytes: OssConfig::MIN_PART_BYTES,
    max_copy_bytes: 1024 * 1024 * 1024,
    at_once: 1000,
    names_other_regions: false,
};

/// Prepares to speak to a bucket, and asks whether it can be listed, so that what is wrong with the address, the
/// credentials or the bucket is told at the start. Reads the system's certificates, which blocks for a moment.
///
/// # Errors
/// What the store answered, with what to check.
pub async fn open(config: &OssConfig) -> DriverResult<ObjectDriver> {
    let at = |endpoint| Address::new(endpoint, Addressing::Endpoint, &config.bucket, &config.root_directory);
    let address = at(&config.endpoint)?;
    let public = at(config.public_endpoint.as_ref().unwrap_or(&config.endpoint))?;
    let signing = config.clone();
    let make_sign: MakeSign = Box::new(move |connections| OssSign::shared(&signing, connections));
    let options = ObjectOptions { encryption: config.encryption.clone(), ..ObjectOptions::default() };
    let backend = S3::new(address, public, &OSS, options, make_sign, config.verify_certificate)?;
    ObjectDriver::open(backend, &config.transfer).await
}
