//! Blobs that clients get from the storage itself.

use bytes::Bytes;
use http::{Method, StatusCode};
use registry_core::memory::MemoryBlobStore;
use registry_core::store::StoreErrorKind;
use registry_core::testing::flaky::Step;
use registry_http::ServiceConfig;
use registry_http::client_address::TrustedProxies;
use registry_http::redirects::Redirects;
use registry_http::testing::{TestRegistry, TestRegistryBuilder};

use crate::snapshot::assert_reply;

const STORE: &str = "https://bucket.example.com/key/";

fn redirecting(redirects: Redirects) -> TestRegistryBuilder {
    let proxies = TrustedProxies { networks: vec!["127.0.0.0/8".parse().unwrap()], unix: false };
    let config = ServiceConfig { redirects, trusted_proxies: proxies, ..ServiceConfig::default() };
    TestRegistry::builder().blobs(MemoryBlobStore::redirecting(STORE)).config(config)
}

#[tokio::test]
async fn a_get_is_sent_to_the_storage_and_a_head_is_not() {
    let registry = redirecting(Redirects::Always).start().await;
    let client = registry.client();
    let digest = registry.seed_blob("a", b"0123456789").await;
    let path = format!("/v2/a/blobs/{digest}");
    let get = async |headers: &[(&str, &str)]| client.send(Method::GET, &path, headers, Bytes::new()).await;
    assert_reply!("blob_redirect", get(&[]).await);
    let part = get(&[("range", "bytes=2-4")]).await;
    assert_eq!((part.status, part.header("location")), (StatusCode::TEMPORARY_REDIRECT, &*format!("{STORE}{digest}")));
    let etag = format!("\"{digest}\"");
    assert_eq!(get(&[("if-none-match", &etag)]).await.status, StatusCode::NOT_MODIFIED);
    let head = client.send(Method::HEAD, &path, &[], Bytes::new()).await;
    assert_eq!((head.status, head.header("content-length")), (StatusCode::OK, "10"));
}

#[tokio::test]
async fn who_may_not_read_a_blob_learns_no_address() {
    let registry = redirecting(Redirects::Always).auth("user", "password").start().await;
    let digest = registry.seed_blob("a", b"content").await;
    let stranger = registry.client().with_credentials(None);
    for (client, repository, status) in [
        (&stranger, "a", StatusCode::UNAUTHORIZED),
        (&registry.client(), "b", StatusCode::NOT_FOUND),
        (&registry.client(), "a", StatusCode::TEMPORARY_REDIRECT),
    ] {
        let reply = client.get(&format!("/v2/{repository}/blobs/{digest}")).await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.headers.contains_key("location"), status == StatusCode::TEMPORARY_REDIRECT);
    }
}

#[tokio::test]
async fn only_clients_of_the_networks_are_sent_to_the_storage() {
    let registry = redirecting(Redirects::Networks(vec!["10.0.0.0/8".parse().unwrap()])).start().await;
    let client = registry.client();
    let path = format!("/v2/a/blobs/{}", registry.seed_blob("a", b"content").await);
    for (sender, status) in [("10.1.2.3", StatusCode::TEMPORARY_REDIRECT), ("192.0.2.1", StatusCode::OK)] {
        let reply = client.send(Method::GET, &path, &[("x-forwarded-for", sender)], Bytes::new()).await;
        assert_eq!(reply.status, status, "{sender}");
    }
    assert_eq!(client.get(&path).await.body, "content");
    let registry = redirecting(Redirects::Never).start().await;
    let path = format!("/v2/a/blobs/{}", registry.seed_blob("a", b"content").await);
    assert_eq!(registry.client().get(&path).await.body, "content");
}

/// What cannot be had by an address can be had from here.
#[tokio::test]
async fn a_blob_without_an_address_is_sent() {
    let registry = redirecting(Redirects::Always).start().await;
    let client = registry.client();
    let path = format!("/v2/a/blobs/{}", registry.seed_blob("a", b"content").await);
    registry.storage_faults().fail_next(Step::Redirect, StoreErrorKind::Unavailable);
    assert_eq!(client.get(&path).await.body, "content");
    assert_eq!(client.get(&path).await.status, StatusCode::TEMPORARY_REDIRECT);
}

#[tokio::test]
async fn a_quarantined_blob_has_no_address() {
    let registry = redirecting(Redirects::Networks(vec!["10.0.0.0/8".parse().unwrap()])).start().await;
    let client = registry.client();
    let path = format!("/v2/a/blobs/{}", registry.seed_blob("a", b"content").await);
    let get = async |sender| client.send(Method::GET, &path, &[("x-forwarded-for", sender)], Bytes::new()).await;
    assert_eq!(get("10.1.2.3").await.status, StatusCode::TEMPORARY_REDIRECT);
    // Whoever gets the bytes from here notices that they are damaged.
    for _ in 0..2 {
        registry.storage_faults().fail_next(Step::Read, StoreErrorKind::Corrupt);
    }
    for sender in ["192.0.2.1", "10.1.2.3"] {
        let reply = get(sender).await;
        assert_eq!((reply.status, reply.header("location")), (StatusCode::NOT_FOUND, ""), "{sender}");
    }
}
