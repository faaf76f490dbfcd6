//! Checksums of bodies, by which a store notices what was changed on the way.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use md5::{Digest, Md5};

/// Bodies from this size on are hashed where that may take its time.
const LONG_BODY_BYTES: usize = 256 * 1024;

pub(in crate::driver) const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");

/// Returns the checksum of a body.
pub(in crate::driver) async fn hash<D: Digest>(body: &Bytes) -> Vec<u8> {
    if body.len() < LONG_BODY_BYTES {
        return D::digest(body).to_vec();
    }
    let body = body.clone();
    let hashed = tokio::task::spawn_blocking(move || D::digest(&body).to_vec()).await;
    hashed.expect("hashing does not panic")
}

/// Returns the value that `Content-MD5` has for a body (RFC 1864).
pub(in crate::driver) async fn content_md5(body: &Bytes) -> HeaderValue {
    HeaderValue::try_from(STANDARD.encode(hash::<Md5>(body).await)).expect("base64 makes a header")
}
