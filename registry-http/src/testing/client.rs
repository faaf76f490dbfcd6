//! A small HTTP client: a request out, a whole reply back.

use std::net::SocketAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// A client of one registry.
#[derive(Debug, Clone)]
pub struct Client {
    address: SocketAddr,
    credentials: Option<(String, String)>,
    http: legacy::Client<HttpConnector, Full<Bytes>>,
}

/// A reply, received to its end.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Client {
    /// Makes a client of the registry at an address. It sends the credentials with every request.
    pub fn new(address: SocketAddr, credentials: Option<(String, String)>) -> Self {
        Self { address, credentials, http: legacy::Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Sends other credentials, or none.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Option<(&str, &str)>) -> Self {
        self.credentials = credentials.map(|(name, password)| (name.to_owned(), password.to_owned()));
        self
    }

    /// Sends a request. `target` is a path with its query, or an address as it stands in `Location`.
    ///
    /// # Panics
    /// If the request cannot be made or the reply not be received.
    pub async fn send(&self, method: Method, target: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
        let uri = if target.starts_with('/') { format!("http://{}{target}", self.address) } else { target.to_owned() };
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some((name, password)) = &self.credentials {
            let credentials = BASE64_STANDARD.encode(format!("{name}:{password}"));
            request = request.header(AUTHORIZATION, format!("Basic {credentials}"));
        }
        let request = request.body(Full::new(body.into())).expect("a valid request");
        let response = self.http.request(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// Sends a GET.
    ///
    /// # Panics
    /// As [`send`](Self::send).
    pub async fn get(&self, target: &str) -> Reply {
        self.send(Method::GET, target, &[], Bytes::new()).await
    }
}

impl Reply {
    /// Returns a header's text, or an empty one if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Reads the body as JSON.
    ///
    /// # Panics
    /// If it is not.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a body of JSON")
    }

    /// Returns the code of the first error in the body.
    ///
    /// # Panics
    /// If the body is not one of errors.
    pub fn error_code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().expect("an error with a code").to_owned()
    }
}
