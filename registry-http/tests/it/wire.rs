//! A server with a small service of its own, and clients that can misbehave.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use registry_core::body::BodyError;
use registry_http::server::{ConnectionInfo, ListenAddress, Pace, PacedBody, ServeOutcome, Server, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Long enough for anything that is not stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// A deadline that a test waits for.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

pub(crate) type TestBody = BoxBody<Bytes, Infallible>;

/// What a test and its service share.
pub(crate) struct Events {
    /// A request for `/wait` or `/endless` began.
    pub(crate) began: Notify,
    /// How many requests for `/wait` may be answered.
    pub(crate) release: Semaphore,
    /// The body of `/endless` was dropped.
    pub(crate) dropped: Notify,
}

/// A running server.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) events: Arc<Events>,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) serving: JoinHandle<ServeOutcome>,
}

impl Running {
    /// Stops the server and returns how that went.
    pub(crate) async fn stop(mut self) -> ServeOutcome {
        drop(self.stop.take());
        timeout(PATIENCE, &mut self.serving).await.expect("the server stops").expect("the server does not panic")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub(crate) fn loopback() -> ServerConfig {
    ServerConfig::new(ListenAddress::tcp("127.0.0.1:0").unwrap())
}

/// Every deadline is long, so that a test sets the one that it waits for.
pub(crate) fn patient() -> ServerConfig {
    let mut config = loopback();
    config.deadlines.header = PATIENCE;
    config.deadlines.idle = PATIENCE;
    config.deadlines.tls_handshake = PATIENCE;
    config.deadlines.body = Pace { window: PATIENCE, min_bytes: 1 };
    config.deadlines.drain = PATIENCE;
    config
}

pub(crate) async fn start(config: ServerConfig) -> Running {
    run(Server::bind(config).await.expect("a server that listens"))
}

pub(crate) fn run(server: Server) -> Running {
    let address = server.local_addr().unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)));
    let (stop, stopped) = oneshot::channel::<()>();
    let events = Events { began: Notify::new(), release: Semaphore::new(0), dropped: Notify::new() };
    let events = Arc::new(events);
    let shared = Arc::clone(&events);
    let service = hyper::service::service_fn(move |request| answer(request, Arc::clone(&shared)));
    let shutdown = async {
        let _ = stopped.await;
    };
    let serving = tokio::spawn(server.serve(service, shutdown));
    Running { address, events, stop: Some(stop), serving }
}

async fn answer(request: Request<PacedBody<Incoming>>, events: Arc<Events>) -> Result<Response<TestBody>, Infallible> {
    let full = |text: String| Full::new(Bytes::from(text)).boxed();
    Ok(match request.uri().path() {
        "/info" => {
            let info = request.extensions().get::<ConnectionInfo>().expect("every request has it");
            Response::new(full(format!("{} tls={} {:?}", info.peer, info.tls, request.version())))
        }
        "/length" => match request.into_body().collect().await {
            Ok(body) => Response::new(full(body.to_bytes().len().to_string())),
            Err(error) => {
                let status = match error {
                    BodyError::TimedOut(_) => StatusCode::REQUEST_TIMEOUT,
                    _ => StatusCode::BAD_REQUEST,
                };
                Response::builder().status(status).body(full(error.to_string())).unwrap()
            }
        },
        "/refuse" => Response::builder().status(StatusCode::UNAUTHORIZED).body(full("no".to_owned())).unwrap(),
        "/wait" => {
            events.began.notify_one();
            events.release.acquire().await.expect("it is never closed").forget();
            Response::new(full("released".to_owned()))
        }
        "/endless" => {
            let guard = OnDrop(Arc::clone(&events));
            events.began.notify_one();
            let chunk = Bytes::from(vec![0; 64 * 1024]);
            let frames = futures::stream::repeat_with(move || {
                let _ = &guard;
                Ok::<_, Infallible>(Frame::data(chunk.clone()))
            });
            Response::new(BodyExt::boxed(StreamBody::new(frames)))
        }
        _ => Response::new(full("hello".to_owned())),
    })
}

struct OnDrop(Arc<Events>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.dropped.notify_one();
    }
}

/// A connection that is written and read as it is.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.expect("a server that listens"))
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.expect("an open connection");
    }

    /// Reads until the server closes. A reset is an end, too.
    pub(crate) async fn read_to_end(&mut self) -> String {
        let mut read = Vec::new();
        let ended = timeout(PATIENCE, self.0.read_to_end(&mut read)).await;
        let _ = ended.expect("the server closes the connection");
        String::from_utf8_lossy(&read).into_owned()
    }

    /// Reads until `end` was read.
    pub(crate) async fn read_until(&mut self, end: &str) -> String {
        let mut read = String::new();
        while !read.contains(end) {
            let mut space = [0; 4096];
            let len = timeout(PATIENCE, self.0.read(&mut space)).await.expect("an answer").expect("an open connection");
            assert!(len > 0, "the connection ended after {read:?}");
            read.push_str(&String::from_utf8_lossy(&space[..len]));
        }
        read
    }
}

/// Sends one request on a connection of its own, and returns the answer's bytes.
pub(crate) async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    let mut raw = Raw::connect(address).await;
    // A server that has seen enough may close before it has read everything.
    let _ = raw.0.write_all(bytes.as_ref()).await;
    raw.read_to_end().await
}

/// Opens an HTTP/2 connection on `io`.
pub(crate) async fn http2<I>(io: I) -> hyper::client::conn::http2::SendRequest<TestBody>
where
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await.expect("a handshake");
    tokio::spawn(connection);
    sender
}

pub(crate) fn get(uri: &str) -> Request<TestBody> {
    Request::builder().uri(uri).body(Empty::new().boxed()).unwrap()
}

pub(crate) async fn text(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.expect("a whole body").to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// A body that never comes to an end and never gives anything.
pub(crate) fn silent_body() -> TestBody {
    BodyExt::boxed(StreamBody::new(futures::stream::pending::<Result<Frame<Bytes>, Infallible>>()))
}
