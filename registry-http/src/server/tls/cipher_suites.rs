//! The names of cipher suites.

use rustls::SupportedCipherSuite;
use rustls::crypto::aws_lc_rs::DEFAULT_CIPHER_SUITES;

use super::TlsError;

/// Narrows the default suites to the named ones, in the order of preference of the library.
///
/// # Errors
/// [`TlsError::UnknownCipherSuite`] for a name that is not among the default suites.
pub(super) fn choose(names: &[String]) -> Result<Vec<SupportedCipherSuite>, TlsError> {
    for name in names {
        if !DEFAULT_CIPHER_SUITES.iter().any(|suite| is_named(suite, name)) {
            let known = DEFAULT_CIPHER_SUITES.iter().map(iana_name).collect();
            return Err(TlsError::UnknownCipherSuite { name: name.clone(), known });
        }
    }
    let named = |suite: &SupportedCipherSuite| names.iter().any(|name| is_named(suite, name));
    let narrows_tls13 = DEFAULT_CIPHER_SUITES.iter().any(|suite| suite.tls13().is_some() && named(suite));
    let chosen = DEFAULT_CIPHER_SUITES
        .iter()
        .copied()
        .filter(|suite| names.is_empty() || named(suite) || (suite.tls13().is_some() && !narrows_tls13));
    Ok(chosen.collect())
}

fn is_named(suite: &SupportedCipherSuite, name: &str) -> bool {
    let iana = iana_name(suite);
    // Go has kept a short name for the ChaCha20 suites of TLS 1.2 from before they had a final one.
    iana == name || (suite.tls13().is_none() && iana.strip_suffix("_SHA256") == Some(name) && iana.contains("CHACHA20"))
}

/// The library marks the suites of TLS 1.3 in their names.
fn iana_name(suite: &SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[&str]) -> Vec<String> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        choose(&names).unwrap().iter().map(iana_name).collect()
    }

    #[test]
    fn names_narrow_the_default() {
        assert_eq!(chosen(&[]).len(), DEFAULT_CIPHER_SUITES.len());
        assert_eq!(chosen(&["TLS_AES_128_GCM_SHA256"]), ["TLS_AES_128_GCM_SHA256"]);
        let tls12 = chosen(&["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305"]);
        assert!(tls12.contains(&"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256".to_owned()));
        assert!(tls12.contains(&"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256".to_owned()));
        assert!(tls12.contains(&"TLS_AES_256_GCM_SHA384".to_owned()), "TLS 1.3 is not narrowed by suites of TLS 1.2");
        assert!(!tls12.contains(&"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256".to_owned()));
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = choose(&["TLS_RSA_WITH_AES_128_CBC_SHA".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`TLS_RSA_WITH_AES_128_CBC_SHA`"), "{error}");
        assert!(error.contains("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"), "{error}");
    }
}
