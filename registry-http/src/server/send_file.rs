//! Parts of files that go from the page cache to a socket without a copy, by sendfile(2).
//!
//! A body that is polled for a connection which can do this asks for it by [`send_part`]: the connection queues the
//! part, and the body gives a *placeholder* to hyper, bytes of the right length that nobody is to look at. hyper hands
//! them to the [`Transport`](super::transport::Transport), uncopied and in order, among the bytes that it wrote itself. What
//! lies in the placeholder's memory is sent from the queue's files instead.
//!
//! ```text
//! FileBody ── send_part ──► queue: file, range ─────────────────┐
//!    └─ placeholder ─► TrackedBody ─► hyper ─► [head, placeholder] ─► Transport ─► sendmsg(head), sendfile(range)
//! ```
//!
//! This is for plain HTTP/1 alone, where nothing between the body and the socket reads the bytes. A service that changes
//! the placeholder on its way is found out and its answer broken off, so that a placeholder is never sent. Where the
//! system refuses to send a file, the part is copied, and bodies that follow on the connection give their bytes.
//!
//! While one connection alone sends, it is *corked* (`TCP_CORK`): the system sends full packets, and what is over at the end
//! of a part waits for the next. On loopback this spares the peer from being woken for each rest, and a single transfer is a
//! third faster. Where several connections send there is always somebody awake, and it makes them a tenth slower.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;

use super::transport::{ByteStream, poll_write_slices};

/// The longest part. One that is being sent holds its thread for some six tenths of a millisecond.
const PART_BYTES: u64 = 2 * 1024 * 1024;

tokio::task_local! {
    /// The connection that the body which is polled goes out on.
    static CONNECTION: FileSender;
}

/// Has the next part of a range sent by the connection that polls the present body. Returns the placeholder to give out,
/// or nothing if the bytes themselves are needed.
pub(crate) fn send_part(file: &Arc<File>, range: &Range<u64>) -> Option<Bytes> {
    let queue = |connection: &FileSender| connection.queue(Arc::clone(file), range.clone());
    CONNECTION.try_with(queue).ok()
}

/// Tells how long the next part of a range would be, if the connection that polls the present body sends files.
pub(crate) fn part_len(range: &Range<u64>) -> Option<u64> {
    let len = (range.end - range.start).min(PART_BYTES);
    let sends_files = |connection: &FileSender| !connection.0.refused.load(Ordering::Relaxed);
    CONNECTION.try_with(sends_files).is_ok_and(|sends_files| sends_files).then_some(len)
}

/// What the connections of a server share that send files.
#[derive(Clone, Debug)]
pub(super) struct FileSenders {
    /// Bytes for placeholders. Nobody ever touches them, so that they have an address and cost nothing.
    placeholder: Bytes,
    /// Tells which connection was the last to begin with a part.
    last: Arc<AtomicUsize>,
}

impl FileSenders {
    pub(super) fn new() -> Self {
        Self { placeholder: vec![0; PART_BYTES as usize].into(), last: Arc::default() }
    }

    /// Makes one for a connection.
    pub(super) fn sender(&self) -> FileSender {
        let senders = self.clone();
        let (parts, refused, corked) = (Mutex::default(), AtomicBool::default(), AtomicBool::default());
        FileSender(Arc::new(Shared { senders, parts, refused, corked }))
    }
}

/// The parts of files that are on their way on one connection. A clone shares them.
#[derive(Clone, Debug)]
pub(super) struct FileSender(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    senders: FileSenders,
    parts: Mutex<VecDeque<Part>>,
    /// The system does not send files here, so that bodies had better give their bytes.
    refused: AtomicBool,
    corked: AtomicBool,
}

#[derive(Debug)]
struct Part {
    file: Arc<File>,
    /// What was not sent yet.
    range: Range<u64>,
    /// Whether nothing of it was sent yet.
    is_new: bool,
    /// Whether another part of the same body follows.
    more: bool,
}

/// What a body gives when it is polled.
type PolledFrame<E> = Poll<Option<Result<Frame<Bytes>, E>>>;

/// Something between the service and the connection looks at bodies.
#[derive(Debug, thiserror::Error)]
#[error("the body of a file was changed on its way; expected a service whose bodies pass as they are")]
pub(super) struct ChangedBody;

impl FileSender {
    /// Polls a body that may ask for [`send_part`].
    ///
    /// # Errors
    /// [`ChangedBody`] if it asked, and the placeholder is not what came out.
    pub(super) fn poll_body<E>(&self, poll: impl FnOnce() -> PolledFrame<E>) -> Result<PolledFrame<E>, ChangedBody> {
        let before = self.parts().len();
        let frame = CONNECTION.sync_scope(self.clone(), poll);
        let queued: usize = self.parts().range(before..).map(Part::len).sum();
        let given = match &frame {
            Poll::Ready(Some(Ok(frame))) => frame.data_ref().filter(|data| self.is_placeholder(data)).map(Bytes::len),
            _ => None,
        };
        if given.unwrap_or(0) == queued { Ok(frame) } else { Err(ChangedBody) }
    }

