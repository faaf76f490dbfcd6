//! Who asks, and what it means when UFile says no.

use async_trait::async_trait;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use md5::Md5;
use registry_core::store::StoreErrorKind;

use super::document::ErrorDocument;
use super::signing::Signer;
use crate::driver::object::checksum::{CONTENT_MD5, hash};
use crate::driver::object::error::{ExchangeError, Refusal};
use crate::driver::object::exchange::Protocol;

/// By what UCloud knows a request.
const SESSION_ID: HeaderName = HeaderName::from_static("x-sessionid");
/// What somebody can look at whose keys are not taken.
const CHECK_KEYS: &str = "check `ufile_public_key` and `ufile_private_key`, and that they may list, read, write and \
                          delete in the bucket";

/// Signs requests to one bucket, and reads refusals.
#[derive(Debug)]
pub(super) struct UfileProtocol {
    authority: String,
    is_encrypted: bool,
    pub(super) signer: Signer,
}

impl UfileProtocol {
    pub(super) fn new(authority: String, is_encrypted: bool, signer: Signer) -> Self {
        Self { authority, is_encrypted, signer }
    }
}

#[async_trait]
impl Protocol for UfileProtocol {
    fn authority(&self) -> String {
        self.authority.clone()
    }

    /// TLS keeps a body from being changed on the way; without TLS its checksum does.
    async fn prepare(&self, headers: &mut HeaderMap, body: &Bytes) {
        if !self.is_encrypted && !body.is_empty() {
            let checksum = hex::encode(hash::<Md5>(body).await);
            headers.insert(CONTENT_MD5, HeaderValue::try_from(checksum).expect("hex digits make a header"));
        }
    }

    async fn sign(&self, request: &mut Parts) -> Result<(), ExchangeError> {
        self.signer.sign(request).map_err(|error| ExchangeError::Credentials {
            advice: CHECK_KEYS,
            is_worth_a_retry: false,
            source: error.into(),
        })
    }

    fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Refusal {
        let document: ErrorDocument = serde_json::from_slice(body).unwrap_or_default();
        let by_status = Refusal::new(status, headers, format!("bucket `{}`", self.signer.bucket()));
        let has_no_bucket = document.message.contains("bucket not exist");
        let request_id = headers.get(SESSION_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
        Refusal {
            kind: match status.as_u16() {
                // A mistake of somebody who runs the registry, and not a missing object.
                _ if has_no_bucket => StoreErrorKind::Other,
                // A range to be copied is not there.
                419 => StoreErrorKind::Corrupt,
                _ => by_status.kind,
            },
            advice: match status {
                _ if has_no_bucket => {
                    Some("check `ufile_baseurl`; its host begins with the bucket, which has to exist")
                }
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Some(CHECK_KEYS),
                _ => None,
            }
            .map(ToOwned::to_owned),
            code: document.code.map(|code| code.to_string()).unwrap_or_default(),
            message: document.message,
            request_id: request_id.to_owned(),
            ..by_status
        }
    }

    /// Keys do not expire.
    fn renew(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> Refusal {
        let signer = Signer::new("b".into(), "PUBKEY".into(), "PRIVKEY".into());
        let headers = [(SESSION_ID, "R1".parse().unwrap())].into_iter().collect();
        let status = StatusCode::from_u16(status).unwrap();
        UfileProtocol::new("h".into(), true, signer).refusal(status, &headers, body.as_bytes())
    }

    #[test]
    fn a_refusal_says_what_to_check() {
        let refusal = refused(403, r#"{"RetCode": -148643, "ErrMsg": "invalid signature"}"#);
        assert_eq!(
            refusal.to_string(),
            "the object store answered 403 -148643 invalid signature (bucket `b`, request `R1`); check `ufile_public_key` \
             and `ufile_private_key`, and that they may list, read, write and delete in the bucket"
        );
    }

    #[test]
    fn refusals_mean_something() {
        for (status, message, kind, retried) in [
            (404, "file not exist", StoreErrorKind::NotFound, false),
            (404, "bucket not exist", StoreErrorKind::Other, false),
            (400, "bucket not exists", StoreErrorKind::Other, false),
            (401, "no authorization found", StoreErrorKind::Other, false),
            (416, "", StoreErrorKind::Corrupt, false),
            (419, "", StoreErrorKind::Corrupt, false),
            (500, "server error", StoreErrorKind::Unavailable, true),
            (503, "", StoreErrorKind::Unavailable, true),
        ] {
            let refusal = refused(status, &format!(r#"{{"RetCode": -1, "ErrMsg": "{message}"}}"#));
            assert_eq!((refusal.kind, refusal.is_worth_a_retry), (kind, retried), "{status} {message}");
        }
        assert_eq!(refused(404, "").kind, StoreErrorKind::NotFound);
    }
}
