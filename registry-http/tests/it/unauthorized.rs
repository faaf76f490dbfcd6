//! Every path of the route table, by every method it takes, without credentials.

use bytes::Bytes;
use http::{Method, StatusCode};
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::store::UploadId;
use registry_http::route::ROUTES;
use registry_http::testing::TestRegistry;

use crate::snapshot::assert_reply;

/// What anybody may ask: whether the server is alive.
const PUBLIC: &[&str] = &["/"];

fn example(template: &str, method: &Method) -> String {
    let digest = Digest::of(Algorithm::Sha256, b"");
    let path = template
        .replace("<name>", "a/b")
        .replace("<namespace>", "a")
        .replace("<reference>", "latest")
        .replace("<tag>", "latest")
        .replace("<digest>", &digest.to_string())
        .replace("<id>", &UploadId::random().to_string());
    assert!(!path.contains('<'), "{template} has a part that this test does not know");
    let commit = template.ends_with("<id>") && method == Method::PUT;
    if commit { format!("{path}?digest={digest}") } else { path }
}

#[tokio::test]
async fn no_path_is_open() {
    let registry = TestRegistry::builder().auth("user", "password").start().await;
    let known = registry.client();
    let anonymous = known.clone().with_credentials(None);
    let wrong = known.clone().with_credentials(Some(("user", "wrong")));
    let nobody = known.clone().with_credentials(Some(("nobody", "password")));
    for spec in ROUTES {
        for method in spec.methods {
            let path = example(spec.template, method);
            let public = PUBLIC.contains(&spec.template) || method == Method::OPTIONS;
            for client in [&anonymous, &wrong, &nobody] {
                let reply = client.send(method.clone(), &path, &[], Bytes::new()).await;
                let refused = reply.status == StatusCode::UNAUTHORIZED;
                assert_eq!(refused, !public, "{method} {path}: {}", reply.status);
                assert_eq!(reply.headers.contains_key("www-authenticate"), !public, "{method} {path}");
            }
            let reply = known.send(method.clone(), &path, &[], Bytes::new()).await;
            assert_ne!(reply.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            assert_ne!(reply.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn what_is_asked_for_is_said() {
    let registry = TestRegistry::builder().auth("user", "password").start().await;
    let anonymous = registry.client().with_credentials(None);
    assert_reply!("unauthorized_base", anonymous.get("/v2/").await);
    let digest = Digest::of(Algorithm::Sha256, b"");
    let mount = format!("/v2/a/blobs/uploads/?mount={digest}&from=b");
    assert_reply!("unauthorized_mount", anonymous.send(Method::POST, &mount, &[], Bytes::new()).await);
    assert_reply!("unauthorized_catalog", anonymous.get("/v2/_catalog").await);
}
