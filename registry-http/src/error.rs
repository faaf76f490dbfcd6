//! The one table from outcomes to OCI codes and statuses, and the answer that a client gets.
//!
//! A client sees the outcome's own text; the chain of causes goes to the log, once.

use std::error::Error;

use http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use registry_core::RegistryError;
use registry_core::body::BodyError;
use registry_core::protocol::error_code::{ErrorBody, ErrorCode};
use registry_core::store::StoreErrorKind;
use serde_json::{Value, json};

use crate::body::ResponseBody;
use crate::request_id::RequestId;
use crate::response::JSON;
use crate::route::{RouteError, allow};

/// How long a client should wait before it repeats what failed because something was away.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// A request that is not answered by what it asked for.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: ErrorCode,
    message: String,
    detail: Value,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// For the log only.
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ApiError {
    /// Answers with a status, a code and a text for the client.
    pub fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), detail: Value::Null, headers: Vec::new(), source: None }
    }

    /// Asks for credentials. `detail` lists what is needed, as distribution does.
    pub fn unauthorized(challenge: HeaderValue, message: impl Into<String>, detail: Value) -> Self {
        let headers = vec![(WWW_AUTHENTICATE, challenge)];
        let error = Self::new(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized, message);
        Self { detail, headers, ..error }
    }

    /// Answers that the client should come back later.
    pub fn unavailable(message: impl Into<String>) -> Self {
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable, message);
        Self { headers: vec![(RETRY_AFTER, RETRY_AFTER_SECONDS)], ..error }
    }

    /// Adds a header whose value is known to be header text.
    pub(crate) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.push((name, HeaderValue::try_from(value).expect("the value is header text")));
        self
    }

    /// Returns the status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Writes what the client does not see to the log, if there is anything.
    pub fn log(&self) {
        let Some(source) = &self.source else { return };
        let error: &(dyn Error + 'static) = source.as_ref();
        let (code, status) = (self.code.as_str(), self.status.as_u16());
        if self.status.is_server_error() {
            tracing::error!(error, code, status, "request failed");
        } else {
            tracing::debug!(error, code, status, "request refused");
        }
    }

    /// Makes the answer. The request's id is in the detail, so that a user's report leads to the log.
    pub fn into_response(self, id: &RequestId) -> Response<ResponseBody> {
        let detail = match self.detail {
            Value::Null => json!({ "request_id": id.as_str() }),
            Value::Object(mut detail) => {
                detail.insert("request_id".to_owned(), id.as_str().into());
                Value::Object(detail)
            }
            list => list,
        };
        let body = ErrorBody::new(self.code, self.message, Some(detail)).to_json();
        let mut response = Response::new(ResponseBody::full(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.extend(self.headers);
        headers.insert(http::header::CONTENT_TYPE, JSON);
        response
    }
}

impl From<RegistryError> for ApiError {
    fn from(error: RegistryError) -> Self {
        let (status, code) = match &error {
            RegistryError::RepositoryUnknown(_) => (StatusCode::NOT_FOUND, ErrorCode::NameUnknown),
            RegistryError::BlobUnknown { .. } => (StatusCode::NOT_FOUND, ErrorCode::BlobUnknown),
            RegistryError::ManifestUnknown { .. } | RegistryError::TagNotRestorable { .. } => {
                (StatusCode::NOT_FOUND, ErrorCode::ManifestUnknown)
            }
            RegistryError::RepositoryBusy(_) => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable),
            RegistryError::UploadUnknown { .. } => (StatusCode::NOT_FOUND, ErrorCode::BlobUploadUnknown),
            RegistryError::UploadBusy(_) | RegistryError::ChunkOutOfOrder { .. } => {
                (StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::RangeInvalid)
            }
            RegistryError::ChunkSize { .. } => (StatusCode::BAD_REQUEST, ErrorCode::SizeInvalid),
            RegistryError::DigestMismatch { .. } => (StatusCode::BAD_REQUEST, ErrorCode::DigestInvalid),
            RegistryError::ManifestInvalid(_) | RegistryError::UrlDenied(_) => {
                (StatusCode::BAD_REQUEST, ErrorCode::ManifestInvalid)
            }
            RegistryError::ManifestTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::SizeInvalid),
            RegistryError::ManifestBlobUnknown { .. } => (StatusCode::NOT_FOUND, ErrorCode::ManifestBlobUnknown),
            RegistryError::TooManyTags { .. } => (StatusCode::BAD_REQUEST, ErrorCode::TagInvalid),
            RegistryError::DeleteDisabled | RegistryError::ReadOnly => {
                (StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Unsupported)
            }
            RegistryError::Body(BodyError::TimedOut(_)) => (StatusCode::REQUEST_TIMEOUT, ErrorCode::BlobUploadInvalid),
            RegistryError::Body(_) => (StatusCode::BAD_REQUEST, ErrorCode::BlobUploadInvalid),
            RegistryError::Store(store) => match store.kind() {
                StoreErrorKind::OutOfSpace => (StatusCode::INSUFFICIENT_STORAGE, ErrorCode::Unavailable),
                StoreErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable),
                _ => (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Unknown),
            },
            _ => (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Unknown),
        };
        let message = match status {
            StatusCode::INSUFFICIENT_STORAGE => {
                "the registry's storage is full; nothing was stored, and pulls still work".to_owned()
            }
            _ => error.to_string(),
        };
        let detail = match &error {
            RegistryError::ManifestBlobUnknown { missing, .. } => json!({ "missing": missing }),
            _ => Value::Null,
        };
        let headers = match status {
            StatusCode::SERVICE_UNAVAILABLE => vec![(RETRY_AFTER, RETRY_AFTER_SECONDS)],
            _ => Vec::new(),
        };
        Self { status, code, message, detail, headers, source: Some(Box::new(error)) }
    }
}

impl From<RouteError> for ApiError {
    fn from(error: RouteError) -> Self {
        let (status, code) = match &error {
            RouteError::NotFound => (StatusCode::NOT_FOUND, ErrorCode::Unsupported),
            RouteError::MethodNotAllowed { .. } => (StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Unsupported),
            RouteError::NoSuchManifest(_) => (StatusCode::NOT_FOUND, ErrorCode::ManifestUnknown),
            RouteError::Name(_) => (StatusCode::BAD_REQUEST, ErrorCode::NameInvalid),
            RouteError::Reference(registry_core::protocol::reference::ReferenceError::Digest(_))
            | RouteError::Digest(_)
            | RouteError::DigestMissing => (StatusCode::BAD_REQUEST, ErrorCode::DigestInvalid),
            RouteError::Reference(_) | RouteError::Tag(_) => (StatusCode::BAD_REQUEST, ErrorCode::TagInvalid),
            RouteError::UploadId => (StatusCode::NOT_FOUND, ErrorCode::BlobUploadUnknown),
            RouteError::PageSize(_) => (StatusCode::BAD_REQUEST, ErrorCode::PaginationNumberInvalid),
            RouteError::Last(_) | RouteError::Repeated(_) => (StatusCode::BAD_REQUEST, ErrorCode::Unsupported),
        };
        let answer = Self::new(status, code, error.to_string());
        match &error {
            RouteError::MethodNotAllowed { allowed, .. } => answer.with_header(ALLOW, &allow(allowed)),
            _ => answer,
        }
    }
}
