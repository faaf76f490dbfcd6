//! How connections are encrypted.

use std::path::{Path, PathBuf};

use registry_http::server;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::Unsupported;

/// TLS. It is used when a certificate is given.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// The file with the certificate and those of its issuers, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// The file with the certificate's key, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Files with the certificates that clients' certificates must be issued by, in PEM. Default: clients need none.
    pub clientcas: Vec<PathBuf>,
    /// What is asked of clients when `http.tls.clientcas` is given.
    pub clientauth: ClientAuth,
    /// The lowest version that is spoken.
    pub minimumtls: MinimumTls,
    /// The cipher suites that may be used, by their IANA names. Default: all that are supported.
    pub ciphersuites: Vec<CipherSuite>,
    /// Certificates from Let's Encrypt. Not supported yet.
    #[serde(skip_serializing)]
    pub letsencrypt: Unsupported,
}

impl TlsConfig {
    /// Returns the files of certificate and key, if TLS is to be used.
    pub fn key_pair(&self) -> Option<(&Path, &Path)> {
        Some((self.certificate.as_deref()?, self.key.as_deref()?))
    }
}

/// What is asked of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuth {
    /// A certificate is asked for, and none is needed; one that is shown is not verified.
    RequestClientCert,
    /// A certificate is needed, and not verified.
    RequireAnyClientCert,
    /// A certificate that is shown is verified, and none is needed.
    VerifyClientCertIfGiven,
    /// A certificate is needed and verified.
    #[default]
    RequireAndVerifyClientCert,
}

impl From<ClientAuth> for server::ClientAuth {
    fn from(mode: ClientAuth) -> Self {
        match mode {
            ClientAuth::RequestClientCert => Self::Request,
            ClientAuth::RequireAnyClientCert => Self::RequireAny,
            ClientAuth::VerifyClientCertIfGiven => Self::VerifyIfGiven,
            ClientAuth::RequireAndVerifyClientCert => Self::RequireAndVerify,
        }
    }
}

/// The lowest version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum MinimumTls {
    /// TLS 1.2.
    #[default]
    #[serde(rename = "tls1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "tls1.3")]
    Tls13,
}

impl From<MinimumTls> for server::TlsVersion {
    fn from(version: MinimumTls) -> Self {
        match version {
            MinimumTls::Tls12 => Self::Tls12,
            MinimumTls::Tls13 => Self::Tls13,
        }
    }
}

/// A cipher suite that is considered safe, by its IANA name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(non_camel_case_types, missing_docs, reason = "the variants are IANA's names")]
pub enum CipherSuite {
    TLS_AES_128_GCM_SHA256,
    TLS_AES_256_GCM_SHA384,
    TLS_CHACHA20_POLY1305_SHA256,
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

impl CipherSuite {
    /// Returns the IANA name.
    pub fn name(self) -> String {
        format!("{self:?}")
    }
}
