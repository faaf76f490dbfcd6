//! What clients have to show.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::{TlsError, files};

/// Who signs the certificates of clients, and whether clients need one.
#[derive(Debug, Clone)]
pub struct ClientCertificates {
    /// PEM files with the authorities' certificates.
    pub authorities: Vec<PathBuf>,
    /// What is asked of clients.
    pub mode: ClientAuth,
}

/// What is asked of clients, by the names of Go and distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// `request-client-cert`: a certificate is asked for, and any or none will do.
    Request,
    /// `require-any-client-cert`: a certificate is needed, whoever signed it.
    RequireAny,
    /// `verify-client-cert-if-given`: a certificate has to be signed by an authority, and is not needed.
    VerifyIfGiven,
    /// `require-and-verify-client-cert`: a certificate signed by an authority is needed.
    #[default]
    RequireAndVerify,
}

impl ClientAuth {
    /// Every name.
    pub const NAMES: [&'static str; 4] = [
        "request-client-cert",
        "require-any-client-cert",
        "verify-client-cert-if-given",
        "require-and-verify-client-cert",
    ];
    const ALL: [Self; 4] = [Self::Request, Self::RequireAny, Self::VerifyIfGiven, Self::RequireAndVerify];
}

impl FromStr for ClientAuth {
    type Err = TlsError;

    fn from_str(s: &str) -> Result<Self, TlsError> {
        let named = Self::NAMES.iter().position(|name| *name == s).map(|index| Self::ALL[index]);
        named.ok_or_else(|| TlsError::UnknownClientAuth { name: s.to_owned() })
    }
}

impl ClientCertificates {
    pub(super) fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let mut roots = RootCertStore::empty();
        for path in &self.authorities {
            for certificate in files::certificates(path)? {
                roots.add(certificate).map_err(|source| TlsError::Authority { path: path.clone(), source })?;
            }
        }
        let verified = || WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let any = |mandatory| Arc::new(AnyCertificate { mandatory, provider: Arc::clone(provider) });
        match self.mode {
            ClientAuth::Request => Ok(any(false)),
            ClientAuth::RequireAny => Ok(any(true)),
            ClientAuth::VerifyIfGiven => verified().allow_unauthenticated().build().map_err(TlsError::Verifier),
            ClientAuth::RequireAndVerify => verified().build().map_err(TlsError::Verifier),
        }
    }
}

/// Takes a certificate from whomever, as long as the client has its key.
#[derive(Debug)]
struct AnyCertificate {
    mandatory: bool,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
