use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use registry_core::RegistryOptions;
use registry_http::testing::{Client, Reply, TestRegistry};
use serde_json::{Value, json};

const HISTORY: &str = "/v2/a/b/_registry/history";

/// A registry that remembers for an hour what tags pointed to.
async fn remembering() -> TestRegistry {
    let options =
        RegistryOptions { delete_enabled: true, tag_history: Duration::from_secs(3600), ..RegistryOptions::default() };
    TestRegistry::builder().options(options).start().await
}

async fn delete(client: &Client, reference: &str) {
    let path = format!("/v2/a/b/manifests/{reference}");
    assert_eq!(client.send(Method::DELETE, &path, &[], Bytes::new()).await.status, StatusCode::ACCEPTED);
}

async fn restore(client: &Client, tag: &str) -> Reply {
    client.send(Method::POST, &format!("/v2/a/b/_registry/restore/{tag}"), &[], Bytes::new()).await
}

/// What tags pointed to, without the dates.
fn seen(reply: &Reply) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let history = reply.json();
    assert_eq!(history["name"], "a/b");
    history["tags"].as_array().unwrap().iter().map(|past| (text(&past["tag"]), text(&past["digest"]))).collect()
}

/// The address of the next page.
fn next(reply: &Reply) -> Option<String> {
    let link = reply.header("link");
    link.strip_suffix(">; rel=\"next\"").map(|link| link.trim_start_matches('<').to_owned())
}

#[tokio::test]
async fn what_tags_pointed_to_is_listed_by_pages() {
    let registry = remembering().await;
    let client = registry.client();
    let unknown = client.get(HISTORY).await;
    assert_eq!((unknown.status, unknown.error_code().as_str()), (StatusCode::NOT_FOUND, "NAME_UNKNOWN"));
    let mut digests = Vec::new();
    for layer in [&b"1"[..], b"2", b"3"] {
        digests.push(registry.seed_image("a/b", "latest", &[layer]).await.to_string());
    }
    registry.seed_image("a/b", "1.0", &[b"1"]).await;
    delete(&client, "1.0").await;

    let expected: Vec<_> =
        [("1.0", 0), ("latest", 0), ("latest", 1)].map(|(tag, at)| (tag.to_owned(), digests[at].clone())).to_vec();
    let whole = client.get(HISTORY).await;
    assert_eq!((seen(&whole), next(&whole)), (expected.clone(), None));
    let past = &whole.json()["tags"][0];
    for date in ["setAt", "endedAt", "restorableUntil"] {
        assert!(past[date].as_str().unwrap().ends_with('Z'), "{past}");
    }
    assert!(past["endedAt"].as_str() < past["restorableUntil"].as_str(), "{past}");

    for (path, expected) in [(HISTORY.to_owned(), &expected[..]), (format!("{HISTORY}/latest"), &expected[1..])] {
        let (mut found, mut page) = (Vec::new(), Some(format!("{path}?n=1")));
        while let Some(address) = page {
            let reply = client.get(&address).await;
            found.extend(seen(&reply));
            page = next(&reply);
            assert!(page.as_ref().is_none_or(|page| page.starts_with(&path)), "{page:?}");
        }
        assert_eq!(found, expected, "{path}");
    }
    assert_eq!(seen(&client.get(&format!("{HISTORY}/never")).await), []);
    for (query, code) in
        [("?last=latest", "UNSUPPORTED"), ("?n=x", "PAGINATION_NUMBER_INVALID"), ("/-?n=1", "TAG_INVALID")]
    {
        let reply = client.get(&format!("{HISTORY}{query}")).await;
        assert_eq!((reply.status, reply.error_code().as_str()), (StatusCode::BAD_REQUEST, code), "{query}");
    }
}

#[tokio::test]
async fn a_tag_is_restored_by_those_who_may_push() {
    let registry = remembering().await;
    let client = registry.client();
    let first = registry.seed_image("a/b", "latest", &[b"1"]).await.to_string();
    let second = registry.seed_image("a/b", "latest", &[b"2"]).await.to_string();
    delete(&client, &second).await;
    assert_eq!(client.get("/v2/a/b/manifests/latest").await.status, StatusCode::NOT_FOUND);

    for (query, digest) in [("", &second), (&format!("?digest={first}"), &first)] {
        let restored = restore(&client, &format!("latest{query}")).await;
        assert_eq!(restored.status, StatusCode::CREATED, "{restored:?}");
        assert_eq!(restored.header("docker-content-digest"), digest);
        assert_eq!(restored.header("location"), format!("/v2/a/b/manifests/{digest}"));
        assert_eq!(client.get("/v2/a/b/manifests/latest").await.header("docker-content-digest"), digest);
    }
    for tag in ["never", &format!("latest?digest=sha256:{}", "0".repeat(64))] {
        let refused = restore(&client, tag).await;
        assert_eq!((refused.status, refused.error_code().as_str()), (StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"));
    }
    let malformed = restore(&client, "latest?digest=sha256:0").await;
    assert_eq!((malformed.status, malformed.error_code().as_str()), (StatusCode::BAD_REQUEST, "DIGEST_INVALID"));
}

#[tokio::test]
async fn what_is_missing_of_a_restored_manifest_is_named() {
    let registry = remembering().await;
    let client = registry.client();
    let layer = registry.seed_blob("a/b", b"1").await;
    registry.seed_image("a/b", "latest", &[b"1"]).await;
    delete(&client, "latest").await;
    let path = format!("/v2/a/b/blobs/{layer}");
    assert_eq!(client.send(Method::DELETE, &path, &[], Bytes::new()).await.status, StatusCode::ACCEPTED);
    let refused = restore(&client, "latest").await;
    assert_eq!((refused.status, refused.error_code().as_str()), (StatusCode::NOT_FOUND, "MANIFEST_BLOB_UNKNOWN"));
    assert_eq!(refused.json()["errors"][0]["detail"]["missing"], json!([layer]));
}

#[tokio::test]
async fn a_read_only_registry_restores_nothing() {
    let options = RegistryOptions { read_only: true, ..RegistryOptions::default() };
    let registry = TestRegistry::builder().options(options).start().await;
    let refused = restore(&registry.client(), "latest").await;
    assert_eq!((refused.status, refused.error_code().as_str()), (StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED"));
}
