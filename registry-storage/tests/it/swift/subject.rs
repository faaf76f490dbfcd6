//! A storage in Swift to test with, and the container as it is behind the driver's back.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use registry_storage::driver::object::{ObjectDriver, TransferConfig};
use registry_storage::driver::swift::{self, SwiftAuthVersion, SwiftConfig, SwiftLogin};

use crate::object::subject::{ObjectSubject, object_subject};
use crate::subject::variable;

/// A part of a container of its own.
pub(crate) struct Container(pub(crate) SwiftConfig);

/// Returns the settings for a part of its own in the container of `scripts/object-stores`.
pub(crate) fn config() -> SwiftConfig {
    let login = SwiftLogin {
        url: variable("TEST_SWIFT_AUTH_URL"),
        version: SwiftAuthVersion::V1,
        username: variable("TEST_SWIFT_USERNAME"),
        password: variable("TEST_SWIFT_PASSWORD"),
        user_domain: None,
        scope: None,
    };
    let mut config = SwiftConfig::new(variable("TEST_SWIFT_CONTAINER"), login);
    config.root_directory = uuid::Uuid::new_v4().to_string();
    config
}

pub(crate) async fn swift() -> Container {
    Container(config())
}

impl Container {
    /// Names all objects, below the root directory.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let root = format!("{}/", self.0.root_directory);
        let (_, listed) = ask(Method::GET, &format!("{}?prefix={root}", self.0.container), &[], "").await;
        let listed = String::from_utf8(listed.to_vec()).expect("names");
        listed.lines().filter_map(|key| key.strip_prefix(&root)).map(ToOwned::to_owned).collect()
    }

    /// Sends a request about an object, which is named below the root directory.
    pub(crate) async fn ask(&self, method: Method, key: &str, headers: &[(&str, &str)], body: &str) -> HeaderMap {
        let path = format!("{}/{}/{key}", self.0.container, self.0.root_directory);
        ask(method, &path, headers, body).await.0
    }
}

fn client() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Logs in to TempAuth, and returns the headers of its answer.
pub(crate) async fn log_in() -> HeaderMap {
    let login = Request::get(variable("TEST_SWIFT_AUTH_URL"))
        .header("x-auth-user", variable("TEST_SWIFT_USERNAME"))
        .header("x-auth-key", variable("TEST_SWIFT_PASSWORD"));
    let answer = client().request(login.body(Full::default()).expect("a request")).await.expect("logging in");
    answer.into_parts().0.headers
}

/// Sends a request about something in the account, by a client of its own.
pub(crate) async fn ask(method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> (HeaderMap, Bytes) {
    let session = log_in().await;
    let text = |name: &str| session[name].to_str().expect("a text");
    let mut request = Request::builder().method(method).uri(format!("{}/{path}", text("x-storage-url")));
    request = request.header("x-auth-token", text("x-auth-token"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::from(body.to_owned())).expect("a request");
    let answer = client().request(request).await.expect("an answer");
    let status = answer.status();
    assert!(status.is_success() || status == StatusCode::NOT_FOUND, "{path}: {status}");
    let (parts, body) = answer.into_parts();
    (parts.headers, body.collect().await.expect("a body").to_bytes())
}

#[async_trait]
impl ObjectSubject for Container {
    async fn driver_with(&self, transfer: TransferConfig) -> ObjectDriver {
        swift::open(&SwiftConfig { transfer, ..self.0.clone() }).await.expect("the store can be reached")
    }

    fn part_bytes(&self) -> usize {
        SwiftConfig::MIN_PART_BYTES as usize
    }

    async fn kept(&self) -> Vec<String> {
        self.keys().await
    }
}

object_subject!(Container, sorts_by_names_alone: false);
