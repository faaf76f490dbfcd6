//! Logging in: who the registry is, and where its account is, for as long as a token is valid.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use registry_core::store::StoreErrorKind;
use serde::Deserialize;
use time::OffsetDateTime;

use super::config::{SwiftAuthVersion, SwiftConfig, SwiftEndpoint, SwiftLogin};
use super::keystone;
use super::protocol::{reason, request_id};
use crate::driver::object::connection::Connections;
use crate::driver::object::error::{ExchangeError, Refusal};

/// How large the answer may be that has the token; catalogs of large clouds have some hundred KiB.
const ANSWER_MAX_BYTES: usize = 4 * 1024 * 1024;
/// How long before its end a token is no longer used.
const MARGIN: Duration = Duration::from_secs(60);

const AUTH_USER: HeaderName = HeaderName::from_static("x-auth-user");
const AUTH_KEY: HeaderName = HeaderName::from_static("x-auth-key");
const AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
const AUTH_TOKEN_EXPIRES: HeaderName = HeaderName::from_static("x-auth-token-expires");
const STORAGE_URL: HeaderName = HeaderName::from_static("x-storage-url");

/// Logs in.
#[derive(Debug)]
pub(super) struct Login {
    config: SwiftLogin,
    endpoint: SwiftEndpoint,
    region: Option<String>,
    connections: Connections,
}

/// What a login brings.
#[derive(Debug)]
pub(super) struct Session {
    /// The address of the account.
    pub(super) storage: Uri,
    pub(super) token: HeaderValue,
    pub(super) begun: Instant,
    /// When the token is to be replaced, if that is known.
    ends: Option<Instant>,
}

/// What a service answered to a login.
pub(super) struct Granted {
    pub(super) token: String,
    pub(super) storage_url: String,
    pub(super) expires_at: Option<OffsetDateTime>,
}

impl Session {
    /// Tells whether the token is still to be used.
    pub(super) fn is_valid(&self) -> bool {
        self.ends.is_none_or(|ends| Instant::now() < ends)
    }
}

impl Login {
    pub(super) fn new(config: &SwiftConfig, connections: Connections) -> Self {
        let (endpoint, region) = (config.endpoint, config.region.clone());
        Self { config: config.login.clone(), endpoint, region, connections }
    }

    /// Returns where to log in.
    pub(super) fn url(&self) -> &str {
        &self.config.url
    }

    /// Asks once for a token.
    pub(super) async fn log_in(&self) -> Result<Session, ExchangeError> {
        let request = self.request().map_err(|error| credentials(error.into()))?;
        let unreachable = |source| ExchangeError::Unreachable { authority: self.config.url.clone(), source };
        let answer = self.connections.request(request).await.map_err(|error| unreachable(error.into()))?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_MAX_BYTES).collect().await.map_err(unreachable)?.to_bytes();
        if !parts.status.is_success() {
            return Err(self.refusal(parts.status, &parts.headers, &body).into());
        }
        let granted = self.granted(Response::from_parts(parts, body)).map_err(|why| credentials(why.into()))?;
        Session::new(granted).map_err(credentials)
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, http::Error> {
        let Self { config, .. } = self;
        let (resource, document) = match config.version {
            SwiftAuthVersion::V1 => {
                let request = Request::get(&config.url).header(AUTH_USER, &config.username);
                return request.header(AUTH_KEY, secret(&config.password)?).body(Full::default());
            }
            SwiftAuthVersion::V2 => ("tokens", keystone::ask_v2(config)),
            SwiftAuthVersion::V3 => ("auth/tokens", keystone::ask_v3(config)),
        };
        let request = Request::builder().method(Method::POST).uri(keystone::tokens_url(&config.url, resource));
        let request = request.header(CONTENT_TYPE, "application/json").header(ACCEPT, "application/json");
        request.body(document.to_string().into())
    }

    fn granted(&self, answer: Response<Bytes>) -> Result<Granted, String> {
        let (headers, body) = (answer.headers(), answer.body());
        let region = self.region.as_deref();
        match self.config.version {
            SwiftAuthVersion::V1 => granted_v1(headers),
            SwiftAuthVersion::V2 => keystone::granted_v2(body, self.endpoint, region),
            SwiftAuthVersion::V3 => keystone::granted_v3(headers, body, self.endpoint, region),
        }
    }

    fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Refusal {
        let place = format!("login of `{}` at `{}`", self.config.username, self.config.url);
        let mut refusal = Refusal::new(status, headers, place);
        refusal.code = status.canonical_reason().unwrap_or_default().to_owned();
        refusal.message =
            serde_json::from_slice(body).map_or_else(|_| reason(body), |known: Fault| known.error.message);
        refusal.request_id = request_id(headers);
        refusal.advice = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Some(self.advice()),
            _ if refusal.is_worth_a_retry => None,
            _ => Some("check `authurl` and `authversion`".to_owned()),
        };
        // What is missing is no object.
        if !refusal.is_worth_a_retry {
            refusal.kind = StoreErrorKind::Other;
        }
        refusal
    }

    fn advice(&self) -> String {
        let keys = match self.config.version {
            SwiftAuthVersion::V1 => "`username` (`account:user`) and `password`",
            SwiftAuthVersion::V2 => "`username`, `password` and `tenant`",
            SwiftAuthVersion::V3 => "`username`, `password`, `domain` and `tenant`",
        };
        format!("check {keys}")
    }
}

impl Session {
    fn new(granted: Granted) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let valid_for = granted.expires_at.map(|at| at - OffsetDateTime::now_utc()).map(Duration::try_from);
        let begun = Instant::now();
        // A clock that is wrong must not keep a token from being used at all: the store tells if it has expired.
        let ends = valid_for.and_then(Result::ok).and_then(|valid| begun.checked_add(valid.checked_sub(MARGIN)?));
        let storage: Uri = granted.storage_url.parse()?;
        if storage.scheme().is_none() || storage.authority().is_none() {
            return Err(format!("`{storage}` is no address of an account").into());
        }
        Ok(Self { storage, token: secret(&granted.token)?, begun, ends })
    }
}

/// Reads an answer of version 1; the error says what is missing.
fn granted_v1(headers: &HeaderMap) -> Result<Granted, String> {
    let text = |name: &HeaderName| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let missing = |name| format!("it has no header `{name}`");
    let seconds = text(&AUTH_TOKEN_EXPIRES).and_then(|seconds| seconds.parse().ok());
    Ok(Granted {
        token: text(&AUTH_TOKEN).ok_or_else(|| missing(AUTH_TOKEN))?,
        storage_url: text(&STORAGE_URL).ok_or_else(|| missing(STORAGE_URL))?,
        expires_at: seconds.and_then(|seconds| OffsetDateTime::now_utc().checked_add(time::Duration::seconds(seconds))),
    })
}

/// Keystone's way to say no.
#[derive(Deserialize)]
struct Fault {
    error: FaultText,
}

#[derive(Deserialize)]
struct FaultText {
    message: String,
}

fn secret(text: &str) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let mut value = HeaderValue::try_from(text)?;
    value.set_sensitive(true);
    Ok(value)
}

fn credentials(source: Box<dyn std::error::Error + Send + Sync>) -> ExchangeError {
    let advice = "check `authurl`, `authversion`, `username` and `password`";
    ExchangeError::Credentials { advice, is_worth_a_retry: false, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(expires_in: i64) -> Granted {
        let expires_at = Some(OffsetDateTime::now_utc() + time::Duration::seconds(expires_in));
        Granted { token: "T".into(), storage_url: "http://h/v1/AUTH_a".into(), expires_at }
    }

    #[test]
    fn a_token_is_replaced_before_its_end() {
        let session = Session::new(granted(3600)).unwrap();
        let left = session.ends.unwrap() - session.begun;
        assert!(left > Duration::from_secs(3500) && left <= Duration::from_secs(3540), "{left:?}");
        assert!(session.is_valid());
        for expires_in in [-10, 30] {
            assert!(Session::new(granted(expires_in)).unwrap().ends.is_none(), "{expires_in}");
        }
    }

    #[test]
    fn an_account_has_a_whole_address() {
        for url in ["/v1/AUTH_a", "nonsense here", ""] {
            let granted = Granted { storage_url: url.into(), ..granted(1) };
            assert!(Session::new(granted).is_err(), "{url}");
        }
    }

    #[test]
    fn headers_have_a_token_and_an_address() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTH_TOKEN, "T".parse().unwrap());
        assert!(granted_v1(&headers).is_err_and(|why| why.contains("x-storage-url")));
        headers.insert(STORAGE_URL, "http://h/v1/AUTH_a".parse().unwrap());
        assert!(granted_v1(&headers).unwrap().expires_at.is_none());
        headers.insert(AUTH_TOKEN_EXPIRES, "100".parse().unwrap());
        assert!(granted_v1(&headers).unwrap().expires_at.unwrap() > OffsetDateTime::now_utc());
    }
}
