//! TLS with certificates that are loaded again when their files change.
//!
//! The cryptography comes from one provider that is passed explicitly: a program that embeds this crate keeps its own
//! choice of a process-wide provider.

mod cipher_suites;
mod client_certificates;
mod files;

use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::server::VerifierBuilderError;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub use client_certificates::{ClientAuth, ClientCertificates};

use files::Stamp;

/// How connections are encrypted.
#[derive(Debug, Clone)]
pub struct TlsConfig {
    /// A PEM file with the server's certificate, followed by those that lead to its issuer.
    pub certificate: PathBuf,
    /// A PEM file with the private key of the first certificate.
    pub key: PathBuf,
    /// The oldest version of the protocol that is spoken.
    pub minimum_version: TlsVersion,
    /// The names of the cipher suites to use, as IANA and Go write them; all secure ones if it is empty. As in Go, the
    /// suites of TLS 1.3 stay in use where none of them is named.
    pub cipher_suites: Vec<String>,
    /// What clients have to show. None: nothing.
    pub clients: Option<ClientCertificates>,
    /// How often the files are looked at for changes.
    pub reload_interval: Duration,
}

impl TlsConfig {
    /// Uses a certificate and its key, with every other choice at its default.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            minimum_version: TlsVersion::Tls12,
            cipher_suites: Vec::new(),
            clients: None,
            reload_interval: Duration::from_secs(5),
        }
    }
}

/// A version of TLS. Those before 1.2 are insecure (RFC 8996) and not spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl FromStr for TlsVersion {
    type Err = TlsError;

    fn from_str(s: &str) -> Result<Self, TlsError> {
        match s {
            "tls1.2" => Ok(Self::Tls12),
            "tls1.3" => Ok(Self::Tls13),
            _ => Err(TlsError::UnknownVersion(s.to_owned())),
        }
    }
}

/// Why TLS cannot be used as configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The minimum version is not one that is spoken.
    #[error("TLS version `{0}` is not supported; expected tls1.2 or tls1.3")]
    UnknownVersion(String),
    /// The way to authenticate clients is not known.
    #[error("client authentication `{name}` is unknown; expected {}", ClientAuth::NAMES.join(", "))]
    UnknownClientAuth {
        /// What was configured.
        name: String,
    },
    /// A cipher suite is not one that is offered.
    #[error("cipher suite `{name}` is not supported; expected {}", .known.join(", "))]
    UnknownCipherSuite {
        /// What was configured.
        name: String,
        /// What is supported.
        known: Vec<String>,
    },
    /// A file cannot be read.
    #[error("cannot read `{}`", .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds none of what it should.
    #[error("`{}` has no {expected} in PEM form", .path.display())]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
        /// What is wrong with it.
        source: rustls_pki_types::pem::Error,
    },
    /// A certificate of a client authority is malformed.
    #[error("`{}` has a certificate that cannot be used as an authority", .path.display())]
    Authority {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The authorities cannot be used to verify clients.
    #[error("the client authorities cannot be used")]
    Verifier(#[source] VerifierBuilderError),
    /// The certificate and the key do not fit together, or one of them is of an unsupported kind.
    #[error("the certificate `{}` and the key `{}` cannot be used", .certificate.display(), .key.display())]
    KeyPair {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// What connections are accepted with.
pub(super) struct Tls {
    config: TlsConfig,
    http2: bool,
    loaded: RwLock<Loaded>,
}

struct Loaded {
    current: Arc<ServerConfig>,
    /// Of the files when they were last tried.
    stamp: Stamp,
}

impl Tls {
    pub(super) fn load(config: TlsConfig, http2: bool) -> Result<Self, TlsError> {
        // Taken before the files are read: a change in between is seen as one.
        let stamp = Stamp::of(&config);
        let current = files::load(&config, http2)?;
        Ok(Self { config, http2, loaded: RwLock::new(Loaded { current, stamp }) })
    }

    pub(super) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        let current = Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner).current);
        TlsAcceptor::from(current).accept(stream).await
    }

    /// Loads the files again whenever they change, for ever.
    pub(super) async fn keep_fresh(self: &Arc<Self>) {
        loop {
            tokio::time::sleep(self.config.reload_interval).await;
            let this = Arc::clone(self);
            // A panic would have been one of the file system's calls; the next round tries again.
            let _ = tokio::task::spawn_blocking(move || this.refresh()).await;
        }
    }

    /// Loads the files again if they changed. Files that cannot be used leave what was loaded before in use, and are
    /// not tried again until they change once more.
    fn refresh(&self) {
        let stamp = Stamp::of(&self.config);
        if stamp == self.loaded.read().unwrap_or_else(PoisonError::into_inner).stamp {
            return;
        }
        let result = files::load(&self.config, self.http2);
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        loaded.stamp = stamp;
        match result {
            Ok(config) => {
                loaded.current = config;
                tracing::info!(certificate = %self.config.certificate.display(), "certificate loaded again");
            }
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the changed certificate cannot be used; the one before stays in use"
            ),
        }
    }
}
