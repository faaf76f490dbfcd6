//! Objects in a bucket of Sohu Cloud Storage, whose requests are those of [`s3`](super::s3) in other words.
//!
//! Keys are those of the Sohu registry, a fork of distribution 2. The store copies objects, but no parts, and has no condition
//! for writing only where there is nothing. A request to another region than the bucket's is answered by where that is.
//! The store can rename, which is not used: for some time after a blob was moved, there are readers of the old name.

mod config;
mod signing;

use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use self::signing::ScsSign;
use super::object::ObjectDriver;
use super::s3::address::{Address, Addressing};
use super::s3::dialect::{BodyChecksum, CopySourceForm, Dialect, Keys, Paging};
use super::s3::signing::MakeSign;
use super::s3::{ObjectOptions, S3};
use crate::error::DriverResult;

pub use self::config::ScsConfig;

static SCS: Dialect = Dialect {
    name: "scs",
    keys: Keys {
        access_key: "accesskey",
        secret_key: "secretkey",
        token: "secretkey",
        endpoint: "endpoint",
        credentials: "check `accesskey` and `secretkey`",
    },
    checksum: BodyChecksum::HexMd5OfParts,
    paging: Paging::Marker,
    copy_source_form: CopySourceForm::Bucket,
    copy_source: HeaderName::from_static("x-scs-copy-source"),
    copy_source_range: None,
    own_metadata: (HeaderName::from_static("x-scs-metadata-directive"), HeaderValue::from_static("REPLACE")),
    only_new: None,
    strict_range: None,
    note: HeaderName::from_static("x-scs-meta-registry-upload"),
    // Objects are asked for none of what follows.
    encryption: HeaderName::from_static("x-scs-server-side-encryption"),
    managed_encryption: HeaderValue::from_static("scs:kms"),
    encryption_key: HeaderName::from_static("x-scs-server-side-encryption-key-id"),
    storage_class: HeaderName::from_static("x-scs-storage-class"),
    acl: HeaderName::from_static("x-scs-acl"),
    request_id: HeaderName::from_static("x-scs-request-id"),
    min_part_bytes: ScsConfig::MIN_PART_BYTES,
    // What Sohu says nothing of.
    max_copy_bytes: u64::MAX,
    at_once: 100,
    names_other_regions: true,
};

/// Prepares to speak to a bucket, and asks whether it can be listed, so that what is wrong with the address, the
/// credentials or the bucket is told at the start. Reads the system's certificates, which blocks for a moment.
///
/// # Errors
/// What the store answered, with what to check.
pub async fn open(config: &ScsConfig) -> DriverResult<ObjectDriver> {
    let at = |endpoint| Address::new(endpoint, Addressing::Path, &config.bucket, &config.root_directory);
    let address = at(&config.endpoint)?;
    let public = at(config.public_endpoint.as_ref().unwrap_or(&config.endpoint))?;
    let (access_key, secret_key) = (config.access_key.clone(), config.secret_key.clone());
    let make_sign: MakeSign = Box::new(move |_| Arc::new(ScsSign::new(access_key.clone(), secret_key.clone())));
    let backend = S3::new(address, public, &SCS, ObjectOptions::default(), make_sign, config.verify_certificate)?;
    ObjectDriver::open(backend, &config.transfer).await
}
