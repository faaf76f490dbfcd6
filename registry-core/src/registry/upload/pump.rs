//! Moves a body into a writer: the next batch is received and hashed while the last one is written.

use std::pin::Pin;

use bytes::Bytes;
use futures::{Stream, StreamExt};

use super::held::Lease;
use crate::body::BodyError;
use crate::error::{RegistryError, RegistryResult};
use crate::protocol::digest::Digester;
use crate::store::BlobWriter;

/// How much is written at once. Two batches are in memory at a time: one being written, one being received.
const BATCH_BYTES: usize = 1024 * 1024;

/// How far a body came.
pub(super) struct Taken {
    /// How many bytes were hashed and written, also if it ended with an error.
    pub(super) written: u64,
    pub(super) outcome: RegistryResult<()>,
}

#[derive(Default)]
struct Batch {
    pieces: Vec<Bytes>,
    len: usize,
    /// Nothing comes after this batch.
    last: bool,
    error: Option<BodyError>,
}

/// Pumps until the body ends, which has to be after `expected` bytes if that is given. `lease` is kept
/// alive meanwhile.
pub(super) async fn pump(
    writer: &mut dyn BlobWriter,
    digester: &mut Digester,
    body: impl Stream<Item = Result<Bytes, BodyError>>,
    expected: Option<u64>,
    mut lease: Option<&mut Lease<'_>>,
) -> Taken {
    let mut body = std::pin::pin!(body);
    let mut written = 0;
    let mut batch = gather(body.as_mut(), digester).await;
    let outcome = loop {
        let after = written + batch.len as u64;
        if let Some(expected) = expected.filter(|expected| after > *expected) {
            break Err(RegistryError::ChunkSize { expected, relation: "at least", received: after });
        }
        let Batch { pieces, last, error, .. } = batch;
        let write = async {
            if pieces.is_empty() {
                return Ok(());
            }
            if let Some(lease) = &mut lease {
                lease.keep().await?;
            }
            writer.write(pieces).await
        };
        if last {
            if let Err(failed) = write.await {
                break Err(failed.into());
            }
            written = after;
            break match (error, expected) {
                (Some(error), _) => Err(error.into()),
                (None, Some(expected)) if after < expected => {
                    Err(RegistryError::ChunkSize { expected, relation: "only", received: after })
                }
                (None, _) => Ok(()),
            };
        }
        let (wrote, next) = futures::join!(write, gather(body.as_mut(), digester));
        if let Err(failed) = wrote {
            break Err(failed.into());
        }
        written = after;
        batch = next;
    };
    Taken { written, outcome }
}

async fn gather(mut body: Pin<&mut impl Stream<Item = Result<Bytes, BodyError>>>, digester: &mut Digester) -> Batch {
    let mut batch = Batch::default();
    while batch.len < BATCH_BYTES {
        match body.next().await {
            Some(Ok(piece)) => {
                digester.update(&piece);
                batch.len += piece.len();
                batch.pieces.push(piece);
            }
            Some(Err(error)) => {
                batch.error = Some(error);
                batch.last = true;
                break;
            }
            None => {
                batch.last = true;
                break;
            }
        }
    }
    batch
}
