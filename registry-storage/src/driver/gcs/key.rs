//! Keys of service accounts. They are exchanged for tokens, because who signs requests with the key itself would ask for a
//! token with each of them, and they sign addresses.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use http::{Method, Request, StatusCode, header};
use reqsign_core::time::Timestamp;
use reqsign_core::{Context, Error, ProvideCredential, Result, jwt};
use reqsign_google::{Credential, ServiceAccount, StaticCredentialProvider, Token};
use serde::{Deserialize, Serialize};

use super::credentials::SCOPE;

/// Who gives tokens to service accounts, unless their key says otherwise.
const TOKEN_ENDPOINT: &str = "https://oauth2.googleapis.com/token";
/// For how long a key's assertion is valid, which Google bounds to an hour.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(3600);

/// A credential as Google's programs write it into a file: the key of a service account, or another kind.
#[derive(Clone)]
pub(super) enum KeyFile {
    /// What such a file has.
    Text(String),
    /// The path of such a file. It is read whenever it is needed.
    At(String),
}

impl KeyFile {
    async fn read(&self, context: &Context) -> Result<Cow<'_, str>> {
        Ok(match self {
            Self::Text(text) => text.into(),
            Self::At(path) => context.file_read_as_string(path).await?.into(),
        })
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text"),
            Self::At(path) => f.debug_tuple("At").field(path).finish(),
        }
    }
}

/// What is in such a file.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Content {
    ServiceAccount(Key),
    #[serde(other)]
    Other,
}

impl Content {
    fn parse(text: &str) -> Result<Self> {
        // What the error says of the text may be secret.
        serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Error::credential_invalid(format!("the credential is no key of Google's (line {line}, column {column})"))
        })
    }
}

/// The key of a service account.
#[derive(Deserialize)]
pub(super) struct Key {
    client_email: String,
    private_key: String,
    #[serde(default = "Key::default_token_uri")]
    token_uri: String,
}

impl Key {
    fn default_token_uri() -> String {
        TOKEN_ENDPOINT.to_owned()
    }
}

impl From<ServiceAccount> for Key {
    fn from(ServiceAccount { client_email, private_key }: ServiceAccount) -> Self {
        Self { client_email, private_key, token_uri: Self::default_token_uri() }
    }
}

/// Gives the key of a service account, and nothing for a credential of another kind.
#[derive(Debug)]
pub(super) struct Keys(pub(super) KeyFile);

impl ProvideCredential for Keys {
    type Credential = Credential;

    async fn provide_credential(&self, context: &Context) -> Result<Option<Credential>> {
        Ok(match Content::parse(&self.0.read(context).await?)? {
            Content::ServiceAccount(Key { client_email, private_key, .. }) => {
                Some(Credential::with_service_account(ServiceAccount { client_email, private_key }))
            }
            Content::Other => None,
        })
    }
}

/// Gives tokens for a credential of any kind.
#[derive(Debug)]
pub(super) struct Tokens(pub(super) KeyFile);

impl ProvideCredential for Tokens {
    type Credential = Credential;

    async fn provide_credential(&self, context: &Context) -> Result<Option<Credential>> {
        let text = self.0.read(context).await?;
        match Content::parse(&text)? {
            Content::ServiceAccount(key) => Ok(Some(Credential::with_token(token(context, &key).await?))),
            Content::Other => StaticCredentialProvider::new(text).with_scope(SCOPE).provide_credential(context).await,
        }
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
pub(super) async fn token(context: &Context, key: &Key) -> Result<Token> {
    let now = Timestamp::now();
    let claims = Claims {
        iss: &key.client_email,
        scope: SCOPE,
        aud: &key.token_uri,
        iat: now.as_second(),
        exp: (now + ASSERTION_LIFETIME).as_second(),
    };
    let header = Header { alg: "RS256", typ: "JWT" };
    let assertion = jwt::encode_rs256_pem(&header, &claims, key.private_key.as_bytes())?;
    let body = format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}");
    let request = Request::builder()
        .method(Method::POST)
        .uri(&key.token_uri)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body.into())
        .map_err(|error| Error::credential_invalid("`token_uri` is no address").with_source(error))?;
    let response = context.http_send(request).await?;
    if response.status() != StatusCode::OK {
        let said: String =
            String::from_utf8_lossy(response.body()).chars().filter(|c| !c.is_control()).take(300).collect();
        let why = format!("`{}` got no token: {} {said}", key.client_email, response.status().as_u16());
        let is_transient = response.status().is_server_error() || response.status() == StatusCode::TOO_MANY_REQUESTS;
        return Err(Error::credential_invalid(why).set_retryable(is_transient));
    }
    let token: TokenResponse = serde_json::from_slice(response.body()).map_err(|error| {
        Error::unexpected("the answer of the token endpoint cannot be understood").with_source(error)
    })?;
    Ok(Token { access_token: token.access_token, expires_at: Some(now + Duration::from_secs(token.expires_in)) })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use bytes::Bytes;
    use http::Response;
    use rcgen::{KeyPair, PKCS_RSA_SHA256};
    use reqsign_core::{HttpSend, Signer};
    use reqsign_google::RequestSigner;
    use rustls::SignatureScheme;
    use rustls::crypto::aws_lc_rs::default_provider;
    use serde_json::{Value, json};

