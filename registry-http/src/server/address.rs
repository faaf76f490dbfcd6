//! Where a server listens.

use std::fmt;
use std::path::PathBuf;

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// A host name or IP address and a port. An empty host is every interface, as Go writes it; port 0 lets the
    /// operating system choose.
    Tcp {
        /// Without the brackets of an IPv6 address.
        host: String,
        /// The port.
        port: u16,
    },
    /// A Unix socket. It is created at start and removed at the end.
    Unix(PathBuf),
}

/// Why a text is not an address to listen on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("listen address `{0}` is malformed; expected `host:port`, `[ipv6]:port`, or `:port` for every interface")]
pub struct AddressError(String);

impl ListenAddress {
    /// Parses `host:port`, `[ipv6]:port` or `:port`.
    ///
    /// # Errors
    /// If the text is none of these.
    pub fn tcp(text: &str) -> Result<Self, AddressError> {
        let malformed = || AddressError(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(malformed)?;
        let port = port.parse().map_err(|_| malformed())?;
        let host = match host.strip_prefix('[') {
            Some(host) => host.strip_suffix(']').filter(|host| host.contains(':')).ok_or_else(malformed)?,
            None if host.contains([':', ']', '/', ' ']) => return Err(malformed()),
            None => host,
        };
        Ok(Self::Tcp { host: host.to_owned(), port })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_as_go_writes_them() {
        for text in [":5000", "localhost:5000", "127.0.0.1:0", "[::1]:443", "[::]:5000", "registry.example:65535"] {
            assert_eq!(ListenAddress::tcp(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["", "5000", "localhost", "localhost:", "host:http", ":65536", "::1:5000", "[::1]", "[host]:1", "a b:1"]
        {
            assert!(ListenAddress::tcp(text).is_err(), "{text}");
        }
    }
}
