//! What a server is told.

use std::time::Duration;

use super::address::ListenAddress;
use super::pace::Pace;
use super::tls::TlsConfig;

/// Where and how a server takes requests.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where it listens; at least one address.
    pub listen: Vec<ListenAddress>,
    /// TLS on every address. None: plain text.
    pub tls: Option<TlsConfig>,
    /// Offers HTTP/2 to TLS clients (ALPN).
    pub http2: bool,
    /// Takes HTTP/2 without TLS from clients that begin with it ("prior knowledge"). Has no effect with TLS.
    pub h2c: bool,
    /// Sends files over plain HTTP/1 by the kernel, without copying them. The service's bodies have to go out as they
    /// are then: an answer whose body was changed on its way, say by a compression, is broken off.
    pub send_files: bool,
    /// How long a peer may take.
    pub deadlines: Deadlines,
    /// How much a peer may take.
    pub limits: Limits,
}

impl ServerConfig {
    /// Listens on one address in plain text, with every other choice at its default.
    pub fn new(listen: ListenAddress) -> Self {
        Self {
            listen: vec![listen],
            tls: None,
            http2: true,
            h2c: false,
            send_files: false,
            deadlines: Deadlines::default(),
            limits: Limits::default(),
        }
    }
}

/// How long a peer may take.
#[derive(Debug, Clone)]
pub struct Deadlines {
    /// For the TLS handshake.
    pub tls_handshake: Duration,
    /// From the first byte of a request's head to its last, and from the beginning of a connection to the end of its
    /// first head.
    pub header: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// The pace of bodies, in each direction.
    pub body: Pace,
    /// How long requests in flight may take to finish once the server stops; then they are cut.
    pub drain: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            tls_handshake: Duration::from_secs(10),
            header: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            body: Pace::default(),
            drain: Duration::from_secs(30),
        }
    }
}

/// How much a peer may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How many connections are served at a time. More of them wait, not accepted, in the operating system's queue,
    /// which has its own bound: a burst is slowed down, not turned away.
    pub connections: usize,
    /// The longest request head in bytes, with the request line. A request may have 100 headers.
    pub header_bytes: u32,
    /// How many requests one HTTP/2 connection may have in flight.
    pub concurrent_streams: u32,
}

/// The most that is read from a connection at once. More is no faster: it does not stay in the processor's nearest caches.
const MOST_READ_BYTES: usize = 128 * 1024;
/// What connections read at once together: 32 of them read the most.
const SHARED_READ_BYTES: usize = 4 * 1024 * 1024;

impl Limits {
    /// Tells how much to read at once from one of so many connections, which is also the memory that it takes as long as a
    /// reader holds any of it. A whole head fits in.
    pub(super) fn read_bytes(&self, connections: usize) -> usize {
        let head_bytes = (self.header_bytes as usize).max(8 * 1024);
        (SHARED_READ_BYTES / connections.max(1)).min(MOST_READ_BYTES).max(head_bytes)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 16_384, header_bytes: 64 * 1024, concurrent_streams: 100 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_connections_read_less_at_once_and_always_a_whole_head() {
        let limits = Limits::default();
        let head_bytes = limits.header_bytes as usize;
        for (connections, bytes) in [(0, MOST_READ_BYTES), (32, MOST_READ_BYTES), (48, 87_381), (5000, head_bytes)] {
            assert_eq!(limits.read_bytes(connections), bytes, "{connections}");
        }
        assert_eq!(Limits { header_bytes: 1 << 20, ..Limits::default() }.read_bytes(1), 1 << 20);
    }
}
