//! TLS: protocols, versions, certificates that change, and certificates of clients.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use registry_http::server::{ClientAuth, ClientCertificates, Server, ServerConfig, ServerError, TlsConfig, TlsError};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::wire::{PATIENCE, Raw, Running, SHORT, get, http2, patient, start, text};

/// An authority, and what it signs for a test.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

/// A certificate with its key, in PEM.
struct Pair {
    certificate: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let certificate = params.self_signed(&key).unwrap();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    fn sign(&self, host: &str) -> Pair {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

/// The files of a server.
struct Files {
    directory: tempfile::TempDir,
}

impl Files {
    fn new(pair: &Pair) -> Self {
        let files = Self { directory: tempfile::tempdir().unwrap() };
        files.write(pair);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, pair: &Pair) {
        std::fs::write(self.path("tls.crt"), &pair.certificate).unwrap();
        std::fs::write(self.path("tls.key"), &pair.key).unwrap();
    }

    fn config(&self) -> TlsConfig {
        let config = TlsConfig::new(self.path("tls.crt"), self.path("tls.key"));
        TlsConfig { reload_interval: Duration::from_millis(5), ..config }
    }
}

fn with(tls: TlsConfig) -> ServerConfig {
    ServerConfig { tls: Some(tls), ..patient() }
}

/// What a client offers.
struct Client<'a> {
    trusts: &'a Authority,
    alpn: &'a [&'a [u8]],
    shows: Option<&'a Pair>,
    versions: &'a [&'static rustls::SupportedProtocolVersion],
}

impl<'a> Client<'a> {
    fn of(trusts: &'a Authority) -> Self {
        Self { trusts, alpn: &[], shows: None, versions: rustls::ALL_VERSIONS }
    }

    async fn connect(&self, running: &Running, host: &'static str) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.trusts.certificate.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(self.versions).unwrap();
        let builder = builder.with_root_certificates(roots);
        let mut config = match self.shows {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let chain = vec![CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap()];
                builder
                    .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap())
                    .unwrap()
            }
        };
        config.alpn_protocols = self.alpn.iter().map(|protocol| protocol.to_vec()).collect();
        let stream = TcpStream::connect(running.address).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(host).unwrap(), stream).await
    }

    /// Sends an HTTP/1.1 request and returns the answer. With TLS 1.3 a refusal comes only now.
    async fn ask(&self, running: &Running, host: &'static str) -> std::io::Result<String> {
        let mut stream = self.connect(running, host).await?;
        stream.write_all(b"GET /info HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("an answer")?;
        Ok(answer)
    }
}

