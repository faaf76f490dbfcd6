//! TLS for the client, and the certificate that all servers show.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The files of a certificate for loopback.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// What a client needs to trust it.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    config: Arc<ClientConfig>,
}

/// Writes a new certificate into a directory.
///
/// # Errors
/// If it cannot be made or written.
pub(crate) fn create(directory: &Path) -> io::Result<(Certificate, Client)> {
    let made = rcgen::generate_simple_self_signed([LOOPBACK.to_string()]).map_err(io::Error::other)?;
    let files = Certificate { certificate: directory.join("certificate.pem"), key: directory.join("key.pem") };
    fs::write(&files.certificate, made.cert.pem())?;
    fs::write(&files.key, made.signing_key.serialize_pem())?;

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok((files, Client { config: Arc::new(config) }))
}

impl Client {
    /// Makes TLS of a connection to loopback.
    ///
    /// # Errors
    /// What the TLS library says. The handshake takes place with the first bytes.
    pub(crate) fn connect(&self, socket: TcpStream) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let connection =
            ClientConnection::new(Arc::clone(&self.config), ServerName::from(LOOPBACK)).map_err(io::Error::other)?;
        Ok(StreamOwned::new(connection, socket))
    }
}
