use bytes::Bytes;
use http::{Method, StatusCode};
use registry_core::RegistryOptions;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::store::StoreErrorKind;
use registry_core::testing::flaky::Step;
use registry_http::testing::TestRegistry;

use crate::snapshot::assert_reply;

#[tokio::test]
async fn a_blob_comes_back() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let digest = registry.seed_blob("a/b", b"0123456789").await;
    let path = format!("/v2/a/b/blobs/{digest}");
    assert_reply!("blob", client.get(&path).await);
    assert_reply!("blob_head", client.send(Method::HEAD, &path, &[], Bytes::new()).await);
    assert_reply!("blob_elsewhere", client.get(&format!("/v2/a/blobs/{digest}")).await);
    assert_eq!(client.get(&path.replace(':', "%3A")).await.body, "0123456789");
    assert_reply!("blob_digest_malformed", client.get("/v2/a/b/blobs/sha256:x").await);
}

#[tokio::test]
async fn an_empty_blob_comes_back() {
    let registry = TestRegistry::start().await;
    let digest = registry.seed_blob("a", b"").await;
    let path = format!("/v2/a/blobs/{digest}");
    let reply = registry.client().get(&path).await;
    assert_eq!((reply.status, reply.header("content-length")), (StatusCode::OK, "0"));
    let reply = registry.client().send(Method::GET, &path, &[("range", "bytes=0-5")], Bytes::new()).await;
    assert_eq!(reply.status, StatusCode::RANGE_NOT_SATISFIABLE);
}

#[tokio::test]
async fn ranges_of_a_blob() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let digest = registry.seed_blob("a", b"0123456789").await;
    let path = format!("/v2/a/blobs/{digest}");
    let etag = format!("\"{digest}\"");
    let get = async |headers: &[(&str, &str)]| client.send(Method::GET, &path, headers, Bytes::new()).await;
    assert_reply!("blob_range", get(&[("range", "bytes=2-4")]).await);
    for (range, status, body) in [
        ("bytes=5-", StatusCode::PARTIAL_CONTENT, "56789"),
        ("bytes=-3", StatusCode::PARTIAL_CONTENT, "789"),
        ("bytes=8-99", StatusCode::PARTIAL_CONTENT, "89"),
        ("bytes=0-0", StatusCode::PARTIAL_CONTENT, "0"),
        ("bytes=0-1,3-4", StatusCode::OK, "0123456789"),
        ("pages=1-2", StatusCode::OK, "0123456789"),
        ("nonsense", StatusCode::OK, "0123456789"),
    ] {
        let reply = get(&[("range", range)]).await;
        assert_eq!((reply.status, &reply.body[..]), (status, body.as_bytes()), "{range}");
        assert_eq!(reply.header("content-length"), body.len().to_string(), "{range}");
    }
    assert_reply!("blob_range_unsatisfiable", get(&[("range", "bytes=10-")]).await);
    assert_eq!(get(&[("range", "bytes=5-0")]).await.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(get(&[("range", "bytes=1-2"), ("if-range", &etag)]).await.body, "12");
    assert_eq!(get(&[("range", "bytes=1-2"), ("if-range", "\"other\"")]).await.body, "0123456789");
    assert_reply!("blob_not_modified", get(&[("if-none-match", &etag)]).await);
    let head = client.send(Method::HEAD, &path, &[("range", "bytes=2-4")], Bytes::new()).await;
    assert_eq!((head.status, head.header("content-length")), (StatusCode::PARTIAL_CONTENT, "3"));
}

#[tokio::test]
async fn deleting_a_blob() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let digest = registry.seed_blob("a", b"content").await;
    registry.seed_blob("b", b"content").await;
    let path = format!("/v2/a/blobs/{digest}");
    assert_reply!("blob_delete", client.send(Method::DELETE, &path, &[], Bytes::new()).await);
    assert_eq!(client.get(&path).await.error_code(), "BLOB_UNKNOWN");
    assert_reply!("blob_delete_unknown", client.send(Method::DELETE, &path, &[], Bytes::new()).await);
    assert_eq!(client.get(&format!("/v2/b/blobs/{digest}")).await.body, "content", "others keep theirs");
}

#[tokio::test]
async fn deleting_is_refused_unless_enabled() {
    let registry = TestRegistry::builder().options(RegistryOptions::default()).start().await;
    let client = registry.client();
    let manifest = registry.seed_image("a", "t", &[b"layer"]).await;
    let blob = Digest::of(Algorithm::Sha256, b"layer");
    for path in [format!("manifests/{manifest}"), "manifests/t".to_owned(), format!("blobs/{blob}")] {
        let reply = client.send(Method::DELETE, &format!("/v2/a/{path}"), &[], Bytes::new()).await;
        assert_eq!((reply.status, reply.error_code().as_str()), (StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED"));
        assert_eq!(client.get(&format!("/v2/a/{path}")).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn bytes_that_cannot_be_read_are_our_failure() {
    let registry = TestRegistry::start().await;
    let digest = registry.seed_blob("a", b"content").await;
    registry.storage_faults().fail_next(Step::Read, StoreErrorKind::Other);
    let reply = registry.client().get(&format!("/v2/a/blobs/{digest}")).await;
    assert_eq!((reply.status, reply.error_code().as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN"));
    assert!(!String::from_utf8_lossy(&reply.body).contains("injected"), "the cause is for the log: {reply:?}");
}
