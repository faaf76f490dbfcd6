//! Why a server cannot start.

use std::io;
use std::path::PathBuf;

use super::address::ListenAddress;
use super::tls::TlsError;

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// No address to listen on is configured.
    #[error("no address to listen on is given")]
    NoAddress,
    /// Somebody else listens there.
    #[error("address `{0}` is in use; stop the process that listens there, or choose another address")]
    InUse(ListenAddress),
    /// The path of a Unix socket is taken by something that is no socket.
    #[error("`{0}` exists and is not a socket; remove it, or choose another path for the socket")]
    NotASocket(PathBuf),
    /// The operating system refuses the address.
    #[error("cannot listen on `{address}`")]
    Listen {
        /// Where.
        address: ListenAddress,
        /// Why.
        source: io::Error,
    },
    /// The certificates or what goes with them are unusable.
    #[error(transparent)]
    Tls(#[from] TlsError),
}
