//! Takes connections and hands their requests to a service.
//!
//! A [`Server`] owns everything below a request: sockets, TLS, HTTP/1.1 and HTTP/2, deadlines, limits, and the end. It
//! knows nothing of registries. Everything that a peer controls is bounded:
//!
//! | what | bound |
//! |---|---|
//! | connections | [`Limits::connections`]; more of them wait in the operating system's queue |
//! | TLS handshake | [`Deadlines::tls_handshake`] |
//! | a request's head | [`Limits::header_bytes`] and 100 headers, within [`Deadlines::header`] |
//! | a request's body | [`Deadlines::body`], seen by the reader as `BodyError::TimedOut` |
//! | a response's body | [`Deadlines::body`], by connection (HTTP/1.1) and by stream (HTTP/2) |
//! | time between requests | [`Deadlines::idle`] |
//! | requests of one HTTP/2 connection | [`Limits::concurrent_streams`] |
//! | requests in flight at the end | [`Deadlines::drain`] |

mod activity;
mod address;
mod body;
mod config;
mod connection;
mod error;
mod listener;
mod pace;
mod peer;
pub(crate) mod send_file;
mod signal;
mod stream;
mod tls;
mod transport;

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

pub use address::{AddressError, ListenAddress};
pub use body::PacedBody;
pub use config::{Deadlines, Limits, ServerConfig};
pub use error::ServerError;
pub use pace::Pace;
pub use peer::{ConnectionInfo, PeerAddress};
pub use tls::{ClientAuth, ClientCertificates, TlsConfig, TlsError, TlsVersion};

use connection::Shared;
use listener::Listener;
use signal::Signal;
use tls::Tls;
use transport::ByteStream;

/// How long accepting pauses when the process has no file descriptor or memory left for one more connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// A server that listens, and serves once it is told with what.
///
/// Connections wait from [`bind`](Self::bind) on; dropping the server turns them away and removes Unix sockets.
pub struct Server {
    listeners: Vec<Listener>,
    addresses: Vec<ListenAddress>,
    shared: Arc<Shared>,
    connections: Gauge,
}

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServeOutcome {
    /// Every request in flight was answered.
    Drained,
    /// Some requests took longer than [`Deadlines::drain`] and were cut.
    Cut,
}

impl Server {
    /// Listens on every address and loads the certificates.
    ///
    /// # Errors
    /// If an address cannot be listened on or the TLS files cannot be used. Nothing is left behind then.
    pub async fn bind(config: ServerConfig) -> Result<Self, ServerError> {
        let ServerConfig { listen, tls, http2, h2c, send_files, deadlines, limits } = config;
        if listen.is_empty() {
            return Err(ServerError::NoAddress);
        }
        let tls = tls.map(|config| Tls::load(config, http2)).transpose()?.map(Arc::new);
        let mut listeners = Vec::with_capacity(listen.len());
        let mut addresses = Vec::with_capacity(listen.len());
        for address in &listen {
            let listener = Listener::bind(address).await?;
            let actual =
                listener.address().map_err(|source| ServerError::Listen { address: address.clone(), source })?;
            listeners.push(listener);
            addresses.push(actual);
        }
        let shared = Shared {
            tls,
            h2c,
            file_senders: send_files.then(send_file::FileSenders::new),
            deadlines,
            limits,
            tasks: TaskTracker::new(),
            stopping: Signal::default(),
            cut: Signal::default(),
        };
        Ok(Self { listeners, addresses, shared: Arc::new(shared), connections: Gauge::default() })
    }

    /// Keeps the number of open connections in `gauge`.
    pub fn count_connections(mut self, gauge: Gauge) -> Self {
        self.connections = gauge;
        self
    }

    /// Tells where it listens, in the order of the configuration, with the ports that the operating system chose.
    pub fn addresses(&self) -> &[ListenAddress] {
        &self.addresses
    }

    /// Returns the first TCP address, if there is one.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.addresses.iter().find_map(|address| match address {
            ListenAddress::Tcp { host, port } => Some(SocketAddr::new(host.parse::<IpAddr>().ok()?, *port)),
            ListenAddress::Unix(_) => None,
        })
    }

    /// Serves until `shutdown` resolves; then accepts no more, lets requests in flight finish until
    /// [`Deadlines::drain`], and cuts the rest.
    ///
    /// Every request has a [`ConnectionInfo`] extension. Dropping the returned future cuts every connection at once.
    pub async fn serve<S, B>(self, service: S, shutdown: impl Future<Output = ()>) -> ServeOutcome
    where
        S: Service<Request<PacedBody<Incoming>>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Self { listeners, shared, connections, .. } = self;
        let _cut_on_drop = shared.cut.give_on_drop();
        let accepting = accept_all(&listeners, &shared, &connections, service);
        let reloading = async {
            match &shared.tls {
                Some(tls) => tls.keep_fresh().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shutdown => {}
            () = accepting => {}
            () = reloading => {}
        }
        drop(listeners);
        shared.stopping.give();
        shared.tasks.close();
        if timeout(shared.deadlines.drain, shared.tasks.wait()).await.is_ok() {
            return ServeOutcome::Drained;
        }
        shared.cut.give();
        shared.tasks.wait().await;
        ServeOutcome::Cut
    }
}

/// Accepts for ever.
async fn accept_all<S, B>(listeners: &[Listener], shared: &Arc<Shared>, connections: &Gauge, service: S)
where
    S: Service<Request<PacedBody<Incoming>>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let room = Arc::new(Semaphore::new(shared.limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let mut turn = 0;
    let mut exhausted = false;
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let (stream, peer) = match accept(listeners, &mut turn).await {
            Ok(accepted) => accepted,
            Err(error) if is_of_the_peer(&error) => continue,
            Err(error) => {
                // No more descriptors or memory: that passes when connections end, and no busy loop may hinder it.
                if !std::mem::replace(&mut exhausted, true) {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "cannot accept connections; trying again"
                    );
                }
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        exhausted = false;
        let counted = Counted::new(connections);
        let served = connection::serve(Arc::clone(shared), stream, peer, service.clone());
        let cut = shared.cut.clone();
        shared.tasks.spawn(async move {
            cut.end(served).await;
            drop((counted, place));
        });
    }
}

/// Accepts from whichever listener has a connection, each in its turn.
async fn accept(listeners: &[Listener], turn: &mut usize) -> io::Result<(Box<dyn ByteStream>, PeerAddress)> {
    poll_fn(|context| {
        for _ in 0..listeners.len() {
            *turn = (*turn + 1) % listeners.len();
            if let Poll::Ready(accepted) = listeners[*turn].poll_accept(context) {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    })
    .await
}

/// Tells whether accepting failed because the connection is gone already.
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, InvalidInput, NotConnected};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | InvalidInput | NotConnected)
}

/// One connection in the gauge.
struct Counted(Gauge);

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}
