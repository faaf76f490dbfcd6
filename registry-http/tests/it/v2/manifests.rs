use bytes::Bytes;
use http::{Method, StatusCode};
use registry_core::RegistryOptions;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::protocol::media_type::{DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use registry_http::testing::{Client, Reply, TestRegistry};
use serde_json::{Value, json};

use crate::snapshot::assert_reply;

const CONFIG: &[u8] = b"{}";

fn image(more: Value) -> Bytes {
    let config = Digest::of(Algorithm::Sha256, CONFIG);
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
        "layers": [],
    });
    manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::to_vec(&manifest).unwrap().into()
}

async fn put(client: &Client, reference: &str, media_type: &str, payload: impl Into<Bytes>) -> Reply {
    let headers = [("content-type", media_type)];
    client.send(Method::PUT, &format!("/v2/a/manifests/{reference}"), &headers, payload).await
}

#[tokio::test]
async fn a_manifest_comes_back_as_it_was_pushed() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    registry.seed_blob("a", CONFIG).await;
    let payload = image(json!({}));
    assert_reply!("manifest_put", put(&client, "latest", OCI_MANIFEST, payload.clone()).await);
    assert_reply!("manifest", client.get("/v2/a/manifests/latest").await);
    let digest = Digest::of(Algorithm::Sha256, &payload);
    assert_eq!(client.get(&format!("/v2/a/manifests/{digest}")).await.body, payload);
    assert_reply!("manifest_head", client.send(Method::HEAD, "/v2/a/manifests/latest", &[], Bytes::new()).await);
    let quoted = format!("\"{digest}\"");
    for etag in [quoted.as_str(), &digest.to_string(), "\"other\", *"] {
        let headers = [("if-none-match", etag)];
        let reply = client.send(Method::GET, "/v2/a/manifests/latest", &headers, Bytes::new()).await;
        assert_eq!((reply.status, reply.body.len()), (StatusCode::NOT_MODIFIED, 0), "{etag}");
    }
    assert_reply!("manifest_unknown", client.get("/v2/a/manifests/other").await);
    assert_reply!("manifest_tag_malformed", client.get("/v2/a/manifests/.bad").await);
    assert_eq!(put(&client, ".bad", OCI_MANIFEST, payload).await.error_code(), "TAG_INVALID");
}

