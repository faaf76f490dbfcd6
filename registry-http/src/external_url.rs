//! The URL under which clients see the registry.

use std::fmt;
use std::str::FromStr;

use http::uri::{Authority, Scheme, Uri};

use crate::client_address::ClientAddress;

/// Scheme, host and, behind a proxy that maps the registry below a path, that path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalUrl {
    scheme: Scheme,
    authority: Authority,
    /// Begins with a slash and does not end with one, or is empty.
    base_path: String,
}

/// Why a text is not the URL of a registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the URL of a registry; expected something like `https://registry.example.com`")]
pub struct ExternalUrlError(String);

impl ExternalUrl {
    /// Returns what the client of a request sees, if it said which host it speaks to.
    pub fn of_client(client: &ClientAddress<'_>) -> Option<Self> {
        let authority = client.authority()?;
        Some(Self { scheme: client.scheme.clone(), authority, base_path: String::new() })
    }

    /// Returns the scheme.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Returns the host, with a port if it is not the scheme's.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Returns the URL of a path that begins with a slash and may have a query.
    pub fn join(&self, path_and_query: &str) -> String {
        format!("{self}{path_and_query}")
    }
}

impl fmt::Display for ExternalUrl {
    /// Writes the URL without a slash at its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.base_path)
    }
}

impl FromStr for ExternalUrl {
    type Err = ExternalUrlError;

    fn from_str(s: &str) -> Result<Self, ExternalUrlError> {
        let error = || ExternalUrlError(s.to_owned());
        let parts = s.parse::<Uri>().map_err(|_| error())?.into_parts();
        let scheme = parts.scheme.filter(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS);
        let authority = parts.authority.filter(|authority| !authority.as_str().contains('@'));
        let path = parts.path_and_query.filter(|path| path.query().is_none());
        let base_path = path.ok_or_else(error)?.path().trim_end_matches('/').to_owned();
        Ok(Self { scheme: scheme.ok_or_else(error)?, authority: authority.ok_or_else(error)?, base_path })
    }
}

#[cfg(test)]
mod tests {
    use http::header::{HOST, HeaderMap, HeaderValue};

    use super::*;
    use crate::client_address::TrustedProxies;
    use crate::server::{ConnectionInfo, PeerAddress};

    #[test]
    fn a_configured_url_keeps_its_path() {
        let join = |url: &str| url.parse::<ExternalUrl>().unwrap().join("/v2/a?n=1");
        assert_eq!(join("https://registry.example"), "https://registry.example/v2/a?n=1");
        assert_eq!(join("http://[::1]:5000/"), "http://[::1]:5000/v2/a?n=1");
        assert_eq!(join("https://registry.example/images/"), "https://registry.example/images/v2/a?n=1");
    }

    #[test]
    fn what_is_no_url_of_a_registry_is_refused() {
        for text in
            ["", "registry.example", "/v2/", "ftp://a", "https://", "https://u:p@a", "https://a/?b", "https://a b"]
        {
            assert!(text.parse::<ExternalUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_client_sees_what_it_asked_for() {
        let connection = ConnectionInfo { peer: PeerAddress::Unknown, tls: true };
        let seen = |headers: &HeaderMap| {
            let target = Uri::from_static("/v2/");
            let client = ClientAddress::of(&TrustedProxies::default(), &connection, &target, headers);
            ExternalUrl::of_client(&client).map(|url| url.to_string())
        };
        let host = HeaderMap::from_iter([(HOST, HeaderValue::from_static("r.example:8443"))]);
        assert_eq!(seen(&host).as_deref(), Some("https://r.example:8443"));
        assert_eq!(seen(&HeaderMap::new()), None);
    }
}
