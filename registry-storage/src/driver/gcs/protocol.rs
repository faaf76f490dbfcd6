//! Who asks, and what it means when Google Cloud Storage says no.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Request, StatusCode, Uri};
use registry_core::store::StoreErrorKind;
use reqsign_core::Signer;
use reqsign_google::Credential;

use super::config::GcsConfig;
use super::credentials;
use super::document::ErrorDocument;
use crate::driver::object::connection::Connections;
use crate::driver::object::error::{ExchangeError, Refusal};
use crate::driver::object::exchange::Protocol;
use crate::driver::object::presigning::Presigning;

/// By what Google knows a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-guploader-uploadid");
/// What somebody can look at who has no valid credentials.
const CHECK_CREDENTIALS: &str = "check `keyfile` or `credentials`, or what the environment gives instead of them";

/// Signs requests to one bucket, and reads refusals.
#[derive(Debug)]
pub(super) struct GcsProtocol {
    authority: String,
    config: GcsConfig,
    connections: Connections,
    /// `None` for somebody who is nobody.
    signer: RwLock<Option<Signer<Credential>>>,
    /// `None` if there is nothing that could have a key.
    presigner: RwLock<Option<Signer<Credential>>>,
    presigning: Presigning,
}

impl GcsProtocol {
    pub(super) fn new(authority: String, config: GcsConfig, connections: Connections) -> Self {
        let signer = RwLock::new(credentials::signer(&config.credentials, &connections));
        let presigner = RwLock::new(credentials::presigner(&config.credentials, &connections));
        Self { authority, config, connections, signer, presigner, presigning: Presigning::default() }
    }

    /// Signs the address of a `GET` for whoever has it. `None` without the key of a service account.
    pub(super) async fn presign(&self, uri: Uri, lifetime: Duration) -> Result<Option<Uri>, ExchangeError> {
        let presigner = self.presigner.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(presigner) = presigner else { return Ok(None) };
        let (mut request, ()) = Request::new(()).into_parts();
        request.uri = uri;
        // It takes some milliseconds, which nobody else shall wait for.
        let runtime = tokio::runtime::Handle::current();
        let sign = move || runtime.block_on(presigner.sign(&mut request, Some(lifetime))).map(|()| request.uri);
        let signing = async { tokio::task::spawn_blocking(sign).await.expect("signing does not panic") };
        self.presigning.ask(signing).await.map_err(no_credentials)
    }
}

#[async_trait]
impl Protocol for GcsProtocol {
    fn authority(&self) -> String {
        self.authority.clone()
    }

    async fn sign(&self, request: &mut Parts) -> Result<(), ExchangeError> {
        let signer = self.signer.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(signer) = signer else { return Ok(()) };
        signer.sign(request, None).await.map_err(no_credentials)
    }

    fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Refusal {
        let mut refusal = Refusal::new(status, headers, format!("bucket `{}`", self.config.bucket));
        let text = |name: &HeaderName| Some(headers.get(name)?.to_str().ok()?.to_owned());
        refusal.request_id = text(&REQUEST_ID).unwrap_or_default();
        match serde_json::from_slice::<ErrorDocument>(body) {
            Ok(document) => {
                refusal.code = document.error.errors.into_iter().next().unwrap_or_default().reason;
                refusal.message = document.error.message;
            }
            // Where content was asked for, a refusal is a line of text.
            Err(_) => refusal.message = String::from_utf8_lossy(body).trim().to_owned(),
        }
        let is_rate = matches!(refusal.code.as_str(), "rateLimitExceeded" | "userRateLimitExceeded");
        if is_rate {
            (refusal.kind, refusal.is_worth_a_retry) = (StoreErrorKind::Unavailable, true);
        }
        let has_no_bucket = refusal.message.contains("bucket does not exist");
        if has_no_bucket {
            // A mistake of somebody who runs the registry, and not a missing object.
            refusal.kind = StoreErrorKind::Other;
        }
        refusal.is_expired_token = status == StatusCode::UNAUTHORIZED;
        refusal.advice = match (status, refusal.code.as_str()) {
            (StatusCode::UNAUTHORIZED, _) => Some(CHECK_CREDENTIALS),
            (_, "accountDisabled") => Some("check the billing of the bucket's project"),
            (StatusCode::FORBIDDEN, _) if !is_rate => Some(
                "check that the account may list, read, write and delete in the bucket (`roles/storage.objectUser`)",
            ),
            _ if has_no_bucket => Some("check `bucket`; the bucket has to exist"),
            _ => None,
        }
        .map(ToOwned::to_owned);
        refusal
    }

    fn renew(&self) {
        let renewed = credentials::signer(&self.config.credentials, &self.connections);
        *self.signer.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        // Another key may have taken the place of the one that is no longer valid.
        let renewed = credentials::presigner(&self.config.credentials, &self.connections);
        *self.presigner.write().unwrap_or_else(PoisonError::into_inner) = renewed;
    }
}

fn no_credentials(error: reqsign_core::Error) -> ExchangeError {
    ExchangeError::Credentials {
        advice: CHECK_CREDENTIALS,
        is_worth_a_retry: error.is_retryable(),
        source: error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::GcsCredentials;
    use super::*;
    use crate::driver::object::connection;

    fn refused(status: u16, body: &str) -> Refusal {
        let config = GcsConfig::new("b", GcsCredentials::Anonymous);
        let protocol = GcsProtocol::new("h".into(), config, connection::open(false).unwrap());
        let headers = [(REQUEST_ID, "R1".parse().unwrap())].into_iter().collect();
        protocol.refusal(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
    }

    fn document(reason: &str, message: &str) -> String {
        format!(r#"{{"error": {{"code": 1, "message": "{message}", "errors": [{{"reason": "{reason}"}}]}}}}"#)
    }

    #[test]
    fn a_refusal_says_what_to_check() {
        let refusal = refused(403, &document("forbidden", "x does not have storage.objects.list access."));
        assert_eq!(
            refusal.to_string(),
            "the object store answered 403 forbidden x does not have storage.objects.list access. (bucket `b`, \
             request `R1`); check that the account may list, read, write and delete in the bucket \
             (`roles/storage.objectUser`)"
        );
        let refusal = refused(404, &document("notFound", "The specified bucket does not exist."));
        assert!(refusal.to_string().ends_with("check `bucket`; the bucket has to exist"));
    }

    #[test]
    fn refusals_mean_something() {
        for (status, reason, message, kind, retried) in [
            (404, "notFound", "No such object: b/k", StoreErrorKind::NotFound, false),
            (404, "notFound", "The specified bucket does not exist.", StoreErrorKind::Other, false),
            (412, "conditionNotMet", "At least one did not hold.", StoreErrorKind::AlreadyExists, false),
            (401, "authError", "Invalid Credentials", StoreErrorKind::Other, false),
            (403, "forbidden", "", StoreErrorKind::Other, false),
            (403, "userRateLimitExceeded", "", StoreErrorKind::Unavailable, true),
            (429, "rateLimitExceeded", "", StoreErrorKind::Unavailable, true),
            (503, "backendError", "", StoreErrorKind::Unavailable, true),
        ] {
            let refusal = refused(status, &document(reason, message));
            assert_eq!((refusal.kind, refusal.is_worth_a_retry), (kind, retried), "{status} {reason} {message}");
            assert_eq!(refusal.is_expired_token, status == 401, "{status}");
        }
    }

    #[test]
    fn a_refusal_of_content_is_text() {
        let refusal = refused(404, "No such object: b/k\n");
        assert_eq!((refusal.kind, refusal.message.as_str()), (StoreErrorKind::NotFound, "No such object: b/k"));
    }
}
