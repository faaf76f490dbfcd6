//! The test registry itself.

use http::{Method, StatusCode};
use registry_http::testing::TestRegistry;

#[tokio::test]
async fn requests_are_remembered_and_fail_on_demand() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    registry.requests().fail_next(Method::GET, "/tags/", StatusCode::BAD_GATEWAY);
    assert_eq!(client.get("/v2/").await.status, StatusCode::OK);
    assert_eq!(client.get("/v2/a/tags/list").await.status, StatusCode::BAD_GATEWAY);
    assert_eq!(client.get("/v2/a/tags/list").await.status, StatusCode::NOT_FOUND);
    let paths: Vec<String> = registry.requests().seen().into_iter().map(|(_, path)| path).collect();
    assert_eq!(paths, ["/v2/", "/v2/a/tags/list", "/v2/a/tags/list"]);
}

#[tokio::test]
async fn a_dropped_registry_stops() {
    let registry = TestRegistry::start().await;
    let address = registry.address();
    drop(registry);
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
