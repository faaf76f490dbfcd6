//! Bodies: what goes out, and how what comes in reaches the operations.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyStream as FrameStream, Full};
use registry_core::body::{BodyError, BodyStream};

/// Why a response's body broke off.
pub type ResponseError = Box<dyn std::error::Error + Send + Sync>;

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, ResponseError>> + Send>>;

/// The body of a response.
pub struct ResponseBody(Kind);

enum Kind {
    Full(Option<Bytes>),
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
            Kind::Stream { left, .. } => *left == Some(0),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
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

/// Reads pieces of a file as fast as the client takes them; each read happens on the blocking pool.
pub(crate) fn file_pieces(file: std::fs::File, range: std::ops::Range<u64>) -> Pieces {
    const PIECE_BYTES: u64 = 256 * 1024;
    let file = std::sync::Arc::new(file);
    futures::stream::try_unfold(range, move |range| {
        let file = std::sync::Arc::clone(&file);
        async move {
            if range.is_empty() {
                return Ok(None);
            }
            let end = range.end.min(range.start + PIECE_BYTES);
            let (offset, len) = (range.start, (end - range.start) as usize);
            let piece = tokio::task::spawn_blocking(move || read_piece(&file, offset, len)).await??;
            Ok::<_, ResponseError>(Some((piece, end..range.end)))
        }
    })
    .boxed()
}

fn read_piece(file: &std::fs::File, offset: u64, len: usize) -> std::io::Result<Bytes> {
    use std::os::unix::fs::FileExt;
    let mut piece = vec![0; len];
    file.read_exact_at(&mut piece, offset)?;
    Ok(piece.into())
}

/// The body of a request could not be received.
pub type RequestError = Box<dyn std::error::Error + Send + Sync>;

/// Turns a request's body into what the operations take. Trailers are ignored.
pub(crate) fn into_pieces<B>(body: B) -> BodyStream
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<RequestError>,
{
    FrameStream::new(body)
        .filter_map(|frame| {
            std::future::ready(match frame {
                Ok(frame) => frame.into_data().ok().filter(|data| !data.is_empty()).map(Ok),
                Err(error) => Some(Err(body_error(error.into()))),
            })
        })
        .boxed()
}

/// Tells a client that was too slow from one that went away.
fn body_error(error: RequestError) -> BodyError {
    match error.downcast::<BodyError>() {
        Ok(error) => *error,
        Err(error) => BodyError::Aborted(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn a_range_of_a_file_comes_out_exactly() {
        let content: Vec<u8> = (0..700_000u32).map(|n| n as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        let body = ResponseBody::stream(file_pieces(file, 3..600_001), Some(599_998));
        assert_eq!(body.size_hint().exact(), Some(599_998));
        assert_eq!(body.collect().await.unwrap().to_bytes(), content[3..600_001]);
    }

    #[tokio::test]
    async fn a_file_that_is_too_short_breaks_the_body_off() {
        let file = tempfile::tempfile().unwrap();
        let body = ResponseBody::stream(file_pieces(file, 0..1), Some(1));
        assert!(body.collect().await.is_err());
    }
}