#[tokio::test]
async fn the_protocol_is_negotiated() {
    let authority = Authority::new("ca");
    let files = Files::new(&authority.sign("registry.test"));
    let running = start(with(files.config())).await;
    let client = Client { alpn: &[b"h2", b"http/1.1"], ..Client::of(&authority) };
    let stream = client.connect(&running, "registry.test").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let answer = text(http2(stream).await.send_request(get("https://a/info")).await.unwrap()).await;
    assert!(answer.ends_with("tls=true HTTP/2.0"), "{answer}");
    let answer = Client::of(&authority).ask(&running, "registry.test").await.unwrap();
    assert!(answer.ends_with("tls=true HTTP/1.1"), "{answer}");

    let running = start(ServerConfig { http2: false, ..with(files.config()) }).await;
    let stream = client.connect(&running, "registry.test").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn old_versions_are_refused() {
    let authority = Authority::new("ca");
    let files = Files::new(&authority.sign("registry.test"));
    let old = Client { versions: &[&rustls::version::TLS12], ..Client::of(&authority) };
    let running = start(with(files.config())).await;
    assert!(old.ask(&running, "registry.test").await.is_ok(), "TLS 1.2 is spoken by default");
    let running = start(with(TlsConfig { minimum_version: "tls1.3".parse().unwrap(), ..files.config() })).await;
    assert!(old.ask(&running, "registry.test").await.is_err());
    assert!(Client::of(&authority).ask(&running, "registry.test").await.is_ok());
    for version in ["tls1.0", "tls1.1", "ssl3", "1.2", ""] {
        assert!(matches!(version.parse::<registry_http::server::TlsVersion>(), Err(TlsError::UnknownVersion(_))));
    }
}

#[tokio::test]
async fn cipher_suites_are_narrowed() {
    let authority = Authority::new("ca");
    let files = Files::new(&authority.sign("registry.test"));
    let cipher_suites = vec!["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256".to_owned()];
    let running = start(with(TlsConfig { cipher_suites, ..files.config() })).await;
    let client = Client { versions: &[&rustls::version::TLS12], ..Client::of(&authority) };
    let stream = client.connect(&running, "registry.test").await.unwrap();
    let suite = stream.get_ref().1.negotiated_cipher_suite().unwrap().suite();
    assert_eq!(suite, rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256);
}

#[tokio::test]
async fn changed_files_are_used_and_broken_ones_are_not() {
    let authority = Authority::new("ca");
    let files = Files::new(&authority.sign("one.test"));
    let running = start(with(files.config())).await;
    let client = Client::of(&authority);
    assert!(client.ask(&running, "one.test").await.is_ok());

    files.write(&authority.sign("two.test"));
    let replaced = async { while client.ask(&running, "two.test").await.is_err() {} };
    timeout(PATIENCE, replaced).await.expect("the new certificate is used");
    assert!(client.ask(&running, "one.test").await.is_err());

    // A key that does not belong to the certificate, as while both are being replaced.
    std::fs::write(files.path("tls.key"), authority.sign("three.test").key).unwrap();
    tokio::time::sleep(SHORT).await;
    assert!(client.ask(&running, "two.test").await.is_ok(), "the certificate before stays in use");
    std::fs::write(files.path("tls.crt"), "nonsense").unwrap();
    tokio::time::sleep(SHORT).await;
    assert!(client.ask(&running, "two.test").await.is_ok());

    files.write(&authority.sign("four.test"));
    let repaired = async { while client.ask(&running, "four.test").await.is_err() {} };
    timeout(PATIENCE, repaired).await.expect("the repaired files are used");
}

#[tokio::test]
async fn unusable_files_are_errors_at_the_start() {
    let authority = Authority::new("ca");
    let files = Files::new(&authority.sign("registry.test"));
    let bind = async |config: TlsConfig| match Server::bind(with(config)).await {
        Err(ServerError::Tls(error)) => error,
        other => panic!("{other:?}"),
    };
    let missing = bind(TlsConfig { certificate: files.path("none"), ..files.config() }).await;
    assert!(missing.to_string().contains("/none`"), "{missing}");
    assert!(matches!(missing, TlsError::Read { .. }), "{missing:?}");
    let swapped = TlsConfig { certificate: files.path("tls.key"), key: files.path("tls.crt"), ..files.config() };
    let swapped = bind(swapped).await;
    assert!(matches!(swapped, TlsError::Pem { .. }), "{swapped:?}");
    let unknown = bind(TlsConfig { cipher_suites: vec!["NULL".to_owned()], ..files.config() }).await;
    assert!(matches!(unknown, TlsError::UnknownCipherSuite { .. }), "{unknown:?}");
    std::fs::write(files.path("tls.key"), authority.sign("other.test").key).unwrap();
    let foreign = bind(files.config()).await;
    assert!(matches!(foreign, TlsError::KeyPair { .. }), "{foreign:?}");
}

#[tokio::test]
async fn clients_show_what_is_asked_of_them() {
    let (authority, clients, strangers) =
        (Authority::new("ca"), Authority::new("clients"), Authority::new("strangers"));
    let files = Files::new(&authority.sign("registry.test"));
    std::fs::write(files.path("clients.pem"), clients.certificate.pem()).unwrap();
    let (known, unknown) = (clients.sign("client"), strangers.sign("client"));
    for (mode, nothing, stranger) in [
        ("request-client-cert", true, true),
        ("require-any-client-cert", false, true),
        ("verify-client-cert-if-given", true, false),
        ("require-and-verify-client-cert", false, false),
    ] {
        let certificates =
            ClientCertificates { authorities: vec![files.path("clients.pem")], mode: mode.parse().unwrap() };
        let running = start(with(TlsConfig { clients: Some(certificates), ..files.config() })).await;
        for (shows, accepted) in [(None, nothing), (Some(&unknown), stranger), (Some(&known), true)] {
            for versions in [&[&rustls::version::TLS12][..], &[&rustls::version::TLS13]] {
                let client = Client { shows, versions, ..Client::of(&authority) };
                let answer = client.ask(&running, "registry.test").await;
                assert_eq!(answer.is_ok(), accepted, "{mode} {} {answer:?}", shows.is_some());
            }
        }
    }
    assert!("verify".parse::<ClientAuth>().unwrap_err().to_string().contains("verify-client-cert-if-given"));
    assert_eq!(ClientAuth::default(), "require-and-verify-client-cert".parse().unwrap());
}

#[tokio::test]
async fn a_handshake_without_end_is_not_waited_for() {
    let authority = Authority::new("ca");
    let files = Files::new(&authority.sign("registry.test"));
    let mut config = with(files.config());
    config.deadlines.tls_handshake = SHORT;
    config.deadlines.header = SHORT;
    let running = start(config).await;
    let mut silent = Raw::connect(running.address).await;
    assert_eq!(silent.read_to_end().await, "");
    let mut partial = Raw::connect(running.address).await;
    partial.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await;
    assert_eq!(partial.read_to_end().await, "");
    // Behind a whole handshake, the first head has its deadline.
    let mut mute = Client::of(&authority).connect(&running, "registry.test").await.unwrap();
    let mut nothing = Vec::new();
    let _ = timeout(PATIENCE, mute.read_to_end(&mut nothing)).await.expect("the server closes the connection");
    assert!(nothing.is_empty());
}

#[tokio::test]
async fn plain_text_is_not_answered_on_an_encrypted_address() {
    let authority = Authority::new("ca");
    let files = Files::new(&authority.sign("registry.test"));
    let running = start(with(files.config())).await;
    let answer = crate::wire::exchange(running.address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(!answer.contains("hello"), "{answer}");
}
