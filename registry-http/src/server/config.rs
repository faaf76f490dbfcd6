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

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 16_384, header_bytes: 64 * 1024, concurrent_streams: 100 }
    }
}
