//! What it means when Qiniu Kodo says no. Who asks is said by tokens that are part of a request ([`super::signing`]): each
//! counts for longer than the request is repeated.

use async_trait::async_trait;
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode};
use registry_core::store::StoreErrorKind;

use super::document::ErrorDocument;
use crate::driver::object::error::{ExchangeError, Refusal};
use crate::driver::object::exchange::Protocol;

/// By what Qiniu knows a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-reqid");

/// Reads the refusals of one bucket's hosts.
#[derive(Debug)]
pub(super) struct KodoProtocol {
    /// The hosts that are spoken to.
    authorities: String,
    bucket: String,
}

impl KodoProtocol {
    pub(super) fn new(authorities: String, bucket: String) -> Self {
        Self { authorities, bucket }
    }
}

#[async_trait]
impl Protocol for KodoProtocol {
    fn authority(&self) -> String {
        self.authorities.clone()
    }

    async fn sign(&self, _request: &mut Parts) -> Result<(), ExchangeError> {
        Ok(())
    }

    fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Refusal {
        let mut refusal = Refusal::new(status, headers, format!("bucket `{}`", self.bucket));
        let document: ErrorDocument = serde_json::from_slice(body).unwrap_or_default();
        refusal.request_id = headers.get(&REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
        refusal.message = document.error;
        // Qiniu has statuses of its own.
        match status.as_u16() {
            612 => refusal.kind = StoreErrorKind::NotFound,
            614 => refusal.kind = StoreErrorKind::AlreadyExists,
            406 | 571 | 573 | 579 | 599 => {
                (refusal.kind, refusal.is_worth_a_retry) = (StoreErrorKind::Unavailable, true);
            }
            _ => {}
        }
        let advice = match status.as_u16() {
            401 => Some("check `accesskey` and `secretkey`, and this machine's clock"),
            403 => Some("check that the key may list, read, write and delete in the bucket"),
            419 => Some("check the account, which is disabled"),
            631 => Some("check `bucket` and `accesskey`; the bucket has to exist"),
            400 if refusal.message.contains("incorrect region") => {
                Some("check `uphost`, `rshost`, `rsfhost` and `domain`, or leave them out")
            }
            _ => None,
        };
        refusal.advice = advice.map(ToOwned::to_owned);
        refusal
    }

    /// There are no others.
    fn renew(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, error: &str) -> Refusal {
        let headers = [(REQUEST_ID, "R1".parse().unwrap())].into_iter().collect();
        let body = format!(r#"{{"error": "{error}"}}"#);
        KodoProtocol::new("h".into(), "b".into()).refusal(
            StatusCode::from_u16(status).unwrap(),
            &headers,
            body.as_bytes(),
        )
    }

    #[test]
    fn a_refusal_says_what_to_check() {
        assert_eq!(
            refused(401, "bad token").to_string(),
            "the object store answered 401 bad token (bucket `b`, request `R1`); check `accesskey` and `secretkey`, and \
             this machine's clock"
        );
        let elsewhere = refused(400, "incorrect region, please use up-z2.qiniup.com");
        assert!(elsewhere.to_string().ends_with("check `uphost`, `rshost`, `rsfhost` and `domain`, or leave them out"));
    }

    #[test]
    fn refusals_mean_something() {
        for (status, kind, retried) in [
            (404, StoreErrorKind::NotFound, false),
            (612, StoreErrorKind::NotFound, false),
            (614, StoreErrorKind::AlreadyExists, false),
            (631, StoreErrorKind::Other, false),
            (401, StoreErrorKind::Other, false),
            (400, StoreErrorKind::Other, false),
            (416, StoreErrorKind::Corrupt, false),
            (573, StoreErrorKind::Unavailable, true),
            (599, StoreErrorKind::Unavailable, true),
            (503, StoreErrorKind::Unavailable, true),
        ] {
            let refusal = refused(status, "");
            assert_eq!((refusal.kind, refusal.is_worth_a_retry), (kind, retried), "{status}");
        }
    }
}
