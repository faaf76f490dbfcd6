//! Blobs: GET, HEAD, DELETE.

use std::error::Error;
use std::ops::Range;

use futures::{FutureExt, TryStreamExt};
use http::StatusCode;
use http::header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderValue};
use registry_core::protocol::byte_range::{RangeRequest, ResolvedRange};
use registry_core::protocol::digest::Digest;
use registry_core::protocol::error_code::ErrorCode;
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::BlobRead;
use registry_core::store::metadata::BlobRecord;

use super::Call;
use crate::body::{FileBody, ResponseBody, ResponseError};
use crate::error::ApiError;
use crate::redirects::Redirects;
use crate::request;
use crate::response::{ApiResponse, IMMUTABLE, ResponseExt, Room, empty, with_body};

const OCTET_STREAM: HeaderValue = HeaderValue::from_static("application/octet-stream");
const BYTES: HeaderValue = HeaderValue::from_static("bytes");

pub(crate) async fn get(call: &Call, repository: &RepositoryName, digest: &Digest) -> Result<ApiResponse, ApiError> {
    // A client that asks whether a blob exists relies on the answer for a while; one that pulls has what it wants.
    let blob = match call.head {
        true => call.registry.stat_blob(repository, digest).await?,
        false => call.registry.blob(repository, digest).await?,
    };
    if request::has_already(&call.headers, digest) {
        return Ok(described(empty(StatusCode::NOT_MODIFIED), digest));
    }
    if let Some(address) = redirect(call, &blob).await {
        // Whoever has it can read the blob, for a while: so nobody in between may keep it.
        let answer = empty(StatusCode::TEMPORARY_REDIRECT).at(address).about(digest);
        return Ok(answer.with(CACHE_CONTROL, "no-store"));
    }
    let size = blob.size_bytes;
    let asked = request::range(&call.headers, digest)?.and_then(RangeRequest::parse);
    let resolved = asked.map_or(ResolvedRange::Whole, |range| range.resolve(size));
    let content_range = resolved.content_range(size);
    let (status, range) = match resolved {
        ResolvedRange::Whole => (StatusCode::OK, 0..size),
        ResolvedRange::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        ResolvedRange::Unsatisfiable => {
            let message = format!("the blob has {size} bytes, and none in the asked-for range");
            let error = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::RangeInvalid, message);
            return Err(error.with_header(CONTENT_RANGE, &content_range.unwrap_or_default()));
        }
    };
    let length = range.end - range.start;
    // A HEAD, whose body nobody reads, opens nothing.
    let body = if call.head { ResponseBody::empty() } else { open(call, repository, &blob, range).await? };
    let mut response = with_body(status, body, Room::Common);
    response.headers_mut().insert(CONTENT_TYPE, OCTET_STREAM);
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    let response = described(response, digest);
    Ok(match content_range {
        Some(content_range) => response.with(CONTENT_RANGE, content_range),
        None => response,
    })
}

pub(crate) async fn delete(call: &Call, repository: &RepositoryName, digest: &Digest) -> Result<ApiResponse, ApiError> {
    call.registry.delete_blob(repository, digest).await?;
    Ok(empty(StatusCode::ACCEPTED))
}

/// Returns where the client gets the bytes, if not from here. What range it asks for is between it and the storage then.
async fn redirect(call: &Call, blob: &BlobRecord) -> Option<String> {
    if !call.redirects || call.head {
        return None;
    }
    // Few registries redirect; the others shall not have the room for it in every future.
    match call.registry.redirect_blob(blob, Redirects::LIFETIME).boxed().await {
        Ok(address) => address,
        Err(error) => {
            // The bytes can be had from here all the same.
            tracing::warn!(error = &error as &dyn Error, "a client is not sent to the storage");
            None
        }
    }
}

async fn open(
    call: &Call,
    repository: &RepositoryName,
    blob: &BlobRecord,
    range: Range<u64>,
) -> Result<ResponseBody, ApiError> {
    let length = range.end - range.start;
    if length == 0 {
        return Ok(ResponseBody::empty());
    }
    Ok(match call.registry.read_blob(repository, blob, range).await? {
        BlobRead::File { file, range } => ResponseBody::file(FileBody::new(file, range, call.buffers.clone())),
        BlobRead::Stream(pieces) => ResponseBody::stream(Box::pin(pieces.map_err(ResponseError::from)), Some(length)),
    })
}

fn described(mut response: ApiResponse, digest: &Digest) -> ApiResponse {
    let headers = response.headers_mut();
    headers.insert(ACCEPT_RANGES, BYTES);
    headers.insert(CACHE_CONTROL, IMMUTABLE);
    response.cacheable(digest)
}
