use bytes::Bytes;
use http::{Method, StatusCode};
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::protocol::media_type::{OCI_INDEX, OCI_MANIFEST};
use registry_http::testing::TestRegistry;
use serde_json::json;

use crate::snapshot::assert_reply;

#[tokio::test]
async fn referrers_are_listed() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let config = registry.seed_blob("a", b"{}").await;
    let subject = registry.seed_image("a", "subject", &[]).await;
    let path = format!("/v2/a/referrers/{subject}");
    assert_reply!("referrers_none", client.get(&path).await);
    for artifact_type in [Some("text/plain"), Some("text/html"), None] {
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": "application/vnd.example.config", "digest": config, "size": 2},
            "layers": [],
            "subject": {"mediaType": OCI_MANIFEST, "digest": subject, "size": 1},
            "annotations": {"type": artifact_type.unwrap_or("none")},
        });
        if let Some(artifact_type) = artifact_type {
            manifest["artifactType"] = artifact_type.into();
        }
        let payload = serde_json::to_vec(&manifest).unwrap();
        let digest = Digest::of(Algorithm::Sha256, &payload);
        let headers = [("content-type", OCI_MANIFEST)];
        let reply = client.send(Method::PUT, &format!("/v2/a/manifests/{digest}"), &headers, payload).await;
        assert_eq!(reply.status, StatusCode::CREATED);
    }
    assert_reply!("referrers", client.get(&path).await);
    assert_reply!("referrers_filtered", client.get(&format!("{path}?artifactType=text/plain")).await);
    assert_reply!("referrers_page", client.get(&format!("{path}?n=2")).await);
    let link = client.get(&format!("{path}?n=2")).await.header("link").to_owned();
    let next = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
    let last = client.get(&next).await;
    assert_eq!(last.json()["manifests"].as_array().unwrap().len(), 1);
    assert_eq!(last.header("link"), "");
    assert_eq!(client.get("/v2/a/referrers/sha256:x").await.error_code(), "DIGEST_INVALID");
    let unknown = client.get(&format!("/v2/unknown/referrers/{subject}")).await;
    assert_eq!((unknown.status, unknown.json()["manifests"].clone()), (StatusCode::OK, json!([])));
    let head = client.send(Method::HEAD, &path, &[], Bytes::new()).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
}

/// The upgrade rule: manifests that a client listed under the referrers tag schema are found by the API as well.
#[tokio::test]
async fn what_the_tag_schema_lists_is_listed() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let config = registry.seed_blob("a", b"{}").await;
    let subject = registry.seed_image("a", "subject", &[]).await;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.example.config", "digest": config, "size": 2},
        "layers": [],
        "subject": {"mediaType": OCI_MANIFEST, "digest": subject, "size": 1},
    });
    let payload = serde_json::to_vec(&manifest).unwrap();
    let digest = Digest::of(Algorithm::Sha256, &payload);
    let size = payload.len();
    let put = async |reference: String, media_type: &str, payload: Vec<u8>| {
        let headers = [("content-type", media_type)];
        let reply = client.send(Method::PUT, &format!("/v2/a/manifests/{reference}"), &headers, payload).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
    };
    put(digest.to_string(), OCI_MANIFEST, payload).await;
    let fallback = json!({
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [{"mediaType": OCI_MANIFEST, "digest": digest, "size": size}],
    });
    put(subject.to_string().replace(':', "-"), OCI_INDEX, serde_json::to_vec(&fallback).unwrap()).await;
    let reply = client.get(&format!("/v2/a/referrers/{subject}")).await;
    assert_eq!(reply.json()["manifests"][0]["digest"], digest.to_string());
    assert_eq!(reply.json()["manifests"].as_array().unwrap().len(), 1);
}
