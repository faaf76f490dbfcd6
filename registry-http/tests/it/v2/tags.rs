use http::StatusCode;
use registry_http::testing::TestRegistry;
use serde_json::json;

use crate::snapshot::assert_reply;

#[tokio::test]
async fn tags_are_listed_by_pages() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    for tag in ["b", "A", "a", "10"] {
        registry.seed_image("a/b", tag, &[]).await;
    }
    assert_reply!("tags", client.get("/v2/a/b/tags/list").await);
    assert_reply!("tags_page", client.get("/v2/a/b/tags/list?n=2").await);
    assert_reply!("tags_last_page", client.get("/v2/a/b/tags/list?n=2&last=A").await);
    assert_reply!("tags_none", client.get("/v2/a/b/tags/list?n=0").await);
    assert_eq!(client.get("/v2/a/b/tags/list?last=a").await.json()["tags"], json!(["b"]));
    assert_reply!("tags_unknown", client.get("/v2/unknown/tags/list").await);
    for n in ["-1", "abc", "1e9", "", "%00"] {
        let reply = client.get(&format!("/v2/a/b/tags/list?n={n}")).await;
        let code = reply.error_code();
        assert_eq!((reply.status, code.as_str()), (StatusCode::BAD_REQUEST, "PAGINATION_NUMBER_INVALID"), "{n}");
    }
    for n in ["2147483647", "99999999999999999999"] {
        let reply = client.get(&format!("/v2/a/b/tags/list?n={n}")).await;
        assert_eq!(reply.json()["tags"], json!(["10", "A", "a", "b"]), "{n}");
    }
}

#[tokio::test]
async fn a_list_longer_than_a_page_is_streamed_whole() {
    let registry = TestRegistry::start().await;
    let mut expected: Vec<String> = (0..2500).map(|n| format!("t{n}")).collect();
    for tag in &expected {
        registry.seed_image("a", tag, &[]).await;
    }
    expected.sort();
    let reply = registry.client().get("/v2/a/tags/list").await;
    assert_eq!(reply.json(), json!({"name": "a", "tags": expected}));
    let clamped = registry.client().get("/v2/a/tags/list?n=5000").await;
    assert_eq!(clamped.json()["tags"].as_array().unwrap().len(), 1000);
    assert!(clamped.header("link").contains("n=1000"), "{}", clamped.header("link"));
}

#[tokio::test]
async fn a_repository_without_tags_has_an_empty_list() {
    let registry = TestRegistry::start().await;
    registry.seed_blob("a", b"x").await;
    assert_eq!(registry.client().get("/v2/a/tags/list").await.json(), json!({"name": "a", "tags": []}));
}
