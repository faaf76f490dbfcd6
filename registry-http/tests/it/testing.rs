//! The test registry itself.

use std::sync::Arc;

use http::{Method, StatusCode};
use registry_http::testing::TestRegistry;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

#[tokio::test]
async fn requests_are_remembered_and_fail_on_demand() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    registry.requests().fail_next(Method::GET, "/tags/", StatusCode::BAD_GATEWAY);
    assert_eq!(client.get("/v2/").await.status, StatusCode::OK);
    assert_eq!(client.get("/v2/a/tags/list").await.status, StatusCode::BAD_GATEWAY);
    assert_eq!(client.get("/v2/a/tags/list").await.status, StatusCode::NOT_FOUND);
    let paths: Vec<String> = registry.requests().seen().into_iter().map(|(_, path)| path).collect();
    assert_eq!(paths, ["/v2/", "/v2/a/tags/list", "/v2/a/tags/list"]);
}

#[tokio::test]
async fn a_dropped_registry_stops() {
    let registry = TestRegistry::start().await;
    let address = registry.address();
    drop(registry);
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn tls_is_vouched_for_by_the_certificate_that_it_names() {
    let registry = TestRegistry::builder().tls().start().await;
    assert_eq!(registry.url(), format!("https://{}", registry.host()));
    let mut roots = RootCertStore::empty();
    let certificate = registry.ca_certificate().expect("a registry with TLS has one");
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(registry.address()).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}
