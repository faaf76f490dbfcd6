use http::StatusCode;
use registry_http::testing::TestRegistry;
use serde_json::json;

use crate::snapshot::assert_reply;

#[tokio::test]
async fn repositories_are_listed_by_pages() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    assert_reply!("catalog_empty", client.get("/v2/_catalog").await);
    for name in ["b", "a/b", "a-b", "tags/list", "blobs/uploads"] {
        registry.seed_image(name, "t", &[]).await;
    }
    registry.seed_blob("only/a/blob", b"x").await;
    assert_reply!("catalog", client.get("/v2/_catalog").await);
    assert_reply!("catalog_page", client.get("/v2/_catalog?n=2").await);
    let next = client.get("/v2/_catalog?n=2&last=a/b").await;
    assert_eq!(next.json(), json!({"repositories": ["b", "blobs/uploads"]}));
    assert_eq!(client.get("/v2/_catalog?n=0").await.json(), json!({"repositories": []}));
    for n in ["1001", "-1", "x"] {
        let reply = client.get(&format!("/v2/_catalog?n={n}")).await;
        let code = reply.error_code();
        assert_eq!((reply.status, code.as_str()), (StatusCode::BAD_REQUEST, "PAGINATION_NUMBER_INVALID"), "{n}");
    }
}

#[tokio::test]
async fn names_that_look_like_paths_of_the_api_work() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    for name in ["tags/list", "blobs/uploads", "manifests", "a/blobs/uploads/manifests", "uploads/tags"] {
        let digest = registry.seed_image(name, "list", &[b"layer"]).await;
        let manifest = client.get(&format!("/v2/{name}/manifests/list")).await;
        assert_eq!(manifest.header("docker-content-digest"), digest.to_string(), "{name}");
        assert_eq!(client.get(&format!("/v2/{name}/tags/list")).await.json()["name"], name);
    }
}
