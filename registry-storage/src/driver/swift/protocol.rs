//! What Swift's requests and answers have of their own: a token, and refusals without a code.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode};
use registry_core::store::StoreErrorKind;
use tokio::sync::Mutex;

use super::address;
use super::login::{Login, Session};
use crate::driver::object::error::{ExchangeError, Refusal};
use crate::driver::object::exchange::Protocol;

/// What says who asks.
const AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
/// What Swift knows a request by.
const TRANSACTION: HeaderName = HeaderName::from_static("x-trans-id");
/// What Keystone knows a request by.
const REQUEST: HeaderName = HeaderName::from_static("x-openstack-request-id");
/// How Swift begins to tell what is wrong with the segments of a list.
const SEGMENT_ERRORS: &str = "Errors:";
/// A session as young as this was begun by another request that met the end of the one before.
const YOUNG: Duration = Duration::from_secs(1);

/// Says who asks, and reads what Swift says.
pub(super) struct SwiftProtocol {
    login: Login,
    container: String,
    session: RwLock<Option<Arc<Session>>>,
    /// Whose turn it is to log in.
    turn: Mutex<()>,
}

impl SwiftProtocol {
    pub(super) fn new(login: Login, container: String) -> Self {
        Self { login, container, session: RwLock::default(), turn: Mutex::default() }
    }

    fn known(&self) -> Option<Arc<Session>> {
        self.session.read().unwrap_or_else(PoisonError::into_inner).clone().filter(|session| session.is_valid())
    }

    /// Returns the session, and begins one if there is none. Of several callers at once one logs in.
    pub(super) async fn session(&self) -> Result<Arc<Session>, ExchangeError> {
        if let Some(session) = self.known() {
            return Ok(session);
        }
        let _turn = self.turn.lock().await;
        if let Some(session) = self.known() {
            return Ok(session);
        }
        let session = Arc::new(self.login.log_in().await?);
        *self.session.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&session));
        Ok(session)
    }
}

impl fmt::Debug for SwiftProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwiftProtocol").field("login", &self.login).finish_non_exhaustive()
    }
}

#[async_trait]
impl Protocol for SwiftProtocol {
    fn authority(&self) -> String {
        let session = self.session.read().unwrap_or_else(PoisonError::into_inner);
        let authority = session.as_ref().and_then(|session| session.storage.authority());
        authority.map_or_else(|| self.login.url().to_owned(), ToString::to_string)
    }

    async fn sign(&self, request: &mut Parts) -> Result<(), ExchangeError> {
        let session = self.session().await?;
        // What is asked of the store as a whole has an address already.
        if request.uri.authority().is_none() {
            let misled = |error| ExchangeError::Answer(Box::new(error));
            request.uri = address::below(&session.storage, &request.uri).map_err(misled)?;
        }
        request.headers.insert(AUTH_TOKEN, session.token.clone());
        Ok(())
    }

    fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Refusal {
        let mut refusal = Refusal::new(status, headers, format!("container `{}`", self.container));
        refusal.code = status.canonical_reason().unwrap_or_default().to_owned();
        refusal.message = reason(body);
        refusal.request_id = request_id(headers);
        match status.as_u16() {
            // A segment of a list is not there, or is another one.
            400 if refusal.message.starts_with(SEGMENT_ERRORS) => refusal.kind = StoreErrorKind::Corrupt,
            401 => {
                refusal.is_expired_token = true;
                refusal.advice = Some("check that the user has rights in the account (`tenant`)".to_owned());
            }
            403 => {
                let advice = "check that the user may list, read, write and delete in the container";
                refusal.advice = Some(advice.to_owned());
            }
            // How Swift says that a quota is used up.
            413 => refusal.kind = StoreErrorKind::OutOfSpace,
            // What arrived has another checksum than what was sent.
            422 => (refusal.kind, refusal.is_worth_a_retry) = (StoreErrorKind::Unavailable, true),
            // Too many requests, in the words of Swift's own rate limit.
            498 => (refusal.kind, refusal.is_worth_a_retry) = (StoreErrorKind::Unavailable, true),
            _ => {}
        }
        refusal
    }

    fn renew(&self) {
        let mut session = self.session.write().unwrap_or_else(PoisonError::into_inner);
        if session.as_ref().is_some_and(|session| session.begun.elapsed() > YOUNG) {
            *session = None;
        }
    }
}

/// Returns by what a service knows a request.
pub(super) fn request_id(headers: &HeaderMap) -> String {
    let id = headers.get(TRANSACTION).or_else(|| headers.get(REQUEST));
    id.and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned()
}

/// Returns what a refusal says, which may be a page for a browser.
pub(super) fn reason(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let paragraph = text.split_once("<p>").and_then(|(_, rest)| rest.split_once("</p>"));
    paragraph.map_or(&*text, |(paragraph, _)| paragraph).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_read_from_a_page() {
        let page = b"<html><h1>Not Found</h1><p>The resource could not be found.</p></html>";
        assert_eq!(reason(page), "The resource could not be found.");
        assert_eq!(reason(b"Upload exceeds quota.\n"), "Upload exceeds quota.");
        assert_eq!(reason(b""), "");
    }
}
