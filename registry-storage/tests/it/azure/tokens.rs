//! Tokens, on a service of our own that hands them out and looks at them.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::azure::{AzureConfig, AzureCredentials, open};

use crate::object::serving::Serving;

/// What was asked for tokens, and how often the last one is still good.
#[derive(Default)]
struct Known {
    asked: Vec<String>,
    uses_left: usize,
}

/// Hands out tokens, and has an empty container for who has the last one. It stops when it is dropped.
struct Service {
    known: Arc<Mutex<Known>>,
    serving: Serving,
}

impl Service {
    /// Starts a service whose tokens are good for so many requests.
    async fn start(uses: usize) -> Self {
        let known = Arc::new(Mutex::new(Known::default()));
        let shared = Arc::clone(&known);
        let serving = Serving::start(move |request| answer(Arc::clone(&shared), uses, request)).await;
        Self { known, serving }
    }

    fn url(&self) -> String {
        self.serving.endpoint()
    }

    fn config(&self, credentials: AzureCredentials) -> AzureConfig {
        let mut config = AzureConfig::new("images", "registry", credentials);
        config.endpoint = self.url();
        config
    }

    fn asked(&self) -> Vec<String> {
        self.known.lock().unwrap().asked.clone()
    }
}

async fn answer(
    known: Arc<Mutex<Known>>,
    uses: usize,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.expect("a request").to_bytes();
    let mut known = known.lock().unwrap();
    let (status, text) = if parts.uri.path() == "/tenant/oauth2/v2.0/token" {
        let asked = String::from_utf8(body.into()).expect("a form");
        if asked.contains("wrong") {
            (StatusCode::UNAUTHORIZED, r#"{"error":"invalid_client","error_description":"wrong"}"#.to_owned())
        } else {
            known.asked.push(asked);
            known.uses_left = uses;
            let token = known.asked.len();
            (StatusCode::OK, format!(r#"{{"access_token":"token{token}","expires_in":3600}}"#))
        }
    } else {
        let last = format!("Bearer token{}", known.asked.len());
        let is_last = parts.headers.get(header::AUTHORIZATION).is_some_and(|given| *given == *last);
        if is_last && known.uses_left > 0 && parts.headers.contains_key("x-ms-version") {
            known.uses_left -= 1;
            (StatusCode::OK, "<EnumerationResults><Blobs /><NextMarker /></EnumerationResults>".to_owned())
        } else {
            (StatusCode::UNAUTHORIZED, "<Error><Code>InvalidAuthenticationInfo</Code></Error>".to_owned())
        }
    };
    Ok(Response::builder().status(status).body(Full::new(text.into())).expect("a valid answer"))
}

fn secret(service: &Service, secret: &str) -> AzureCredentials {
    AzureCredentials::ClientSecret {
        tenant_id: "tenant".into(),
        client_id: "application".into(),
        secret: secret.into(),
        authority: service.url(),
    }
}

#[tokio::test]
async fn an_application_proves_itself_by_its_secret() {
    let service = Service::start(100).await;
    let driver = open(&service.config(secret(&service, "hidden"))).await.expect("the token is taken");
    driver.check().await.expect("the token is kept");
    let asked = service.asked();
    assert_eq!(asked.len(), 1);
    for field in ["client_id=application", "client_secret=hidden", "scope=https%3A%2F%2Fstorage.azure.com%2F.default"] {
        assert!(asked[0].contains(field), "{asked:?}");
    }
}

/// A token that is no longer taken is replaced once.
#[tokio::test]
async fn a_token_that_expires_early_is_replaced() {
    let service = Service::start(2).await;
    let driver = open(&service.config(secret(&service, "hidden"))).await.expect("the token is taken");
    for _ in 0..3 {
        driver.check().await.expect("another token is asked for");
    }
    assert_eq!(service.asked().len(), 2);
    let useless = Service::start(0).await;
    let error = open(&useless.config(secret(&useless, "hidden"))).await.expect_err("no token is taken");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("401 InvalidAuthenticationInfo") && cause.contains("check `credentials`"), "{cause}");
    assert_eq!(useless.asked().len(), 2);
}

#[tokio::test]
async fn a_secret_that_is_not_taken_is_told_of() {
    let service = Service::start(100).await;
    let error = open(&service.config(secret(&service, "wrong"))).await.expect_err("there is no token");
    let mut chain = vec![error.to_string()];
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        chain.push(error.to_string());
        cause = error.source();
    }
    let told = chain.join(": ");
    assert!(told.contains("client secret token request failed") && told.contains("`credentials`"), "{told}");
    assert!(!told.contains("wrong"), "{told}");
}

/// Kubernetes gives the process a file with an assertion, which is exchanged for a token.
#[tokio::test]
async fn a_workload_proves_itself_by_its_assertion() {
    let service = Service::start(100).await;
    let assertion = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&assertion, "assertion\n").expect("writing");
    let variables = [
        ("AZURE_TENANT_ID", "tenant".to_owned()),
        ("AZURE_CLIENT_ID", "application".to_owned()),
        ("AZURE_FEDERATED_TOKEN_FILE", assertion.path().display().to_string()),
        ("AZURE_AUTHORITY_HOST", format!("{}/", service.url())),
    ];
    let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    open(&service.config(AzureCredentials::Ambient { variables })).await.expect("the token is taken");
    let asked = service.asked();
    assert!(asked[0].contains("client_assertion=assertion") && asked[0].contains("client_id=application"), "{asked:?}");
}
