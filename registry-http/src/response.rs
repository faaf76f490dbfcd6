//! Builders for what every answer of the API has in common.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use http_body::Body;
use registry_core::protocol::digest::Digest;
use serde::Serialize;

use crate::body::ResponseBody;

/// The media type of errors and lists.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Content whose name is its digest never changes; distribution sends the same.
pub(crate) const IMMUTABLE: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The digest of what an answer is about.
pub(crate) const DOCKER_CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// The name of the upload that an answer is about.
pub(crate) const DOCKER_UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");
/// Which API this is.
pub(crate) const DOCKER_DISTRIBUTION_API_VERSION: HeaderName =
    HeaderName::from_static("docker-distribution-api-version");
/// The subject that a pushed manifest was recorded under.
pub(crate) const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
/// A tag that a pushed manifest was given.
pub(crate) const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");
/// Which filters a list of referrers went through.
pub(crate) const OCI_FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// An answer of the API.
pub(crate) type ApiResponse = Response<ResponseBody>;

/// How many headers an answer has room for, those included that are the same in all of them. A map that has to grow while
/// it is filled costs more than all else about it, and a small one comes from where the allocator is quickest.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Room {
    /// For the answer to the GET of a manifest.
    Small = 6,
    /// For every other answer.
    Common = 12,
}

/// Makes an answer with a body.
pub(crate) fn with_body(status: StatusCode, body: ResponseBody, room: Room) -> ApiResponse {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = HeaderMap::with_capacity(room as usize);
    response
}

/// Makes an answer without a body.
pub(crate) fn empty(status: StatusCode) -> ApiResponse {
    let mut response = with_body(status, ResponseBody::empty(), Room::Common);
    if status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    response
}

/// Makes an answer of JSON.
pub(crate) fn json(value: &impl Serialize) -> ApiResponse {
    let body = serde_json::to_vec(value).expect("answers have text keys and cannot fail to serialise");
    let mut response = with_body(StatusCode::OK, ResponseBody::full(body), Room::Common);
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// Makes a header's value, without a copy, of what is known to be header text.
pub(crate) fn header_value(text: impl Into<Bytes>) -> HeaderValue {
    HeaderValue::from_maybe_shared(text.into()).expect("the value was parsed from header text")
}

/// Adds to an answer.
pub(crate) trait ResponseExt {
    /// Sets a header whose value is known to be header text: names, tags, digests and numbers are.
    fn with(self, name: HeaderName, value: impl AsRef<str>) -> Self;
    /// Sets `Location`.
    fn at(self, location: impl AsRef<str>) -> Self;
    /// Sets the digest of what the answer is about.
    fn about(self, digest: &Digest) -> Self;
    /// Sets what a client needs to ask whether its copy is still right.
    fn cacheable(self, digest: &Digest) -> Self;
    /// Drops the body and keeps its length: the answer to a HEAD.
    fn without_body(self) -> Self;
}

impl ResponseExt for ApiResponse {
    fn with(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        let value = HeaderValue::try_from(value.as_ref()).expect("the value was parsed from header text");
        self.headers_mut().insert(name, value);
        self
    }

    fn at(self, location: impl AsRef<str>) -> Self {
        self.with(LOCATION, location)
    }

    fn about(self, digest: &Digest) -> Self {
        self.with(DOCKER_CONTENT_DIGEST, digest.to_string())
    }

    fn cacheable(mut self, digest: &Digest) -> Self {
        // The text is made once, and in memory of its very size: this is on the way of every pull.
        let mut etag = String::with_capacity("\"sha256:\"".len() + 2 * digest.as_bytes().len());
        etag.push('"');
        write!(etag, "{digest}").expect("writing to a string cannot fail");
        let digest = HeaderValue::from_str(&etag[1..]).expect("digests are header text");
        etag.push('"');
        self.headers_mut().insert(DOCKER_CONTENT_DIGEST, digest);
        self.headers_mut().insert(ETAG, header_value(etag));
        self
    }

    fn without_body(mut self) -> Self {
        // A 204 has no length, and that of a 304 would be the one of the content (RFC 9110, section 8.6).
        let has_length = !matches!(self.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if has_length
            && let Some(length) = self.body().size_hint().exact()
            && !self.headers().contains_key(CONTENT_LENGTH)
        {
            self.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        self.map(|_| ResponseBody::empty())
    }
}
