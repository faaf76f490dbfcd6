//! What requests to Azure and its answers have of their own.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use registry_core::store::StoreErrorKind;
use reqsign_azure_storage::Credential;
use reqsign_core::Signer;

use super::address::Address;
use super::config::{AzureConfig, AzureCredentials};
use super::credentials;
use super::xml::{self, ErrorDocument};
use crate::driver::object::checksum::{CONTENT_MD5, content_md5};
use crate::driver::object::connection::Connections;
use crate::driver::object::error::{ExchangeError, Refusal};
use crate::driver::object::exchange::Protocol;
use crate::error::DriverResult;

/// The version of the service's protocol, which is older than anything that is still run.
const VERSION: HeaderValue = HeaderValue::from_static("2021-12-02");
const MS_VERSION: HeaderName = HeaderName::from_static("x-ms-version");
const MS_ERROR_CODE: HeaderName = HeaderName::from_static("x-ms-error-code");
const MS_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");

/// Speaks for one account.
#[derive(Debug)]
pub(super) struct AzureProtocol {
    pub(super) address: Address,
    pub(super) config: AzureConfig,
    connections: Connections,
    signer: RwLock<Signer<Credential>>,
}

impl AzureProtocol {
    pub(super) fn new(config: AzureConfig, connections: Connections) -> DriverResult<Self> {
        let address = Address::new(&config)?;
        let signer = credentials::signer(&config, &address, &connections).into();
        Ok(Self { address, config, connections, signer })
    }

    /// Returns the query by which a shared access signature is said, if that is what requests are signed with.
    pub(super) fn sas(&self) -> Option<&str> {
        match &self.config.credentials {
            AzureCredentials::Sas(token) => Some(token),
            _ => None,
        }
    }

    /// Signs a request in its headers, or for as long as is said in its address.
    pub(super) async fn sign_by(&self, request: &mut Parts, expires_in: Option<Duration>) -> Result<(), ExchangeError> {
        let signer = self.signer.read().unwrap_or_else(PoisonError::into_inner).clone();
        signer.sign(request, expires_in).await.map_err(|error| ExchangeError::Credentials {
            advice: "check `accountkey`, `sastoken` or `credentials`, or what the environment gives instead of them",
            is_worth_a_retry: error.is_retryable(),
            source: error.into(),
        })
    }

    /// Returns what somebody who runs the registry can look at.
    fn advice(&self, code: &str) -> Option<&'static str> {
        Some(match code {
            "AuthenticationFailed"
            | "AuthorizationFailure"
            | "InvalidAuthenticationInfo"
            | "NoAuthenticationInformation" => match &self.config.credentials {
                AzureCredentials::SharedKey(_) => "check `accountname`, `accountkey` and this machine's clock",
                AzureCredentials::Sas(_) => {
                    "check `sastoken`: the container, the permissions and the times that it is for"
                }
                _ => "check `credentials`, and that the identity has the role Storage Blob Data Contributor",
            },
            "AuthorizationPermissionMismatch" | "InsufficientAccountPermissions" => {
                "check that reading, writing, listing and deleting blobs is allowed: the role is Storage Blob Data Contributor"
            }
            "AuthorizationSourceIPMismatch" | "AuthorizationProtocolMismatch" | "PublicAccessNotPermitted" => {
                "check what the account's firewall and the signature allow"
            }
            "KeyBasedAuthenticationNotPermitted" => {
                "the account takes no keys; use `credentials` instead of `accountkey`"
            }
            "ContainerNotFound" | "ContainerBeingDeleted" => {
                "check `container` and `accountname`; the container has to exist"
            }
            "AccountIsDisabled" | "ResourceTypeMismatch" | "InvalidResourceName" => {
                "check `accountname` and `container`"
            }
            _ => return None,
        })
    }
}

#[async_trait]
impl Protocol for AzureProtocol {
    fn authority(&self) -> String {
        self.address.endpoint.authority().to_owned()
    }

    async fn prepare(&self, headers: &mut HeaderMap, body: &Bytes) {
        headers.insert(MS_VERSION, VERSION);
        if !body.is_empty() {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
            headers.insert(CONTENT_MD5, content_md5(body).await);
        }
    }

    async fn sign(&self, request: &mut Parts) -> Result<(), ExchangeError> {
        self.sign_by(request, None).await
    }

    fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Refusal {
        let text = |name| headers.get(name).and_then(|text: &HeaderValue| text.to_str().ok()).unwrap_or_default();
        let document: ErrorDocument = xml::parse(body).unwrap_or_default();
        let code = if document.code.is_empty() { text(MS_ERROR_CODE).to_owned() } else { document.code };
        let mut refusal = Refusal::new(status, headers, format!("container `{}`", self.address.container()));
        match code.as_str() {
            // An unknown container is a mistake of somebody who runs the registry, and not a missing blob.
            "ContainerNotFound" | "ContainerBeingDeleted" | "ContainerDisabled" => refusal.kind = StoreErrorKind::Other,
            "BlobAlreadyExists" => refusal.kind = StoreErrorKind::AlreadyExists,
            // Blocks of an upload that has ended.
            "InvalidBlockList" => refusal.kind = StoreErrorKind::NotFound,
            // What arrived is not what was sent.
            "Md5Mismatch" => {
                (refusal.kind, refusal.is_worth_a_retry) = (StoreErrorKind::Unavailable, true);
            }
            _ => {}
        }
        refusal.is_expired_token = status == StatusCode::UNAUTHORIZED;
        refusal.advice = self.advice(&code).map(ToOwned::to_owned);
        refusal.request_id = text(MS_REQUEST_ID).to_owned();
        // The lines that follow repeat the request's id, and what was signed.
        refusal.message = document.message.lines().next().unwrap_or_default().to_owned();
        refusal.code = code;
        refusal
    }

    fn renew(&self) {
        let renewed = credentials::signer(&self.config, &self.address, &self.connections);
        *self.signer.write().unwrap_or_else(PoisonError::into_inner) = renewed;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::driver::object::connection;

    fn protocol() -> AzureProtocol {
        let config = AzureConfig::new("images", "registry", AzureCredentials::SharedKey("a2V5".into()));
        AzureProtocol::new(config, connection::open(true).unwrap()).unwrap()
    }

    fn refused(status: u16, body: &str) -> Refusal {
        let headers = [(MS_REQUEST_ID, "R1".parse().unwrap()), (header::RETRY_AFTER, "7".parse().unwrap())];
        protocol().refusal(StatusCode::from_u16(status).unwrap(), &headers.into_iter().collect(), body.as_bytes())
    }

    #[tokio::test]
    async fn a_refusal_says_what_to_check() {
        let refusal = refused(
            403,
            "\u{feff}<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code><Message>No.\nRequestId:R1\nTime:T\
             </Message><AuthenticationErrorDetail>detail</AuthenticationErrorDetail></Error>",
        );
        assert_eq!(
            refusal.to_string(),
            "the object store answered 403 AuthenticationFailed No. (container `registry`, request `R1`); check \
             `accountname`, `accountkey` and this machine's clock"
        );
        assert_eq!(refusal.retry_after, Some(Duration::from_secs(7)));
    }

    #[tokio::test]
    async fn refusals_mean_something() {
        for (status, code, kind, is_worth_a_retry) in [
            (404, "BlobNotFound", StoreErrorKind::NotFound, false),
            (404, "ContainerNotFound", StoreErrorKind::Other, false),
            (409, "BlobAlreadyExists", StoreErrorKind::AlreadyExists, false),
            (409, "PendingCopyOperation", StoreErrorKind::Conflict, false),
            (412, "ConditionNotMet", StoreErrorKind::AlreadyExists, false),
            (400, "InvalidBlockList", StoreErrorKind::NotFound, false),
            (400, "Md5Mismatch", StoreErrorKind::Unavailable, true),
            (403, "AuthorizationFailure", StoreErrorKind::Other, false),
            (500, "OperationTimedOut", StoreErrorKind::Unavailable, true),
            (503, "ServerBusy", StoreErrorKind::Unavailable, true),
            (416, "InvalidRange", StoreErrorKind::Corrupt, false),
            (501, "NotImplemented", StoreErrorKind::Unsupported, false),
        ] {
            let refusal = refused(status, &format!("<Error><Code>{code}</Code></Error>"));
            assert_eq!((refusal.kind, refusal.is_worth_a_retry), (kind, is_worth_a_retry), "{status} {code}");
        }
        // The answer to a HEAD has no body.
        let headers = HeaderMap::from_iter([(MS_ERROR_CODE, HeaderValue::from_static("ContainerNotFound"))]);
        let refusal = protocol().refusal(StatusCode::NOT_FOUND, &headers, b"");
        assert_eq!((refusal.kind, refusal.code.as_str()), (StoreErrorKind::Other, "ContainerNotFound"));
    }
}
