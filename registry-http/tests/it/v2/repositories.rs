use bytes::Bytes;
use http::{Method, StatusCode};
use registry_http::testing::TestRegistry;
use serde_json::json;

const PATH: &str = "/v2/a/b/_registry/repository";

#[tokio::test]
async fn a_repository_tells_how_much_there_is_in_it_until_it_is_deleted() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let reply = client.get(PATH).await;
    assert_eq!((reply.status, reply.error_code().as_str()), (StatusCode::NOT_FOUND, "NAME_UNKNOWN"));
    for tag in ["1", "2"] {
        registry.seed_image("a/b", tag, &[]).await;
        registry.seed_image("a/c", tag, &[]).await;
    }
    let usage = client.get(PATH).await.json();
    assert_eq!((&usage["name"], &usage["tags"]), (&json!("a/b"), &json!(2)));
    assert!(usage["logicalBytes"].as_u64() >= usage["uniqueBytes"].as_u64());

    let reply = client.send(Method::DELETE, PATH, &[], Bytes::new()).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED);
    for gone in [PATH, "/v2/a/b/tags/list"] {
        assert_eq!(client.get(gone).await.error_code(), "NAME_UNKNOWN", "{gone}");
    }
    assert_eq!(client.get("/v2/_catalog").await.json(), json!({"repositories": ["a/c"]}));
    assert_eq!(client.send(Method::DELETE, PATH, &[], Bytes::new()).await.status, StatusCode::NOT_FOUND);
}

/// Neither a manifest nor a tag can be meant by the path.
#[tokio::test]
async fn the_words_of_the_path_are_no_part_of_a_name() {
    let registry = TestRegistry::start().await;
    registry.seed_image("a/manifests", "1", &[]).await;
    let client = registry.client();
    assert_eq!(client.get("/v2/a/manifests/_registry/repository").await.json()["name"], "a/manifests");
    let reply = client.get("/v2/_registry/repository").await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
}
