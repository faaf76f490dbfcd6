//! The bytes of a connection below HTTP.

use std::fs::File;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;

use super::activity::Activity;
use super::pace::{Pace, PaceMeter};
use super::send_file::FileSender;

/// For how long a peer may go on to send after its connection was closed on our side. Closing at once while it sends
/// would destroy the answer that tells it to stop.
const LINGER: Duration = Duration::from_secs(2);

/// What is worth a copy in order to be written by one plain call: the head of an answer and a usual manifest.
const SHORT_BYTES: usize = 4096;

/// A plain or encrypted stream of bytes.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {
    /// Tells whether [`poll_send_file`](Self::poll_send_file) works.
    fn sends_files(&self) -> bool {
        false
    }

    /// Writes bytes that a part of a file follows at once.
    fn poll_write_before_file(&mut self, context: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(self).poll_write_vectored(context, slices)
    }

    /// Holds back what does not fill a packet, for at most two tenths of a second; or does so no longer, and sends it.
    fn cork(&self, _: bool) -> io::Result<()> {
        Ok(())
    }

    /// Writes up to `len` bytes of a file, from `offset`. Nothing, if the file ends there.
    fn poll_send_file(&mut self, _: &mut Context<'_>, _: &File, _: u64, _: usize) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }
}

impl ByteStream for UnixStream {}

impl ByteStream for TlsStream<Box<dyn ByteStream>> {}

#[cfg(not(target_os = "linux"))]
impl ByteStream for TcpStream {}

#[cfg(target_os = "linux")]
impl ByteStream for TcpStream {
    fn sends_files(&self) -> bool {
        true
    }

    fn cork(&self, cork: bool) -> io::Result<()> {
        Ok(rustix::net::sockopt::set_tcp_cork(self, cork)?)
    }

    fn poll_write_before_file(&mut self, context: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
        // The head of an answer need not be a packet of its own.
        let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
        poll_writable(self, context, || Ok(sendmsg(&*self, slices, &mut SendAncillaryBuffer::default(), flags)?))
    }

    fn poll_send_file(
        &mut self,
        context: &mut Context<'_>,
        file: &File,
        mut offset: u64,
        len: usize,
    ) -> Poll<io::Result<usize>> {
        poll_writable(self, context, || Ok(rustix::fs::sendfile(&*self, file, Some(&mut offset), len)?))
    }
}

/// Writes what stands in slices. A short text in several of them is copied into one: that takes less than to tell the system
/// of each.
pub(super) fn poll_write_slices(
    stream: &mut dyn ByteStream,
    context: &mut Context<'_>,
    slices: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let stream = Pin::new(stream);
    if let [slice] = slices {
        return stream.poll_write(context, slice);
    }
    if slices.iter().map(|slice| slice.len()).sum::<usize>() > SHORT_BYTES {
        return stream.poll_write_vectored(context, slices);
    }
    let mut space = [const { MaybeUninit::uninit() }; SHORT_BYTES];
    let mut text = ReadBuf::uninit(&mut space);
    slices.iter().for_each(|slice| text.put_slice(slice));
    stream.poll_write(context, text.filled())
}

/// Tries to write once the stream takes something.
#[cfg(target_os = "linux")]
fn poll_writable(
    stream: &TcpStream,
    context: &mut Context<'_>,
    mut write: impl FnMut() -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_write_ready(context))?;
        match stream.try_io(tokio::io::Interest::WRITABLE, &mut write) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            written => return Poll::Ready(written),
        }
    }
}

/// A connection that notes its activity and fails when the peer does not take what is written.
pub(super) struct Transport {
    stream: Box<dyn ByteStream>,
    /// What was read to tell the protocol, and is to be read again.
    prefix: Bytes,
    activity: Arc<Activity>,
    /// What placeholders among the written bytes stand for.
    files: Option<FileSender>,
    writing: PaceMeter,
    /// Runs once our side was closed.
    linger: Option<Pin<Box<Sleep>>>,
}

impl Transport {
    pub(super) fn new(stream: Box<dyn ByteStream>, prefix: Bytes, activity: Arc<Activity>, pace: Pace) -> Self {
        Self { stream, prefix, activity, files: None, writing: PaceMeter::new(pace), linger: None }
    }

    /// Sends parts of these files in the place of their placeholders.
    pub(super) fn with_files(self, files: Option<FileSender>) -> Self {
        Self { files, ..self }
    }

    fn written(&mut self, context: &mut Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Ok(bytes)) => {
                self.writing.moved(bytes as u64);
                // A flush is no activity: there is one whenever the connection is looked at.
                if bytes > 0 {
                    self.activity.bytes_written();
                }
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                ready!(self.writing.poll_stalled(context));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not take what is written")))
            }
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.prefix.has_remaining() {
            let len = self.prefix.len().min(out.remaining());
            out.put_slice(&self.prefix.split_to(len));
            return Poll::Ready(Ok(()));
        }
        let before = out.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, out))?;
        if out.filled().len() > before {
            self.activity.bytes_read();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let result = match &this.files {
            Some(files) => files.poll_write(&mut *this.stream, context, slices),
            None => poll_write_slices(&mut *this.stream, context, slices),
        };
        self.written(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(context).map_ok(|()| 0);
        self.written(context, result).map_ok(|_| ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.linger.is_none() {
            let result = Pin::new(&mut this.stream).poll_shutdown(context).map_ok(|()| 0);
            ready!(this.written(context, result))?;
            this.linger = Some(Box::pin(sleep(LINGER)));
        }
        loop {
            if this.linger.as_mut().is_none_or(|linger| linger.as_mut().poll(context).is_ready()) {
                return Poll::Ready(Ok(()));
            }
            let mut space = [0; 8192];
            let mut discarded = ReadBuf::new(&mut space);
            match ready!(Pin::new(&mut this.stream).poll_read(context, &mut discarded)) {
                Ok(()) if discarded.filled().is_empty() => return Poll::Ready(Ok(())),
                Ok(()) => {}
                Err(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}
