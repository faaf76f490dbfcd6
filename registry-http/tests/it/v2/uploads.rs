use bytes::Bytes;
use http::{Method, StatusCode};
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::store::StoreErrorKind;
use registry_core::testing::flaky::Step;
use registry_http::testing::{Client, Reply, TestRegistry};

use crate::snapshot::assert_reply;

fn sha256(content: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, content)
}

async fn start(client: &Client) -> String {
    let reply = client.send(Method::POST, "/v2/a/blobs/uploads/", &[], Bytes::new()).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED, "{reply:?}");
    reply.header("location").to_owned()
}

async fn patch(client: &Client, location: &str, range: Option<&str>, content: &'static [u8]) -> Reply {
    let headers: Vec<_> = range.map(|range| ("content-range", range)).into_iter().collect();
    client.send(Method::PATCH, location, &headers, content).await
}

async fn put(client: &Client, location: &str, digest: impl std::fmt::Display, content: &'static [u8]) -> Reply {
    client.send(Method::PUT, &format!("{location}?digest={digest}"), &[], content).await
}

#[tokio::test]
async fn a_chunked_upload() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    assert_reply!("upload_start", client.send(Method::POST, "/v2/a/blobs/uploads/", &[], Bytes::new()).await);
    let location = start(&client).await;
    assert_reply!("upload_status_empty", client.get(&location).await);
    assert_reply!("upload_chunk", patch(&client, &location, Some("0-3"), b"0123").await);
    assert_reply!("upload_status", client.get(&location).await);
    assert_reply!("upload_chunk_out_of_order", patch(&client, &location, Some("5-8"), b"5678").await);
    assert_reply!("upload_chunk_size", patch(&client, &location, Some("4-9"), b"4567").await);
    assert_reply!("upload_chunk_no_range", patch(&client, &location, Some("four"), b"4567").await);
    assert_eq!(patch(&client, &location, None, b"4567").await.header("range"), "0-7");
    assert_reply!("upload_commit", put(&client, &location, sha256(b"0123456789"), b"89").await);
    assert_reply!("upload_unknown", client.get(&location).await);
    let blob = client.get(&format!("/v2/a/blobs/{}", sha256(b"0123456789"))).await;
    assert_eq!(blob.body, "0123456789");
}

#[tokio::test]
async fn a_single_post() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let target = format!("/v2/a/blobs/uploads/?digest={}", sha256(b"content"));
    assert_reply!("upload_single", client.send(Method::POST, &target, &[], "content").await);
    assert_reply!("upload_single_mismatch", client.send(Method::POST, &target, &[], "other").await);
}

#[tokio::test]
async fn digests_that_are_wrong_are_refused() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let location = start(&client).await;
    assert_reply!("upload_digest_missing", client.send(Method::PUT, &location, &[], "x").await);
    assert_reply!("upload_digest_malformed", put(&client, &location, "sha256:baddigeststring", b"x").await);
    assert_reply!("upload_digest_unknown", put(&client, &location, "md5:d41d8cd98f00b204e9800998ecf8427e", b"x").await);
    assert_reply!("upload_digest_mismatch", put(&client, &location, sha256(b"y"), b"x").await);
    assert_eq!(client.get(&location).await.status, StatusCode::NOT_FOUND, "the upload has ended");
    let target = "/v2/a/blobs/uploads/?digest-algorithm=md5";
    assert_eq!(client.send(Method::POST, target, &[], Bytes::new()).await.error_code(), "DIGEST_INVALID");
}

#[tokio::test]
async fn sha512_with_and_without_announcement() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    for target in ["/v2/a/blobs/uploads/", "/v2/a/blobs/uploads/?digest-algorithm=sha512"] {
        let content = b"some content";
        let digest = Digest::of(Algorithm::Sha512, content);
        let location = client.send(Method::POST, target, &[], Bytes::new()).await.header("location").to_owned();
        assert_eq!(patch(&client, &location, None, content).await.status, StatusCode::ACCEPTED);
        let reply = put(&client, &location, digest, b"").await;
        assert_eq!(reply.status, StatusCode::CREATED);
        assert_eq!(reply.header("docker-content-digest"), digest.to_string());
        assert_eq!(client.get(reply.header("location")).await.body, &content[..]);
    }
}

#[tokio::test]
async fn a_cancelled_upload() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let location = start(&client).await;
    assert_reply!("upload_cancel", client.send(Method::DELETE, &location, &[], Bytes::new()).await);
    assert_eq!(client.get(&location).await.error_code(), "BLOB_UPLOAD_UNKNOWN");
    let reply = client.get("/v2/a/blobs/uploads/not-an-upload").await;
    assert_eq!((reply.status, reply.error_code().as_str()), (StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"));
}

#[tokio::test]
async fn a_mount() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let digest = registry.seed_blob("source", b"content").await;
    let mount = async |query: String| {
        client.send(Method::POST, &format!("/v2/into/blobs/uploads/?{query}"), &[], Bytes::new()).await
    };
    let absent = sha256(b"absent");
    assert_reply!("mount_absent", mount(format!("mount={absent}&from=source")).await);
    assert_eq!(mount(format!("mount={digest}&from=empty")).await.status, StatusCode::ACCEPTED);
    assert_reply!("mount", mount(format!("mount={digest}&from=source")).await);
    assert_eq!(client.get(&format!("/v2/into/blobs/{digest}")).await.body, "content");
    assert_eq!(mount(format!("mount={digest}")).await.status, StatusCode::CREATED);
    assert_eq!(mount("mount=sha256:x&from=source".to_owned()).await.error_code(), "DIGEST_INVALID");
    assert_eq!(mount(format!("mount={digest}&from=A")).await.error_code(), "NAME_INVALID");
}

#[tokio::test]
async fn a_full_storage_is_said_to_be_full() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let location = start(&client).await;
    registry.storage_faults().fail_next(Step::Write, StoreErrorKind::OutOfSpace);
    assert_reply!("upload_out_of_space", patch(&client, &location, None, b"content").await);
    assert_eq!(patch(&client, &location, None, b"content").await.status, StatusCode::ACCEPTED, "there is room again");
    assert_eq!(put(&client, &location, sha256(b"content"), b"").await.status, StatusCode::CREATED);
    let location = start(&client).await;
    registry.storage_faults().fail_next(Step::Write, StoreErrorKind::Other);
    assert_reply!("upload_storage_failed", patch(&client, &location, None, b"content").await);
}
