//! Whom a server's certificate has to be signed by.

use std::error::Error;
use std::io;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::config::TlsConfig;
use crate::error::OpenError;

/// Reads the certificates of the authorities. There is none where the well-known ones are to be trusted.
///
/// # Errors
/// `Certificates` if a file cannot be read, or has none.
pub(crate) fn authorities(config: &TlsConfig) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let mut authorities = Vec::new();
    for path in &config.authorities {
        let failed = |source| OpenError::Certificates { path: path.clone(), source };
        let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
        let found = found.map_err(|error| failed(error.into()))?;
        if found.is_empty() {
            return Err(failed("it has no certificate".into()));
        }
        authorities.extend(found);
    }
    Ok(authorities)
}

/// Tells whether a connection failed because of the server's certificate, which will be the same next time.
pub(super) fn is_untrusted(error: &(dyn Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return matches!(error, rustls::Error::InvalidCertificate(_));
    }
    // What an I/O error wraps is not its source.
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    match wrapped {
        Some(wrapped) => is_untrusted(wrapped),
        None => error.source().is_some_and(is_untrusted),
    }
}
