//! The body of a push, as it comes in.

use std::pin::Pin;

use bytes::Bytes;
use futures::Stream;

/// The bytes that a client sends. Ends after the last of them; an error is the last item.
pub type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send>>;

/// Why a body did not arrive whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The client went away.
    #[error("the client ended the connection before the end of the body")]
    Aborted(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The client sent nothing for too long.
    #[error("the body made no progress for {0} seconds")]
    TimedOut(u64),
}
