//! Bodies: what goes out, and how what comes in reaches the operations.

mod buffers;
mod file;
mod request;

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

pub(crate) use buffers::PieceBuffers;
pub(crate) use file::FileBody;
pub use request::RequestError;
pub(crate) use request::into_pieces;

/// Why a response's body broke off.
pub type ResponseError = Box<dyn std::error::Error + Send + Sync>;

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, ResponseError>> + Send>>;

/// The body of a response.
pub struct ResponseBody(Kind);

enum Kind {
    Full(Option<Bytes>),
    File(FileBody),
    Stream {
        pieces: Pieces,
        /// What is left, where the whole length is known.
        left: Option<u64>,
    },
}

impl ResponseBody {
    /// Makes a body without bytes.
    pub const fn empty() -> Self {
        Self(Kind::Full(None))
    }

    /// Makes a body of bytes that are at hand.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self(Kind::Full(Some(bytes.into()).filter(|bytes: &Bytes| !bytes.is_empty())))
    }

    /// Makes a body of a part of a file.
    pub(crate) const fn file(file: FileBody) -> Self {
        Self(Kind::File(file))
    }

    /// Makes a body of pieces that come one after the other, with `len` bytes in all where that is known.
    pub fn stream(pieces: Pieces, len: Option<u64>) -> Self {
        Self(Kind::Stream { pieces, left: len })
    }
}

impl From<Full<Bytes>> for ResponseBody {
    fn from(body: Full<Bytes>) -> Self {
        body.into_inner().map_or(Self::empty(), Self::full)
    }
}

impl Default for ResponseBody {
    fn default() -> Self {
        Self::empty()
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = ResponseError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseError>>> {
        match &mut self.0 {
            Kind::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::File(file) => file.poll_piece(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece?)))),
            Kind::Stream { pieces, left } => {
                let next = std::task::ready!(pieces.poll_next_unpin(context));
                if let (Some(Ok(piece)), Some(left)) = (&next, left) {
                    *left = left.saturating_sub(piece.len() as u64);
                }
                Poll::Ready(next.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Full(bytes) => bytes.is_none(),
            Kind::File(file) => file.left() == 0,
            Kind::Stream { left, .. } => *left == Some(0),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::File(file) => SizeHint::with_exact(file.left()),
            Kind::Stream { left: Some(left), .. } => SizeHint::with_exact(*left),
            Kind::Stream { left: None, .. } => SizeHint::default(),
        }
    }
}

impl std::fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseBody").field("size", &self.size_hint()).finish()
    }
}