    use super::*;

    /// Google's token endpoint: it says the same to everybody.
    #[derive(Debug, Clone)]
    struct TokenEndpoint {
        answer: (StatusCode, &'static str),
        asked: Arc<Mutex<Vec<Request<Bytes>>>>,
    }

    impl HttpSend for TokenEndpoint {
        async fn http_send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
            self.asked.lock().unwrap().push(request);
            let (status, body) = self.answer;
            Ok(Response::builder().status(status).body(body.into()).expect("an answer"))
        }
    }

    fn endpoint(status: StatusCode, body: &'static str) -> TokenEndpoint {
        TokenEndpoint { answer: (status, body), asked: Arc::default() }
    }

    fn signer_with(key: &KeyPair, endpoint: &TokenEndpoint) -> Signer<Credential> {
        let account = json!({
            "type": "service_account",
            "client_email": "registry@example.iam.gserviceaccount.com",
            "private_key": key.serialize_pem(),
        });
        let context = Context::new().with_http_send(endpoint.clone());
        Signer::new(context, Tokens(KeyFile::Text(account.to_string())), RequestSigner::new("storage"))
    }

    async fn signed(signer: &Signer<Credential>) -> Result<String> {
        let (mut parts, ()) = Request::get("https://storage.googleapis.com/").body(()).expect("a request").into_parts();
        signer.sign(&mut parts, None).await?;
        Ok(parts.headers[header::AUTHORIZATION].to_str().expect("text").to_owned())
    }

    /// Tells whether a key has signed a message, by other code than that which signs.
    fn is_signed_by(key: &KeyPair, message: &str, signature: &[u8]) -> bool {
        let known = default_provider().signature_verification_algorithms.mapping;
        let (_, algorithms) = known.iter().find(|(scheme, _)| *scheme == SignatureScheme::RSA_PKCS1_SHA256).unwrap();
        algorithms.iter().any(|a| a.verify_signature(key.public_key_raw(), message.as_bytes(), signature).is_ok())
    }

    #[tokio::test]
    async fn the_key_of_a_service_account_gets_a_token_once() {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let endpoint =
            endpoint(StatusCode::OK, r#"{"access_token": "t1", "expires_in": 3600, "token_type": "Bearer"}"#);
        let signer = signer_with(&key, &endpoint);
        for _ in 0..2 {
            assert_eq!(signed(&signer).await.unwrap(), "Bearer t1");
        }
        let asked = endpoint.asked.lock().unwrap();
        let [request] = &asked[..] else { panic!("{} requests for a token", asked.len()) };
        assert_eq!((request.method(), request.uri().to_string().as_str()), (&Method::POST, TOKEN_ENDPOINT));
        let body = std::str::from_utf8(request.body()).unwrap();
        let assertion = body
            .strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=")
            .expect("an assertion");
        let (message, signature) = assertion.rsplit_once('.').unwrap();
        assert!(is_signed_by(&key, message, &URL_SAFE_NO_PAD.decode(signature).unwrap()));
        let documents: Vec<Value> = message
            .split('.')
            .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
            .collect();
        let [header, claims] = &documents[..] else { panic!("{message}") };
        assert_eq!(*header, json!({"alg": "RS256", "typ": "JWT"}));
        assert_eq!(claims["iss"], "registry@example.iam.gserviceaccount.com");
        assert_eq!((&claims["scope"], &claims["aud"]), (&json!(SCOPE), &json!(TOKEN_ENDPOINT)));
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    }

    #[tokio::test]
    async fn a_key_that_is_refused_is_told_of() {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        for (status, is_retryable) in [(StatusCode::BAD_REQUEST, false), (StatusCode::SERVICE_UNAVAILABLE, true)] {
            let signer = signer_with(&key, &endpoint(status, r#"{"error": "invalid_grant"}"#));
            let error = signed(&signer).await.unwrap_err();
            let text = format!("{error}");
            assert!(text.contains("registry@example") && text.contains("invalid_grant"), "{text}");
            assert_eq!(error.is_retryable(), is_retryable);
        }
    }
}