    fn queue(&self, file: Arc<File>, mut range: Range<u64>) -> Bytes {
        let end = range.end;
        range.end = end.min(range.start + PART_BYTES);
        let part = Part { file, more: range.end < end, range, is_new: true };
        let placeholder = self.0.senders.placeholder.slice(..part.len());
        self.parts().push_back(part);
        placeholder
    }

    fn is_placeholder(&self, bytes: &[u8]) -> bool {
        self.0.senders.placeholder.as_ptr_range().contains(&bytes.as_ptr())
    }

    /// Writes what comes first in `slices`: bytes, or a part of a file for its placeholder.
    pub(super) fn poll_write(
        &self,
        stream: &mut dyn ByteStream,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match slices.iter().position(|slice| self.is_placeholder(slice)) {
            None => {
                self.cork(stream, false)?;
                poll_write_slices(stream, context, slices)
            }
            Some(0) => self.poll_send(stream, context),
            Some(bytes) => stream.poll_write_before_file(context, &slices[..bytes]),
        }
    }

    fn poll_send(&self, stream: &mut dyn ByteStream, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut parts = self.parts();
        let part = parts.front_mut().expect("a placeholder stands for a part");
        if part.is_new {
            part.is_new = false;
            let own = Arc::as_ptr(&self.0).addr();
            let is_alone = self.0.senders.last.swap(own, Ordering::Relaxed) == own;
            let is_worth_it = part.more || self.0.corked.load(Ordering::Relaxed);
            self.cork(stream, is_alone && is_worth_it)?;
        }
        let sent = match ready!(stream.poll_send_file(context, &part.file, part.range.start, part.len())) {
            Err(error) if is_refused(&error) => {
                self.0.refused.store(true, Ordering::Relaxed);
                ready!(poll_copy(stream, context, part))?
            }
            sent => sent?,
        };
        if sent == 0 {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is too short")));
        }
        part.range.start += sent as u64;
        if part.range.is_empty() {
            if !part.more {
                self.cork(stream, false)?;
            }
            parts.pop_front();
        }
        Poll::Ready(Ok(sent))
    }

    /// Corks the stream, or lets go what a cork holds back.
    fn cork(&self, stream: &dyn ByteStream, cork: bool) -> io::Result<()> {
        let was_corked = self.0.corked.swap(cork, Ordering::Relaxed);
        if was_corked == cork { Ok(()) } else { stream.cork(cork) }
    }

    fn parts(&self) -> MutexGuard<'_, VecDeque<Part>> {
        // A panic ends the connection, and with it all of this.
        self.0.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells whether the system cannot send this file, or must not, rather than that the peer or the disk failed.
fn is_refused(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    matches!(error.kind(), InvalidInput | PermissionDenied | Unsupported)
}

/// Writes a part by reading it. Only for what was promised to be sent before the system refused.
fn poll_copy(stream: &mut dyn ByteStream, context: &mut Context<'_>, part: &Part) -> Poll<io::Result<usize>> {
    let mut copy = [0; 16 * 1024];
    let len = part.len().min(copy.len());
    let read = part.file.read_at(&mut copy[..len], part.range.start)?;
    if read == 0 { Poll::Ready(Ok(0)) } else { Pin::new(stream).poll_write(context, &copy[..read]) }
}

impl Part {
    fn len(&self) -> usize {
        (self.range.end - self.range.start) as usize
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io::Write;
    use std::net::SocketAddr;

    use http::{Request, Response};
    use http_body::Body;
    use http_body_util::BodyExt;
    use hyper::body::Incoming;
    use hyper::service::service_fn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::super::{ListenAddress, PacedBody, Server, ServerConfig};
    use super::*;
    use crate::body::{FileBody, PieceBuffers, ResponseBody};

    const LEN: u64 = 5_000_000;

    fn file() -> (File, Vec<u8>) {
        let content: Vec<u8> = (0..LEN as u32).map(|n| (n % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        (file, content)
    }

    /// Serves the first five million bytes of `file` for every path, through `wrap`.
    async fn serve<B>(file: File, wrap: fn(ResponseBody) -> B) -> SocketAddr
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut config = ServerConfig::new(ListenAddress::tcp("127.0.0.1:0").unwrap());
        config.send_files = true;
        let server = Server::bind(config).await.unwrap();
        let address = server.local_addr().unwrap();
        let file = Arc::new(file);
        let service = service_fn(move |_: Request<PacedBody<Incoming>>| {
            let body = FileBody::new(file.try_clone().unwrap(), 0..LEN, PieceBuffers::default());
            std::future::ready(Ok::<_, Infallible>(Response::new(wrap(ResponseBody::file(body)))))
        });
        tokio::spawn(server.serve(service, std::future::pending()));
        address
    }

    /// Sends two requests at once, and returns all that comes.
    async fn get_twice(address: SocketAddr) -> Vec<u8> {
        let mut client = TcpStream::connect(address).await.unwrap();
        let requests = "GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        client.write_all(requests.as_bytes()).await.unwrap();
        let mut answers = Vec::new();
        // A connection that is broken off may be reset.
        let _ = client.read_to_end(&mut answers).await;
        answers
    }

    /// Cuts an answer off at the front that has this body.
    fn skip_answer<'a>(answers: &'a [u8], content: &[u8]) -> &'a [u8] {
        let head = answers.windows(4).position(|end| end == b"\r\n\r\n").expect("the end of a head") + 4;
        let (body, rest) = answers[head..].split_at(content.len());
        assert!(body == content, "the body differs");
        rest
    }