#[tokio::test]
async fn a_push_by_digest_with_tags() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    registry.seed_blob("a", CONFIG).await;
    let payload = image(json!({}));
    let digest = Digest::of(Algorithm::Sha512, &payload);
    assert_reply!(
        "manifest_put_tags",
        put(&client, &format!("{digest}?tag=one&tag=two"), OCI_MANIFEST, payload.clone()).await
    );
    for tag in ["one", "two"] {
        let reply = client.get(&format!("/v2/a/manifests/{tag}")).await;
        assert_eq!((reply.header("docker-content-digest"), &reply.body), (digest.to_string().as_str(), &payload));
    }
    let bad = put(&client, &format!("{digest}?tag=three&tag=.bad"), OCI_MANIFEST, payload.clone()).await;
    assert_eq!((bad.status, bad.error_code().as_str()), (StatusCode::BAD_REQUEST, "TAG_INVALID"));
    let most: String = (0..RegistryOptions::TAGS_PER_PUSH_MAX).map(|n| format!("&tag=m{n}")).collect();
    let reply = put(&client, &format!("{digest}?{most}"), OCI_MANIFEST, payload.clone()).await;
    assert_eq!(reply.headers.get_all("oci-tag").iter().count(), RegistryOptions::TAGS_PER_PUSH_MAX, "{reply:?}");
    let many: String = (0..1000).map(|n| format!("&tag=t{n}")).collect();
    let many = put(&client, &format!("{digest}?{}", &many[1..]), OCI_MANIFEST, payload).await;
    assert_eq!((many.status, many.error_code().as_str()), (StatusCode::BAD_REQUEST, "TAG_INVALID"));
    assert_eq!(client.get("/v2/a/manifests/three").await.status, StatusCode::NOT_FOUND);
    assert_eq!(client.get("/v2/a/manifests/t0").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_subject_is_confirmed() {
    let registry = TestRegistry::start().await;
    registry.seed_blob("a", CONFIG).await;
    let subject = Digest::of(Algorithm::Sha256, b"never pushed");
    let payload = image(json!({"subject": {"mediaType": OCI_MANIFEST, "digest": subject, "size": 1}}));
    let reply = put(&registry.client(), "artifact", OCI_MANIFEST, payload).await;
    assert_eq!((reply.status, reply.header("oci-subject")), (StatusCode::CREATED, subject.to_string().as_str()));
}

#[tokio::test]
async fn what_is_wrong_with_a_manifest_is_said() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    registry.seed_blob("a", CONFIG).await;
    let both = image(json!({"manifests": []}));
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(500), "]".repeat(500));
    let good = String::from_utf8(image(json!({})).to_vec()).unwrap();
    let repeated = good.replacen('{', "{\"schemaVersion\":2,", 1);
    let cases: [(&str, Bytes, &str); 8] = [
        (OCI_MANIFEST, both, "manifest_put_both"),
        (OCI_INDEX, good.clone().into(), "manifest_put_contradiction"),
        (OCI_MANIFEST, repeated.into(), "manifest_put_repeated"),
        (OCI_MANIFEST, format!("{good} x").into(), "manifest_put_trailing"),
        (OCI_MANIFEST, deep.into(), "manifest_put_deep"),
        (OCI_MANIFEST, "not json".into(), "manifest_put_no_json"),
        ("text/plain", good.clone().into(), "manifest_put_media_type"),
        (DOCKER_MANIFEST, good.into(), "manifest_put_docker"),
    ];
    for (media_type, payload, name) in cases {
        let reply = put(&client, "bad", media_type, payload).await;
        assert_eq!(
            (reply.status, reply.error_code().as_str()),
            (StatusCode::BAD_REQUEST, "MANIFEST_INVALID"),
            "{name}"
        );
        let message = reply.json()["errors"][0]["message"].as_str().unwrap().to_owned();
        crate::snapshot::settings().bind(|| insta::assert_snapshot!(name, message));
    }
    assert_eq!(client.get("/v2/a/manifests/bad").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_manifest_without_its_blobs_is_refused() {
    let registry = TestRegistry::start().await;
    let reply = put(&registry.client(), "t", OCI_MANIFEST, image(json!({}))).await;
    assert_reply!("manifest_put_blob_unknown", reply);
}

#[tokio::test]
async fn a_manifest_that_is_too_large_is_refused() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    registry.seed_blob("a", CONFIG).await;
    let mut payload = image(json!({})).to_vec();
    payload.resize(4 * 1024 * 1024, b' ');
    assert_eq!(put(&client, "fits", OCI_MANIFEST, payload.clone()).await.status, StatusCode::CREATED);
    payload.push(b' ');
    assert_reply!("manifest_put_too_large", put(&client, "large", OCI_MANIFEST, payload).await);
}

#[tokio::test]
async fn deleting_manifests_and_tags() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let digest = registry.seed_image("a", "one", &[b"layer"]).await;
    registry.seed_image("a", "two", &[b"layer"]).await;
    let delete = async |reference: &str| {
        client.send(Method::DELETE, &format!("/v2/a/manifests/{reference}"), &[], Bytes::new()).await
    };
    assert_reply!("manifest_delete_tag", delete("one").await);
    assert_eq!(client.get("/v2/a/manifests/one").await.error_code(), "MANIFEST_UNKNOWN");
    assert_eq!(client.get("/v2/a/manifests/two").await.status, StatusCode::OK);
    assert_eq!(delete(&digest.to_string()).await.status, StatusCode::ACCEPTED);
    assert_eq!(client.get("/v2/a/manifests/two").await.error_code(), "MANIFEST_UNKNOWN");
    assert_eq!(delete("two").await.error_code(), "MANIFEST_UNKNOWN");
}
