//! Who is at the other end of a connection.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The address of the peer of a connection, which may be a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeerAddress {
    /// A TCP peer. An IPv4 address is never in its IPv6-mapped form.
    Tcp(SocketAddr),
    /// A local process on a Unix socket.
    Unix,
    /// Not known: the request came by a server that does not say.
    Unknown,
}

impl PeerAddress {
    /// Takes the address of a TCP peer.
    pub fn tcp(address: SocketAddr) -> Self {
        // A listener on every interface sees IPv4 peers as ::ffff:a.b.c.d, which no IPv4 network would contain.
        Self::Tcp(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }

    /// Returns the IP address, if the peer has one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip()),
            Self::Unix | Self::Unknown => None,
        }
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// What is known about the connection that a request came on: an extension of every request that a
/// [`Server`](super::Server) hands to its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// Who is at the other end.
    pub peer: PeerAddress,
    /// The connection is encrypted.
    pub tls: bool,
}

impl Default for ConnectionInfo {
    /// Of a request that came by another server than ours.
    fn default() -> Self {
        Self { peer: PeerAddress::Unknown, tls: false }
    }
}
