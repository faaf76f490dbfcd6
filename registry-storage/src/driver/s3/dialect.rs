//! In what the vendors of S3's family differ.

use http::{HeaderName, HeaderValue};

/// The words and ways of one vendor.
#[derive(Debug)]
pub(in crate::driver) struct Dialect {
    /// The key of the driver's section below `storage`.
    pub(in crate::driver) name: &'static str,
    /// The keys of that section, for advice.
    pub(in crate::driver) keys: Keys,
    /// What keeps a body from being changed on the way.
    pub(in crate::driver) checksum: BodyChecksum,
    /// How lists are gone on with.
    pub(in crate::driver) paging: Paging,
    /// How a copy names its source.
    pub(in crate::driver) copy_source_form: CopySourceForm,
    /// What a copy's source is named in.
    pub(in crate::driver) copy_source: HeaderName,
    /// What a copied part's range is named in; the end is inclusive. Without it, the store copies no parts.
    pub(in crate::driver) copy_source_range: Option<HeaderName>,
    /// What tells that a copy gets metadata of its own.
    pub(in crate::driver) own_metadata: (HeaderName, HeaderValue),
    /// What tells that an object is written only if there is none. Without it, writers take turns.
    pub(in crate::driver) only_new: Option<(HeaderName, HeaderValue)>,
    /// What tells that a range that is not there is to be refused, where that is not so anyway.
    pub(in crate::driver) strict_range: Option<(HeaderName, HeaderValue)>,
    /// The note of an object, which is metadata.
    pub(in crate::driver) note: HeaderName,
    /// What the encryption is asked for in.
    pub(in crate::driver) encryption: HeaderName,
    /// The encryption by a key of the key management service.
    pub(in crate::driver) managed_encryption: HeaderValue,
    /// What the key of the encryption is named in.
    pub(in crate::driver) encryption_key: HeaderName,
    /// What the storage class is named in.
    pub(in crate::driver) storage_class: HeaderName,
    /// What the access control list is named in.
    pub(in crate::driver) acl: HeaderName,
    /// What an answer names its request in.
    pub(in crate::driver) request_id: HeaderName,
    /// The least size of a part, but for the last one.
    pub(in crate::driver) min_part_bytes: u64,
    /// How large an object may be that is copied by one request.
    pub(in crate::driver) max_copy_bytes: u64,
    /// How many objects a list has, and a deletion takes, at most.
    pub(in crate::driver) at_once: usize,
    /// Whether a request that went to another region than the bucket's is answered by where that is.
    pub(in crate::driver) names_other_regions: bool,
}

/// What the keys of a driver's section are called.
#[derive(Debug)]
pub(in crate::driver) struct Keys {
    pub(in crate::driver) access_key: &'static str,
    pub(in crate::driver) secret_key: &'static str,
    pub(in crate::driver) token: &'static str,
    pub(in crate::driver) endpoint: &'static str,
    /// What to check if there are no credentials at all.
    pub(in crate::driver) credentials: &'static str,
}

/// What keeps a body from being changed on the way, where TLS does not.
#[derive(Debug)]
pub(in crate::driver) enum BodyChecksum {
    /// The SHA-256 is signed, in this header; with TLS the header says that there is none.
    Sha256(HeaderName),
    /// The MD5 is signed, in `Content-MD5`.
    Md5,
    /// That of parts is, in hex digits. The store looks at no other one.
    HexMd5OfParts,
}

/// How lists are gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::driver) enum Paging {
    /// By a token (`list-type=2`).
    Token,
    /// After a key.
    Marker,
}

/// How a copy names its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::driver) enum CopySourceForm {
    /// As `/bucket/key`.
    Bucket,
    /// As `host/key`.
    Host,
}

/// Amazon's own.
pub(super) static AMAZON: Dialect = Dialect::amazon(
    "s3",
    Keys {
        access_key: "accesskey",
        secret_key: "secretkey",
        token: "sessiontoken",
        endpoint: "regionendpoint",
        credentials: "check `accesskey` and `secretkey`, or what the environment gives instead of them",
    },
);

impl Dialect {
    /// Returns Amazon's words, which nearly all others speak as well, for a driver of this name with these keys.
    pub(in crate::driver) const fn amazon(name: &'static str, keys: Keys) -> Self {
        Self {
            name,
            keys,
            checksum: BodyChecksum::Sha256(HeaderName::from_static("x-amz-content-sha256")),
            paging: Paging::Token,
            copy_source_form: CopySourceForm::Bucket,
            copy_source: HeaderName::from_static("x-amz-copy-source"),
            copy_source_range: Some(HeaderName::from_static("x-amz-copy-source-range")),
            own_metadata: (HeaderName::from_static("x-amz-metadata-directive"), HeaderValue::from_static("REPLACE")),
            only_new: Some((http::header::IF_NONE_MATCH, HeaderValue::from_static("*"))),
            strict_range: None,
            note: HeaderName::from_static("x-amz-meta-registry-upload"),
            encryption: HeaderName::from_static("x-amz-server-side-encryption"),
            managed_encryption: HeaderValue::from_static("aws:kms"),
            encryption_key: HeaderName::from_static("x-amz-server-side-encryption-aws-kms-key-id"),
            storage_class: HeaderName::from_static("x-amz-storage-class"),
            acl: HeaderName::from_static("x-amz-acl"),
            request_id: HeaderName::from_static("x-amz-request-id"),
            min_part_bytes: 5 * 1024 * 1024,
            max_copy_bytes: 5 * 1024 * 1024 * 1024,
            at_once: 1000,
            names_other_regions: false,
        }
    }
}
