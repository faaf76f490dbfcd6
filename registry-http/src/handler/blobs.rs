//! Blobs: GET, HEAD, DELETE.

use futures::TryStreamExt;
use http::header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use registry_core::protocol::byte_range::{RangeRequest, ResolvedRange};
use registry_core::protocol::digest::Digest;
use registry_core::protocol::error_code::ErrorCode;
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::BlobRead;
use registry_core::store::metadata::BlobRecord;

use super::Call;
use crate::body::{ResponseBody, ResponseError, file_pieces};
use crate::error::ApiError;
use crate::request;
use crate::response::{ApiResponse, IMMUTABLE, ResponseExt, empty};

const OCTET_STREAM: HeaderValue = HeaderValue::from_static("application/octet-stream");
const BYTES: HeaderValue = HeaderValue::from_static("bytes");
