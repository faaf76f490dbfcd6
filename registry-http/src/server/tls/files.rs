//! From the configured files to what rustls wants.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls_pki_types::pem::{Error as PemError, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{TlsConfig, TlsError, TlsVersion, cipher_suites};
use crate::file_stamp::FileStamp;

/// What tells changed files from unchanged ones.
#[derive(PartialEq, Eq)]
pub(super) struct Stamp(Vec<Option<FileStamp>>);

impl Stamp {
    pub(super) fn of(config: &TlsConfig) -> Self {
        let authorities = config.clients.iter().flat_map(|clients| &clients.authorities);
        let files = [&config.certificate, &config.key].into_iter().chain(authorities);
        Self(files.map(|path| FileStamp::of(path)).collect())
    }
}

pub(super) fn load(config: &TlsConfig, http2: bool) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = CryptoProvider {
        cipher_suites: cipher_suites::choose(&config.cipher_suites)?,
        ..rustls::crypto::aws_lc_rs::default_provider()
    };
    let provider = Arc::new(provider);
    let versions: &[_] = match config.minimum_version {
        TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::Tls13 => &[&rustls::version::TLS13],
    };
    let key_pair =
        |source| TlsError::KeyPair { certificate: config.certificate.clone(), key: config.key.clone(), source };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(key_pair)?;
    let builder = match &config.clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(clients.verifier(&provider)?),
    };
    let key = PrivateKeyDer::from_pem_slice(&read(&config.key)?).map_err(|source| TlsError::Pem {
        path: config.key.clone(),
        expected: "private key",
        source,
    })?;
    let mut built = builder.with_single_cert(certificates(&config.certificate)?, key).map_err(key_pair)?;
    built.alpn_protocols = if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    Ok(Arc::new(built))
}

/// Reads every certificate of a PEM file, of which there is at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = |source| TlsError::Pem { path: path.to_owned(), expected: "certificate", source };
    let found = CertificateDer::pem_slice_iter(&read(path)?).collect::<Result<Vec<_>, _>>().map_err(pem)?;
    if found.is_empty() { Err(pem(PemError::NoItemsFound)) } else { Ok(found) }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: PathBuf::from(path), source })
}
