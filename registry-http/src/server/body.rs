//! Bodies on their way through a connection.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use registry_core::body::BodyError;

use super::activity::InFlight;
use super::pace::{Pace, PaceMeter};
use super::send_file::FileSender;
use super::stream::StreamFlow;

/// What a body's error is boxed into.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request's body that ends with [`BodyError::TimedOut`] if the client sends too slowly, and with
/// [`BodyError::Aborted`] if the client goes away before its end.
#[derive(Debug)]
pub struct PacedBody<B> {
    body: B,
    meter: PaceMeter,
    failed: bool,
}

impl<B> PacedBody<B> {
    /// Watches `body`.
    pub fn new(body: B, pace: Pace) -> Self {
        Self { body, meter: PaceMeter::new(pace), failed: false }
    }
}

impl<B> Body for PacedBody<B>
where
    B: Body + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, BodyError>>> {
        if self.failed {
            return Poll::Ready(None);
        }
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.meter.moved(frame.data_ref().map_or(0, |data| data.remaining() as u64));
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.failed = true;
                Poll::Ready(Some(Err(BodyError::Aborted(error.into()))))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                ready!(self.meter.poll_stalled(context));
                self.failed = true;
                Poll::Ready(Some(Err(BodyError::TimedOut(self.meter.pace().window.as_secs()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.failed || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

pin_project! {
    /// A response's body that keeps its request in flight, and tells an HTTP/2 stream what the peer owes.
    pub(super) struct TrackedBody<B> {
        #[pin]
        body: B,
        files: Option<FileSender>,
        _in_flight: InFlight,
    }
}

impl<B> TrackedBody<B> {
    /// Lets the body send parts of files by `files`.
    pub(super) fn new(body: B, files: Option<FileSender>, in_flight: InFlight) -> Self {
        Self { body, files, _in_flight: in_flight }
    }
}

impl<B> Body for TrackedBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        StreamFlow::asked();
        let this = self.project();
        let poll = || this.body.poll_frame(context);
        let frame = match this.files {
            Some(files) => match files.poll_body(poll) {
                Ok(frame) => ready!(frame),
                Err(changed) => return Poll::Ready(Some(Err(changed.into()))),
            },
            None => ready!(poll()),
        };
        if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            StreamFlow::gave(data.len());
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
