//! Who asks, and what it means when Baidu BOS says no.

use async_trait::async_trait;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode};
use registry_core::store::StoreErrorKind;
use time::OffsetDateTime;

use super::config::{BosConfig, BosCredentials};
use super::document::ErrorDocument;
use super::signing;
use crate::driver::object::address::Endpoint;
use crate::driver::object::checksum::{CONTENT_MD5, content_md5};
use crate::driver::object::error::{ExchangeError, Refusal};
use crate::driver::object::exchange::Protocol;

/// By what Baidu knows a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-bce-request-id");

/// Signs requests to one bucket, and reads refusals.
#[derive(Debug)]
pub(super) struct BosProtocol {
    endpoint: Endpoint,
    bucket: String,
    pub(super) credentials: BosCredentials,
}

impl BosProtocol {
    pub(super) fn new(endpoint: Endpoint, config: &BosConfig) -> Self {
        Self { endpoint, bucket: config.bucket.clone(), credentials: config.credentials.clone() }
    }
}

#[async_trait]
impl Protocol for BosProtocol {
    fn authority(&self) -> String {
        self.endpoint.authority().to_owned()
    }

    /// TLS keeps a body from being changed on the way; without TLS its checksum does.
    async fn prepare(&self, headers: &mut HeaderMap, body: &Bytes) {
        if !self.endpoint.is_encrypted() && !body.is_empty() {
            headers.insert(CONTENT_MD5, content_md5(body).await);
        }
    }

    async fn sign(&self, request: &mut Parts) -> Result<(), ExchangeError> {
        signing::sign(request, &self.credentials, OffsetDateTime::now_utc()).map_err(|error| {
            ExchangeError::Credentials {
                advice: "check `accesskey` and `sessiontoken`",
                is_worth_a_retry: false,
                source: error.into(),
            }
        })
    }

    fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Refusal {
        let by_status = Refusal::new(status, headers, format!("bucket `{}`", self.bucket));
        let document: ErrorDocument = serde_json::from_slice(body).unwrap_or_default();
        let request_id = headers.get(&REQUEST_ID).and_then(|id| id.to_str().ok()).map(ToOwned::to_owned);
        let is_worth_a_retry = by_status.is_worth_a_retry || is_transient(&document.code);
        Refusal {
            kind: match document.code.as_str() {
                // An unknown bucket is a mistake of somebody who runs the registry, and not a missing object.
                "NoSuchBucket" => StoreErrorKind::Other,
                "InvalidPart" => StoreErrorKind::Corrupt,
                // What is in the way of a request about an object is an object.
                _ if status == StatusCode::CONFLICT => StoreErrorKind::AlreadyExists,
                _ if by_status.kind == StoreErrorKind::Other && is_worth_a_retry => StoreErrorKind::Unavailable,
                _ => by_status.kind,
            },
            is_worth_a_retry,
            advice: advice(&document.code).map(ToOwned::to_owned),
            request_id: request_id.unwrap_or(document.request_id),
            code: document.code,
            message: document.message,
            ..by_status
        }
    }

    /// There are no others.
    fn renew(&self) {}
}

/// Tells whether a request that is refused with this word may succeed later.
fn is_transient(code: &str) -> bool {
    matches!(code, "InternalError" | "ServiceUnavailable" | "RequestTimeout" | "RequestRateLimitExceeded" | "SlowDown")
}

/// Returns what somebody who runs the registry can look at.
fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "InvalidAccessKeyId" => "check `accesskey`",
        "SignatureDoesNotMatch" => "check `secretkey`",
        "InvalidSecurityToken" | "ExpiredSecurityToken" => "check `sessiontoken`",
        "AccessDenied" => "check that the key may list, read, write and delete in the bucket, and `region`",
        "NoSuchBucket" => "check `bucket`, `region` and `endpoint`; the bucket has to exist",
        "RequestExpired" => "check this machine's clock",
        "AccountOverdue" => "check the bills of the account",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> Refusal {
        let credentials = BosCredentials { access_key: "AK".into(), secret_key: "SK".into(), session_token: None };
        let endpoint = Endpoint::without_path("http://h", "").unwrap();
        let protocol = BosProtocol::new(endpoint, &BosConfig::new("b", "bj", credentials));
        let headers = [(REQUEST_ID, "R1".parse().unwrap())].into_iter().collect();
        protocol.refusal(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
    }

    #[test]
    fn a_refusal_says_what_to_check() {
        let body = r#"{"code": "SignatureDoesNotMatch", "message": "The signatures differ.", "requestId": "R2"}"#;
        assert_eq!(
            refused(403, body).to_string(),
            "the object store answered 403 SignatureDoesNotMatch The signatures differ. (bucket `b`, request `R1`); \
             check `secretkey`"
        );
        assert_eq!(refused(403, "").to_string(), "the object store answered 403 (bucket `b`, request `R1`)");
    }

    #[test]
    fn refusals_mean_something() {
        for (status, code, kind, retried) in [
            (404, "NoSuchKey", StoreErrorKind::NotFound, false),
            (404, "NoSuchUpload", StoreErrorKind::NotFound, false),
            (404, "", StoreErrorKind::NotFound, false),
            (404, "NoSuchBucket", StoreErrorKind::Other, false),
            (412, "PreconditionFailed", StoreErrorKind::AlreadyExists, false),
            (409, "ObjectAlreadyExists", StoreErrorKind::AlreadyExists, false),
            (403, "AccessDenied", StoreErrorKind::Other, false),
            (400, "InvalidPart", StoreErrorKind::Corrupt, false),
            (400, "RequestTimeout", StoreErrorKind::Unavailable, true),
            (500, "InternalError", StoreErrorKind::Unavailable, true),
            (503, "ServiceUnavailable", StoreErrorKind::Unavailable, true),
            (416, "InvalidRange", StoreErrorKind::Corrupt, false),
        ] {
            let refusal = refused(status, &format!(r#"{{"code": "{code}"}}"#));
            assert_eq!((refusal.kind, refusal.is_worth_a_retry), (kind, retried), "{status} {code}");
        }
    }
}
