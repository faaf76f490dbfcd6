use bytes::Bytes;
use http::{Method, StatusCode};
use registry_http::ServiceConfig;
use registry_http::testing::TestRegistry;

use crate::snapshot::assert_reply;

#[tokio::test]
async fn the_base_tells_that_the_api_is_spoken_here() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    assert_reply!("base", client.get("/v2/").await);
    assert_reply!("root", client.get("/").await);
    assert_eq!(client.get("/v2").await.status, StatusCode::OK);
    assert_reply!("base_head", client.send(Method::HEAD, "/v2/", &[], Bytes::new()).await);
}

#[tokio::test]
async fn a_head_has_the_status_and_the_headers_of_its_get() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let digest = registry.seed_image("a", "latest", &[b"layer"]).await;
    let blob = registry.seed_blob("a", b"0123456789").await;
    let empty = registry.seed_blob("a", b"").await;
    let upload =
        client.send(Method::POST, "/v2/a/blobs/uploads/", &[], Bytes::new()).await.header("location").to_owned();
    let paths = [
        "/".to_owned(),
        "/v2/".to_owned(),
        "/v2/_catalog?n=1".to_owned(),
        "/v2/_oci/ext/discover".to_owned(),
        "/v2/a/tags/list".to_owned(),
        "/v2/a/manifests/latest".to_owned(),
        format!("/v2/a/manifests/{digest}"),
        format!("/v2/a/blobs/{blob}"),
        format!("/v2/a/blobs/{empty}"),
        format!("/v2/a/referrers/{digest}"),
        upload,
        "/v2/none/tags/list".to_owned(),
        "/v3/".to_owned(),
    ];
    let known = format!("\"{blob}\", \"{digest}\"");
    for headers in
        [vec![], vec![("range", "bytes=1-3")], vec![("range", "bytes=99-")], vec![("if-none-match", &*known)]]
    {
        for path in &paths {
            let mut get = client.send(Method::GET, path, &headers, Bytes::new()).await;
            let mut head = client.send(Method::HEAD, path, &headers, Bytes::new()).await;
            for reply in [&mut get, &mut head] {
                reply.headers.remove("x-request-id");
                reply.headers.remove("date");
            }
            assert_eq!((head.status, head.headers), (get.status, get.headers), "{path} {headers:?}");
            assert_eq!(head.body, "");
        }
    }
}

#[tokio::test]
async fn extensions_are_discovered() {
    let registry = TestRegistry::start().await;
    assert_reply!("discover", registry.client().get("/v2/_oci/ext/discover").await);
    assert_reply!("discover_repository", registry.client().get("/v2/a/b/_oci/ext/discover").await);
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    assert_reply!("not_found", client.get("/v3/").await);
    assert_reply!("method_not_allowed", client.send(Method::POST, "/v2/", &[], Bytes::new()).await);
    assert_reply!("options", client.send(Method::OPTIONS, "/v2/a/manifests/b", &[], Bytes::new()).await);
    for path in ["//v2/", "/v2//_catalog", "/v2/./_catalog", "/V2/", "/v2/a", "/v2/a/", "/v2/_catalog/x"] {
        assert_eq!(client.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/v2/../etc/tags/list", "/v2/A/tags/list", "/v2/a/%2e%2e/b/tags/list", "/v2/a%00/tags/list"] {
        let reply = client.get(path).await;
        assert_eq!((reply.status, reply.error_code().as_str()), (StatusCode::BAD_REQUEST, "NAME_INVALID"), "{path}");
    }
}

#[tokio::test]
async fn a_prefix_stands_before_every_path() {
    let config = ServiceConfig { prefix: "/mirror".to_owned(), ..ServiceConfig::default() };
    let registry = TestRegistry::builder().config(config).start().await;
    let client = registry.client();
    assert_eq!(client.get("/mirror/v2/").await.status, StatusCode::OK);
    assert_eq!(client.get("/v2/").await.status, StatusCode::NOT_FOUND);
    let started = client.send(Method::POST, "/mirror/v2/a/blobs/uploads/", &[], Bytes::new()).await;
    assert!(started.header("location").starts_with("/mirror/v2/a/blobs/uploads/"), "{started:?}");
}

#[tokio::test]
async fn locations_are_whole_addresses_where_that_is_wanted() {
    let absolute = ServiceConfig { relative_urls: false, ..ServiceConfig::default() };
    let external = ServiceConfig { external_url: Some("https://r.example".parse().unwrap()), ..absolute.clone() };
    let relative = ServiceConfig { relative_urls: true, ..external.clone() };
    for (config, begin) in [(absolute, None), (external, Some("https://r.example")), (relative, Some(""))] {
        let registry = TestRegistry::builder().config(config).start().await;
        let begin = begin.map_or_else(|| registry.url(), str::to_owned);
        // A client that is not behind a trusted proxy cannot say what others see.
        let forged = [("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example")];
        let started = registry.client().send(Method::POST, "/v2/a/blobs/uploads/", &forged, Bytes::new()).await;
        let expected = format!("{begin}/v2/a/blobs/uploads/");
        assert!(started.header("location").starts_with(&expected), "{started:?}");
    }
}
