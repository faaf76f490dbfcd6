//! A registry for a test: seeded, watched, and failing on demand. Run with `--features testing`.

use http::{Method, StatusCode};
use registry_http::testing::TestRegistry;

#[tokio::main]
async fn main() {
    let registry = TestRegistry::start().await;
    let digest = registry.seed_image("library/app", "1.0", &[b"a layer"]).await;

    // What is tested goes here: anything that pulls from `registry.host()`.
    let reply = registry.client().get("/v2/library/app/manifests/1.0").await;
    assert_eq!(reply.header("docker-content-digest"), digest.to_string());

    registry.requests().fail_next(Method::GET, "/manifests/", StatusCode::BAD_GATEWAY);
    let reply = registry.client().get("/v2/library/app/manifests/1.0").await;
    assert_eq!(reply.status, StatusCode::BAD_GATEWAY);
    assert_eq!(registry.requests().seen().len(), 2);
}
