//! A Keystone of version 2, as its documentation says, for one user, who is another one to TempAuth.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::object::serving::Serving;
use crate::swift::subject::log_in;

/// The server; it stops when it is dropped.
pub(super) struct Keystone(Serving);

impl Keystone {
    pub(super) async fn start() -> Self {
        Self(Serving::start(answer).await)
    }

    pub(super) fn url(&self) -> String {
        format!("{}/v2.0", self.0.endpoint())
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    assert_eq!((parts.method, parts.uri.path()), (Method::POST, "/v2.0/tokens"));
    assert_eq!(parts.headers["content-type"], "application/json");
    let asked: Value = serde_json::from_slice(&body.collect().await.expect("a body").to_bytes()).expect("a document");
    let (status, document) = match refusal(&asked) {
        Some(message) => (401, json!({ "error": { "code": 401, "title": "Unauthorized", "message": message } })),
        None => (200, access(&log_in().await)),
    };
    let answer = Response::builder().status(status).header("content-type", "application/json");
    Ok(answer.body(document.to_string().into()).expect("a valid answer"))
}

/// Returns why a request is refused, if it is.
fn refusal(asked: &Value) -> Option<&'static str> {
    let user = json!({ "username": "user", "password": "password" });
    let tenants = [("tenantName", "tenant"), ("tenantId", "id")];
    let known = tenants.map(|(key, tenant)| json!({ "auth": { "passwordCredentials": user, key: tenant } }));
    match () {
        () if asked["auth"]["passwordCredentials"] != user => Some("Not the user."),
        () if !known.contains(asked) => Some("Not the tenant."),
        () => None,
    }
}

/// Describes a session of TempAuth as one of Keystone.
fn access(session: &HeaderMap) -> Value {
    let text = |name: &str| session[name].to_str().expect("a text");
    let endpoint = json!({ "region": "RegionOne", "publicURL": text("x-storage-url"), "tenantId": "id" });
    json!({ "access": {
        "token": { "id": text("x-auth-token"), "expires": "2099-01-01T00:00:00Z", "tenant": { "id": "id" } },
        "serviceCatalog": [
            { "type": "identity", "name": "keystone", "endpoints": [{ "publicURL": "http://127.0.0.1:9/v2.0" }] },
            { "type": "object-store", "name": "swift", "endpoints": [endpoint] },
        ],
        "user": { "id": "user", "name": "user", "roles": [] },
    } })
}
