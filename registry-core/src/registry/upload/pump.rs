//! Moves a body into a writer: the next batch is received and hashed while the last one is written.

use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{Stream, StreamExt};

use super::held::Lease;
use super::room::Place;
use crate::body::BodyError;
use crate::error::{RegistryError, RegistryResult};
use crate::protocol::digest::Digester;
use crate::store::BlobWriter;

/// How many pieces are written at once. Of a body that comes byte by byte, the list of the pieces would else need many
/// times the memory of the bytes.
const BATCH_PIECES: usize = 1024;
/// For how long pieces are gathered if they make up [`SLOW_BATCH_BYTES`]. So what many uploads hold together is bounded by
/// what arrives in this time, whatever their number.
const SLOW_BATCH_AGE: Duration = Duration::from_millis(50);
/// What is worth a write if no more comes in time.
const SLOW_BATCH_BYTES: usize = 64 * 1024;
/// For how long pieces are gathered, however few. What a slow client has sent is written by then, and its claim is renewed.
const BATCH_AGE: Duration = Duration::from_secs(10);

/// How far a body came.
pub(super) struct Pumped {
    /// How many bytes were received and hashed, also if it ended with an error.
    pub(super) bytes: u64,
    /// The last of them, which are not written: whoever does that knows what else there is to do with them.
    pub(super) rest: Vec<Bytes>,
    /// What they take of the room.
    pub(super) place: Place,
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

impl Batch {
    fn is_full(&self, age: Duration, place: &Place) -> bool {
        let is_due =
            age >= BATCH_AGE && !self.pieces.is_empty() || age >= SLOW_BATCH_AGE && self.len >= SLOW_BATCH_BYTES;
        is_due || self.len >= place.batch_bytes() || self.pieces.len() >= BATCH_PIECES
    }
}

/// Pumps until the body ends, which has to be after `expected` bytes if that is given, and leaves the last batch to be
/// written. Two batches are in memory at a time, one being written, one being received; `place` says how long they are.
/// `lease` is kept alive meanwhile.
pub(super) async fn pump(
    writer: &mut dyn BlobWriter,
    digester: &mut Digester,
    body: impl Stream<Item = Result<Bytes, BodyError>>,
    expected: Option<u64>,
    place: Place,
    mut lease: Option<&mut Lease<'_>>,
) -> Pumped {
    let mut body = std::pin::pin!(body);
    let mut batch = gather(body.as_mut(), digester, &place).await;
    let mut bytes = batch.len as u64;
    let mut keep = async || match &mut lease {
        Some(lease) => lease.keep().await,
        None => Ok(()),
    };
    loop {
        if let Some(expected) = expected.filter(|expected| bytes > *expected) {
            return Pumped::failed(
                bytes,
                place,
                RegistryError::ChunkSize { expected, relation: "at least", received: bytes },
            );
        }
        if batch.last {
            let outcome = match (batch.error, expected) {
                _ if let Err(failed) = keep().await => Err(failed.into()),
                (Some(error), _) => Err(error.into()),
                (None, Some(expected)) if bytes < expected => {
                    Err(RegistryError::ChunkSize { expected, relation: "only", received: bytes })
                }
                (None, _) => Ok(()),
            };
            return Pumped { bytes, rest: batch.pieces, place, outcome };
        }
        let write = async {
            keep().await?;
            writer.write(batch.pieces).await
        };
        let (wrote, next) = futures::join!(write, gather(body.as_mut(), digester, &place));
        if let Err(failed) = wrote {
            return Pumped::failed(bytes, place, failed.into());
        }
        batch = next;
        bytes += batch.len as u64;
    }
}

impl Pumped {
    fn failed(bytes: u64, place: Place, error: RegistryError) -> Self {
        Self { bytes, rest: Vec::new(), place, outcome: Err(error) }
    }
}

async fn gather(
    mut body: Pin<&mut impl Stream<Item = Result<Bytes, BodyError>>>,
    digester: &mut Digester,
    place: &Place,
) -> Batch {
    let mut batch = Batch::default();
    let began = Instant::now();
    while !batch.is_full(began.elapsed(), place) {
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

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::super::room::{MOST_BYTES, Room};
    use super::*;
    use crate::protocol::digest::{Algorithm, Digest};
    use crate::store::{BlobLocation, StagedUpload, StoreResult};

    /// Remembers what was written, and how many pieces and bytes at once at most.
    #[derive(Default)]
    struct Recorder {
        written: Vec<u8>,
        most_pieces: usize,
        most_bytes: usize,
    }

    #[async_trait]
    impl BlobWriter for Recorder {
        async fn write(&mut self, pieces: Vec<Bytes>) -> StoreResult<()> {
            self.most_pieces = self.most_pieces.max(pieces.len());
            let before = self.written.len();
            pieces.iter().for_each(|piece| self.written.extend_from_slice(piece));
            self.most_bytes = self.most_bytes.max(self.written.len() - before);
            Ok(())
        }

        async fn sync(&mut self) -> StoreResult<StagedUpload> {
            unreachable!("the pump leaves this to its caller")
        }

        async fn commit(self: Box<Self>, _: Vec<Bytes>, _: &Digest) -> StoreResult<BlobLocation> {
            unreachable!("the pump leaves this to its caller")
        }
    }

    #[tokio::test]
    async fn a_batch_is_bounded_however_the_body_is_cut() {
        let room = Room::default();
        let content: Vec<u8> = (0..3_000_000u32).map(|n| n as u8).collect();
        for (len, piece) in [(5000, 1), (3_000_000, 40_000), (3_000_000, 3_000_000)] {
            let pieces: Vec<_> = content[..len].chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            let (mut writer, mut digester) = (Recorder::default(), Digester::new(Algorithm::Sha256));
            let pumped =
                pump(&mut writer, &mut digester, futures::stream::iter(pieces), None, room.enter(), None).await;
            assert!(pumped.outcome.is_ok());
            assert_eq!(pumped.bytes, len as u64);
            writer.write(pumped.rest).await.unwrap();
            assert!(writer.written == content[..len]);
            assert_eq!(digester.finish(), Digest::of(Algorithm::Sha256, &content[..len]));
            assert!(writer.most_pieces <= BATCH_PIECES, "{} pieces of {piece} bytes", writer.most_pieces);
            assert!(writer.most_bytes < MOST_BYTES + piece, "{} bytes", writer.most_bytes);
        }
    }

    #[test]
    fn what_a_slow_client_has_sent_does_not_wait_for_more() {
        let place = Room::default().enter();
        let mut batch = Batch::default();
        assert!(!batch.is_full(BATCH_AGE, &place), "there is nothing to write");
        batch.pieces.push(Bytes::from_static(b"x"));
        assert!(!batch.is_full(BATCH_AGE / 2, &place));
        assert!(batch.is_full(BATCH_AGE, &place));
        batch.len = SLOW_BATCH_BYTES;
        assert!(!batch.is_full(Duration::ZERO, &place), "a fast client may send more in time");
        assert!(batch.is_full(SLOW_BATCH_AGE, &place));
    }
}
