//! What the settings of S3's family have in common.

use registry_storage::driver::s3::{S3Credentials, S3Encryption};

use crate::config::{Secret, Variables};

/// Returns who the registry is: whom its key says, or whom its environment does.
pub(super) fn credentials(id: &Secret, key: &Secret, token: &Secret, environment: &Variables) -> S3Credentials {
    if id.is_empty() {
        let variables = environment.0.clone();
        return S3Credentials::Ambient { home: variables.get("HOME").map(Into::into), variables };
    }
    S3Credentials::Keys {
        access_key: id.expose().to_owned(),
        secret_key: key.expose().to_owned(),
        session_token: (!token.is_empty()).then(|| token.expose().to_owned()),
    }
}

/// Returns how objects are encrypted: by the key that is named, or by the store's own.
pub(super) fn encryption(is_asked_for: bool, key: &str) -> Option<S3Encryption> {
    match (is_asked_for, key) {
        (false, _) => None,
        (true, "") => Some(S3Encryption::Store),
        (true, key) => Some(S3Encryption::Kms(Some(key.to_owned()))),
    }
}

/// Returns the URL of an endpoint: of the one that is configured, or of the vendor's own host.
pub(super) fn endpoint(configured: &str, own: String, secure: bool) -> String {
    url(configured, secure).or_else(|| url(&own, secure)).unwrap_or_default()
}

/// Returns the URL of a host, `None` if none is configured. `secure` says how it is reached if it is a host alone.
pub(super) fn url(configured: &str, secure: bool) -> Option<String> {
    let scheme = if secure { "https" } else { "http" };
    match configured.trim_end_matches('/') {
        "" => None,
        url if url.contains("://") => Some(url.to_owned()),
        host => Some(format!("{scheme}://{host}")),
    }
}
