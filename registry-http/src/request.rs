//! What a handler reads from a request's headers.

use http::HeaderMap;
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, IF_NONE_MATCH, IF_RANGE, RANGE};
use registry_core::protocol::byte_range::ChunkRange;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::error_code::ErrorCode;

use crate::error::ApiError;

/// Returns a header as text.
///
/// # Errors
/// 400 if it is there but is not text, or stands there more than once.
fn text(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, ApiError> {
    let mut values = headers.get_all(&name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let invalid = |why| {
        let message = format!("header `{name}` {why}");
        ApiError::new(StatusCode::BAD_REQUEST, ErrorCode::Unsupported, message)
    };
    if values.next().is_some() {
        return Err(invalid("is given more than once"));
    }
    value.to_str().map(Some).map_err(|_| invalid("has characters other than visible ASCII"))
}

/// Returns the media type that the body is said to have.
pub(crate) fn content_type(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    Ok(text(headers, CONTENT_TYPE)?.map(str::to_owned))
}

/// Returns how long the body is said to be.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Returns which bytes of a blob the body is said to be.
///
/// # Errors
/// 416 if the header is not a range, and 400 if the body is said to be of another length.
pub(crate) fn chunk_range(headers: &HeaderMap) -> Result<Option<ChunkRange>, ApiError> {
    let Some(value) = text(headers, CONTENT_RANGE)? else { return Ok(None) };
    let range: ChunkRange = value.parse().map_err(|error: registry_core::protocol::byte_range::ChunkRangeError| {
        ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::RangeInvalid, error.to_string())
    })?;
    match content_length(headers) {
        Some(length) if length != range.len() => {
            let message = format!(
                "`Content-Range: {value}` takes {} bytes, but `Content-Length` is {length}; expected both to agree",
                range.len()
            );
            Err(ApiError::new(StatusCode::BAD_REQUEST, ErrorCode::SizeInvalid, message))
        }
        _ => Ok(Some(range)),
    }
}

/// Returns the `Range` header, unless `If-Range` says that it is meant for other content.
pub(crate) fn range<'a>(headers: &'a HeaderMap, digest: &Digest) -> Result<Option<&'a str>, ApiError> {
    let range = text(headers, RANGE)?;
    match text(headers, IF_RANGE)? {
        Some(validator) if !names(validator, digest) => Ok(None),
        _ => Ok(range),
    }
}

/// Tells whether the client has the content already, by `If-None-Match`. Its quotes are optional, as in distribution.
pub(crate) fn has_already(headers: &HeaderMap, digest: &Digest) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|tag| tag.trim() == "*" || names(tag, digest))
}

fn names(etag: &str, digest: &Digest) -> bool {
    let etag = etag.trim();
    let etag = etag.strip_prefix("W/").unwrap_or(etag);
    etag.trim_matches('"') == digest.to_string()
}
