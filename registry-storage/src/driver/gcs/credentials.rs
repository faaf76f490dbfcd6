//! Who the registry is, and the tokens that prove it.

use std::collections::HashMap;
use std::time::Duration;

use http::{Method, Request, StatusCode, header};
use reqsign_core::time::Timestamp;
use reqsign_core::{Context, Error, ProvideCredential, Result, Signer, jwt};
use reqsign_google::{
    Credential, DefaultCredentialProvider, EnvCredentialProvider, FileCredentialProvider, RequestSigner,
    ServiceAccount, StaticCredentialProvider, Token, VmMetadataCredentialProvider, WellKnownCredentialProvider,
};
use serde::{Deserialize, Serialize};

use super::config::GcsCredentials;
use crate::driver::object::connection::Connections;
use crate::driver::object::credentials::context;

/// What the registry asks to be allowed.
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";
/// Who gives tokens to service accounts that have a key.
const TOKEN_ENDPOINT: &str = "https://oauth2.googleapis.com/token";
/// For how long a key's assertion is valid, which Google bounds to an hour.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(3600);

/// Makes what signs requests, `None` if nobody does. It gets a token when one is first needed, and another before that
/// expires.
pub(super) fn signer(credentials: &GcsCredentials, connections: &Connections) -> Option<Signer<Credential>> {
    let with = |variables| context(variables, None, connections);
    let signs = RequestSigner::new("storage").with_scope(SCOPE);
    Some(match credentials {
        GcsCredentials::Anonymous => return None,
        GcsCredentials::Json(json) => {
            Signer::new(with(HashMap::new()), Tokens(StaticCredentialProvider::new(json).with_scope(SCOPE)), signs)
        }
        GcsCredentials::File(path) => {
            let file = FileCredentialProvider::new(path.to_string_lossy()).with_scope(SCOPE);
            Signer::new(with(HashMap::new()), Tokens(file), signs)
        }
        GcsCredentials::Ambient { variables } => {
            let found = DefaultCredentialProvider::builder()
                .env(EnvCredentialProvider::new().with_scope(SCOPE))
                .well_known(WellKnownCredentialProvider::new().with_scope(SCOPE))
                .vm_metadata(VmMetadataCredentialProvider::new().with_scope(SCOPE));
            Signer::new(with(variables.clone()), Tokens(found.build()), signs)
        }
    })
}

/// Exchanges the key of a service account for a token, which is kept then as all others are: who signs with the key
/// itself would ask for a token with every request.
#[derive(Debug)]
struct Tokens<P>(P);

impl<P: ProvideCredential<Credential = Credential>> ProvideCredential for Tokens<P> {
    type Credential = Credential;

    async fn provide_credential(&self, context: &Context) -> Result<Option<Credential>> {
        let found = self.0.provide_credential(context).await?;
        Ok(match found {
            Some(Credential { service_account: Some(account), .. }) => {
                Some(Credential::with_token(exchange(context, &account).await?))
            }
            found => found,
        })
    }
}

#[derive(Serialize)]
struct Header {
    alg: &'static str,
    typ: &'static str,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    expires_in: u64,
}

/// Gets a token for an assertion that is signed by a service account's key (RFC 7523).
async fn exchange(context: &Context, account: &ServiceAccount) -> Result<Token> {
    let now = Timestamp::now();
    let claims = Claims {
        iss: &account.client_email,
        scope: SCOPE,
        aud: TOKEN_ENDPOINT,
        iat: now.as_second(),
        exp: (now + ASSERTION_LIFETIME).as_second(),
    };
    let header = Header { alg: "RS256", typ: "JWT" };
    let assertion = jwt::encode_rs256_pem(&header, &claims, account.private_key.as_bytes())?;
    let body = format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}");
    let request = Request::builder()
        .method(Method::POST)
        .uri(TOKEN_ENDPOINT)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body.into())
        .expect("the parts are valid");
    let response = context.http_send(request).await?;
    if response.status() != StatusCode::OK {
        let said: String =
            String::from_utf8_lossy(response.body()).chars().filter(|c| !c.is_control()).take(300).collect();
        let why = format!("`{}` got no token: {} {said}", account.client_email, response.status().as_u16());
        let is_transient = response.status().is_server_error() || response.status() == StatusCode::TOO_MANY_REQUESTS;
        return Err(Error::credential_invalid(why).set_retryable(is_transient));
    }
    let token: TokenResponse = serde_json::from_slice(response.body()).map_err(|error| {
        Error::unexpected("the answer of the token endpoint cannot be understood").with_source(error)
    })?;
    Ok(Token { access_token: token.access_token, expires_at: Some(now + Duration::from_secs(token.expires_in)) })
}