    #[tokio::test]
    async fn pipelined_answers_have_the_bytes_of_the_file() {
        let (file, content) = file();
        let answers = get_twice(serve(file, |body| body).await).await;
        assert_eq!(skip_answer(skip_answer(&answers, &content), &content), b"");
    }

    #[tokio::test]
    async fn a_file_that_is_too_short_breaks_the_answer_off() {
        let (file, content) = file();
        file.set_len(LEN - 1).unwrap();
        let answers = get_twice(serve(file, |body| body).await).await;
        assert!(answers.len() < content.len() + 1000);
    }

    #[tokio::test]
    async fn a_service_that_changes_bodies_sends_no_placeholder() {
        let (file, _) = file();
        let copied = |body: ResponseBody| {
            body.map_frame(|frame| frame.map_data(|data| Bytes::copy_from_slice(&data))).boxed_unsync()
        };
        let answers = get_twice(serve(file, copied).await).await;
        assert!(answers.len() < 1000, "{} bytes", answers.len());
    }

    #[tokio::test]
    async fn what_the_system_refuses_to_send_is_copied() {
        let (file, content) = file();
        let (mut near, mut far) = tokio::net::UnixStream::pair().unwrap();
        let sender = FileSenders::new().sender();
        let given = sender.queue(Arc::new(file), 10..300_010);
        let sending = async {
            let mut rest = given;
            while !rest.is_empty() {
                let slices = [IoSlice::new(&rest)];
                let sent =
                    std::future::poll_fn(|context| sender.poll_write(&mut near, context, &slices)).await.unwrap();
                let _ = rest.split_to(sent);
            }
            drop(near);
        };
        let mut received = Vec::new();
        let (_, read) = tokio::join!(sending, far.read_to_end(&mut received));
        read.unwrap();
        assert!(received == content[10..300_010]);
        let next = CONNECTION.sync_scope(sender, || part_len(&(0..LEN)));
        assert_eq!(next, None);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn only_a_connection_that_sends_alone_is_corked_and_only_until_the_body_ends() {
        let (file, content) = file();
        let file = Arc::new(file);
        let senders = FileSenders::new();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connect = async || {
            let far = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            (listener.accept().await.unwrap().0, far, senders.sender())
        };
        let (mut first, mut second) = (connect().await, connect().await);
        // Sends what is given, which comes as `expected`, and tells whether the stream is corked then.
        let send = async |connection: &mut (TcpStream, TcpStream, FileSender), given: Bytes, expected: &[u8]| {
            let (near, far, sender) = connection;
            let mut received = vec![0; expected.len()];
            let sending = async {
                let mut rest = &given[..];
                while !rest.is_empty() {
                    let slices = [IoSlice::new(rest)];
                    let sent = std::future::poll_fn(|context| sender.poll_write(near, context, &slices)).await.unwrap();
                    rest = &rest[sent..];
                }
                rustix::net::sockopt::tcp_cork(&*near).unwrap()
            };
            let (is_corked, read) = tokio::join!(sending, far.read_exact(&mut received));
            read.unwrap();
            assert!(received == expected);
            is_corked
        };
        let send_part = async |connection: &mut (TcpStream, TcpStream, FileSender), range: Range<u64>| {
            let placeholder = connection.2.queue(Arc::clone(&file), range.clone());
            let expected = &content[range.start as usize..][..placeholder.len()];
            send(connection, placeholder, expected).await
        };
        let bytes = Bytes::from_static(b"bytes that are not to wait");
        let (begin, middle, end) = (0..LEN, PART_BYTES..LEN, 2 * PART_BYTES..LEN);
        // Nobody was before it.
        assert!(!send_part(&mut first, begin.clone()).await);
        assert!(send_part(&mut first, middle.clone()).await);
        assert!(!send_part(&mut first, end.clone()).await, "the body ends");
        assert!(send_part(&mut first, begin).await);
        assert!(!send(&mut first, bytes.clone(), &bytes).await);
        assert!(send_part(&mut first, middle.clone()).await);
        assert!(!send_part(&mut second, middle.clone()).await, "another connection sends");
        assert!(!send_part(&mut first, middle).await, "another connection sends");
        assert!(!send_part(&mut first, end.clone()).await, "a single part");
    }

    #[tokio::test]
    async fn what_is_sent_depends_on_the_connection_alone() {
        let (file, _) = file();
        assert_eq!(send_part(&Arc::new(file), &(0..LEN)), None);
        assert_eq!(part_len(&(0..LEN)), None);
    }
}
