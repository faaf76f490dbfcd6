//! One connection, from the accepted socket to its end.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use pin_project_lite::pin_project;
use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::task::TaskTracker;

use super::activity::{Activity, InFlight, Phase};
use super::body::{PacedBody, TrackedBody};
use super::config::{Deadlines, Limits};
use super::pace::Pace;
use super::peer::{ConnectionInfo, PeerAddress};
use super::send_file::{FileSender, FileSenders};
use super::signal::Signal;
use super::stream::StreamExecutor;
use super::tls::Tls;
use super::transport::{ByteStream, Transport};

/// The first bytes of every HTTP/2 connection (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long an idle connection has to end by itself once it was told to.
const GRACE: Duration = Duration::from_secs(5);

/// How often an HTTP/2 peer is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// What a response's body or a service's error is boxed into.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What every connection of a server shares.
pub(super) struct Shared {
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) h2c: bool,
    /// What sends parts of files, if connections may.
    pub(super) file_senders: Option<FileSenders>,
    pub(super) deadlines: Deadlines,
    pub(super) limits: Limits,
    /// Every connection and stream.
    pub(super) tasks: TaskTracker,
    /// Connections take no more requests.
    pub(super) stopping: Signal,
    /// Connections and streams end at once.
    pub(super) cut: Signal,
}

/// Serves a connection until it ends.
pub(super) async fn serve<S, B>(shared: Arc<Shared>, stream: Box<dyn ByteStream>, peer: PeerAddress, service: S)
where
    S: Service<Request<PacedBody<Incoming>>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let opened = Instant::now();
    let deadlines = &shared.deadlines;
    let (stream, prefix, http2): (Box<dyn ByteStream>, _, _) = match &shared.tls {
        // What is rare is in a box, so that every other connection is the smaller for it.
        Some(tls) => match timeout(deadlines.tls_handshake, Box::pin(tls.accept(stream))).await {
            Ok(Ok(encrypted)) => {
                let http2 = encrypted.get_ref().1.alpn_protocol() == Some(b"h2");
                (Box::new(encrypted), Bytes::new(), http2)
            }
            Ok(Err(error)) => {
                return tracing::debug!(%peer, error = &error as &dyn std::error::Error, "TLS handshake failed");
            }
            Err(_) => return tracing::debug!(%peer, "TLS handshake timed out"),
        },
        None if shared.h2c => match timeout_at(opened + deadlines.header, read_preface(stream)).await {
            Ok(Ok(told)) => told,
            Ok(Err(error)) => {
                return tracing::debug!(%peer, error = &error as &dyn std::error::Error, "connection failed");
            }
            Err(_) => return tracing::debug!(%peer, "connection sent nothing"),
        },
        None => (stream, Bytes::new(), false),
    };

    let activity = Activity::new(Instant::now(), http2);
    let senders = shared.file_senders.as_ref().filter(|_| !http2 && stream.sends_files());
    let files = senders.map(FileSenders::sender);
    let transport = Transport::new(stream, prefix, Arc::clone(&activity), deadlines.body).with_files(files.clone());
    let io = TokioIo::new(transport);
    let info = ConnectionInfo { peer, tls: shared.tls.is_some() };
    let service = Tracked { service, info, activity: Arc::clone(&activity), files, pace: deadlines.body };
    let outcome = if http2 {
        let streams = StreamExecutor { tasks: shared.tasks.clone(), cut: shared.cut.clone(), pace: deadlines.body };
        let connection = http2::Builder::new(streams)
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .max_header_list_size(shared.limits.header_bytes)
            .max_concurrent_streams(shared.limits.concurrent_streams)
            .serve_connection(io, service);
        drive(Box::pin(connection).as_mut(), &shared, &activity).await
    } else {
        // Reading heads and waiting between them are watched by the driver: hyper has one deadline for both.
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_header_size(shared.limits.header_bytes as usize)
            .max_buf_size(shared.limits.read_bytes(shared.tasks.len()))
            // Else every request is interrupted to see whether the client has closed its side. It may have: it still gets
            // its answer, and one that is gone is seen when it does not take that.
            .half_close(true)
            .serve_connection(io, service);
        drive(pin!(connection), &shared, &activity).await
    };
    match outcome {
        End::Closed(Ok(())) => {}
        End::Closed(Err(error)) => {
            let error: BoxError = error.into();
            tracing::debug!(%peer, error = &*error as &dyn std::error::Error, "connection failed");
        }
        End::TimedOut(phase) => tracing::debug!(%peer, ?phase, "connection timed out"),
    }
}

