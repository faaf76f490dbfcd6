//! In what the vendors of S3's family differ.

use http::HeaderName;

/// The words of one vendor.
#[derive(Debug)]
pub(super) struct Dialect {
    /// What the checksum of a signed body is said in.
    pub(super) content_sha256: HeaderName,
    /// What a copy's source is named in.
    pub(super) copy_source: HeaderName,
    /// What a copied part's range is named in; the end is inclusive.
    pub(super) copy_source_range: HeaderName,
    /// What tells that a copy gets metadata of its own.
    pub(super) metadata_directive: HeaderName,
    /// The note of an object, which is metadata.
    pub(super) note: HeaderName,
    /// What the encryption is asked for in.
    pub(super) encryption: HeaderName,
    /// What the key of the encryption is named in.
    pub(super) encryption_key: HeaderName,
    /// What the storage class is named in.
    pub(super) storage_class: HeaderName,
    /// What the access control list is named in.
    pub(super) acl: HeaderName,
    /// What an answer names its request in.
    pub(super) request_id: HeaderName,
}

/// Amazon's own words, which nearly all others speak as well.
pub(super) static AMAZON: Dialect = Dialect {
    content_sha256: HeaderName::from_static("x-amz-content-sha256"),
    copy_source: HeaderName::from_static("x-amz-copy-source"),
    copy_source_range: HeaderName::from_static("x-amz-copy-source-range"),
    metadata_directive: HeaderName::from_static("x-amz-metadata-directive"),
    note: HeaderName::from_static("x-amz-meta-registry-upload"),
    encryption: HeaderName::from_static("x-amz-server-side-encryption"),
    encryption_key: HeaderName::from_static("x-amz-server-side-encryption-aws-kms-key-id"),
    storage_class: HeaderName::from_static("x-amz-storage-class"),
    acl: HeaderName::from_static("x-amz-acl"),
    request_id: HeaderName::from_static("x-amz-request-id"),
};
