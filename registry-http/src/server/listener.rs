//! The sockets that a server listens on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::task::{Context, Poll, ready};

use tokio::net::{TcpListener, TcpSocket, UnixListener, lookup_host};

use super::address::ListenAddress;
use super::error::ServerError;
use super::peer::PeerAddress;
use super::transport::ByteStream;

/// How many connections the operating system holds until they are accepted. It may have a lower bound itself.
const BACKLOG: u32 = 4096;

pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

impl Listener {
    pub(super) async fn bind(address: &ListenAddress) -> Result<Self, ServerError> {
        match address {
            ListenAddress::Tcp { host, port } => bind_tcp(host, *port).await.map(Self::Tcp),
            ListenAddress::Unix(path) => bind_unix(path),
        }
        .map_err(|refusal| match refusal {
            Refusal::NotASocket(path) => ServerError::NotASocket(path),
            Refusal::Io(error) if error.kind() == io::ErrorKind::AddrInUse => ServerError::InUse(address.clone()),
            Refusal::Io(source) => ServerError::Listen { address: address.clone(), source },
        })
    }

    /// Tells where it listens, with the port that the operating system chose.
    pub(super) fn address(&self) -> io::Result<ListenAddress> {
        match self {
            Self::Tcp(listener) => {
                let address = listener.local_addr()?;
                Ok(ListenAddress::Tcp { host: address.ip().to_string(), port: address.port() })
            }
            Self::Unix(_, file) => Ok(ListenAddress::Unix(file.path.clone())),
        }
    }

    pub(super) fn poll_accept(
        &self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(Box<dyn ByteStream>, PeerAddress)>> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = ready!(listener.poll_accept(context))?;
                // Answers are written whole; to wait for more before a packet is sent only delays them.
                stream.set_nodelay(true)?;
                Poll::Ready(Ok((Box::new(stream), PeerAddress::tcp(address))))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = ready!(listener.poll_accept(context))?;
                Poll::Ready(Ok((Box::new(stream), PeerAddress::Unix)))
            }
        }
    }
}

enum Refusal {
    NotASocket(PathBuf),
    Io(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

async fn bind_tcp(host: &str, port: u16) -> Result<TcpListener, Refusal> {
    let addresses: Vec<SocketAddr> = if host.is_empty() {
        // A socket on the unspecified IPv6 address takes IPv4 too; without IPv6, IPv4 alone is left.
        [IpAddr::from(Ipv6Addr::UNSPECIFIED), Ipv4Addr::UNSPECIFIED.into()].map(|ip| (ip, port).into()).to_vec()
    } else {
        lookup_host((host, port)).await?.collect()
    };
    let mut refused = None;
    for address in addresses {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            // Elsewhere the port may be free, but clients would reach who has it here.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error.into()),
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address")).into())
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of a former process that are still being torn down do not keep its successor out.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn bind_unix(path: &Path) -> Result<Listener, Refusal> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(Refusal::NotASocket(path.to_owned())),
        // The file outlives a process that was killed. Only a socket that refuses has nobody behind it.
        Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
            _ => return Err(io::Error::from(io::ErrorKind::AddrInUse).into()),
        },
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    let made = std::fs::symlink_metadata(path)?;
    Ok(Listener::Unix(listener, SocketFile { path: path.to_owned(), id: (made.dev(), made.ino()) }))
}

/// The file of a Unix socket, removed on drop if it is still ours.
pub(super) struct SocketFile {
    path: PathBuf,
    id: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = std::fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.id);
        if ours && let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), error = &error as &dyn std::error::Error, "socket not removed");
        }
    }
}