/// Reads until it is clear whether the connection begins as HTTP/2 does. Returns what was read, to be read again.
async fn read_preface(mut stream: Box<dyn ByteStream>) -> std::io::Result<(Box<dyn ByteStream>, Bytes, bool)> {
    let mut read = Vec::with_capacity(PREFACE.len());
    while read.len() < PREFACE.len() && PREFACE.starts_with(&read) {
        let missing = PREFACE.len() - read.len();
        if (&mut stream).take(missing as u64).read_buf(&mut read).await? == 0 {
            break;
        }
    }
    let http2 = read == PREFACE;
    Ok((stream, read.into(), http2))
}

enum End<E> {
    Closed(Result<(), E>),
    TimedOut(Phase),
}

/// Polls a connection to its end, and sees to it that this comes.
async fn drive<C: GracefulConnection>(
    mut connection: Pin<&mut C>,
    shared: &Shared,
    activity: &Activity,
) -> End<C::Error> {
    let mut stopping = pin!(shared.stopping.given());
    let mut timer = pin!(sleep_until(Instant::now() + shared.deadlines.header));
    // Set once the connection was told to end.
    let mut ending: Option<Instant> = None;
    poll_fn(|context: &mut Context<'_>| {
        loop {
            if let Poll::Ready(result) = connection.as_mut().poll(context) {
                return Poll::Ready(End::Closed(result));
            }
            if ending.is_none() && stopping.as_mut().poll(context).is_ready() {
                ending = Some(Instant::now() + GRACE);
                connection.as_mut().graceful_shutdown();
                continue;
            }
            let idle = if ending.is_some() { GRACE } else { shared.deadlines.idle };
            let Some((phase, deadline)) = activity.deadline(shared.deadlines.header, idle) else {
                return Poll::Pending;
            };
            let deadline = ending.map_or(deadline, |ending| deadline.max(ending));
            // Every request puts the deadline off. The timer follows when it runs out, not each time.
            if timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
            }
            while timer.as_mut().poll(context).is_ready() && timer.deadline() < deadline {
                timer.as_mut().reset(deadline);
            }
            if !timer.is_elapsed() {
                return Poll::Pending;
            }
            if phase != Phase::Idle || ending.is_some() {
                return Poll::Ready(End::TimedOut(phase));
            }
            ending = Some(Instant::now() + GRACE);
            connection.as_mut().graceful_shutdown();
        }
    })
    .await
}

/// A service that knows its connection, and whose requests count as the connection's activity.
struct Tracked<S> {
    service: S,
    info: ConnectionInfo,
    activity: Arc<Activity>,
    files: Option<FileSender>,
    pace: Pace,
}

impl<S, B> Service<Request<Incoming>> for Tracked<S>
where
    S: Service<Request<PacedBody<Incoming>>, Response = Response<B>>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = Response<TrackedBody<B>>;
    type Error = S::Error;
    type Future = Answering<S::Future>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let in_flight = self.activity.request();
        request.extensions_mut().insert(self.info);
        let response = self.service.call(request.map(|body| PacedBody::new(body, self.pace)));
        Answering { response, tracking: Some((self.files.clone(), in_flight)) }
    }
}

pin_project! {
    /// A request in flight, until its answer is there and its body has what keeps it in flight.
    struct Answering<F> {
        #[pin]
        response: F,
        tracking: Option<(Option<FileSender>, InFlight)>,
    }
}

impl<F, B, E> Future for Answering<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<TrackedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.response.poll(context))?;
        let (files, in_flight) = this.tracking.take().expect("a future is not polled after its end");
        Poll::Ready(Ok(response.map(|body| TrackedBody::new(body, files, in_flight))))
    }
}
