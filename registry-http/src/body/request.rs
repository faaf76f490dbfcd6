//! How what comes in reaches the operations.

use bytes::Bytes;
use futures::StreamExt;
use http_body::Body;
use http_body_util::BodyStream as FrameStream;
use registry_core::body::{BodyError, BodyStream};

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
