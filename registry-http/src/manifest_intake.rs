//! The way in for manifests, which are the only bodies that are held whole, and a bound on what they take together.
//!
//! Small manifests, which nearly all are, just come in. A larger one first gets room for its bytes, which all requests
//! share, and later its turn to be read and stored, which takes some times its size once more. Who waits for either sends
//! nothing meanwhile, holds next to nothing, and is told to come back if it takes too long.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::StatusCode;
use registry_core::body::BodyStream;
use registry_core::protocol::error_code::ErrorCode;
use registry_core::protocol::reference::RepositoryName;
use registry_core::registry::{ManifestPush, PushedManifest};
use registry_core::{Registry, RegistryError, RegistryOptions};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::ApiError;

/// Up to here a manifest is small.
const SMALL_BYTES: u64 = 64 * 1024;
/// What the larger ones hold together, from before their first byte to after their storing: while one of the largest is
/// stored, another one arrives.
const ROOM_BYTES: u64 = 2 * RegistryOptions::MANIFEST_MAX_BYTES;
/// What is read and stored of them at a time: one of the largest, or several that are not. Until it is in a database, one
/// takes up to ten times its size.
const TURN_BYTES: u64 = RegistryOptions::MANIFEST_MAX_BYTES;
/// How long one waits for room, and for its turn.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a larger one may take to arrive, so that slow senders do not keep the room from others.
const ARRIVAL: Duration = Duration::from_secs(30);

/// Permits are counted in this many bytes.
const UNIT_BYTES: u64 = 1024;

/// Takes in the manifests of all requests. Cheap to clone; all clones share one room.
#[derive(Debug, Clone)]
pub(crate) struct ManifestIntake {
    room: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

/// A manifest's bytes, with the room that they take. It is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) payload: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

impl Default for ManifestIntake {
    fn default() -> Self {
        let units = |bytes| Arc::new(Semaphore::new(units(bytes) as usize));
        Self { room: units(ROOM_BYTES), turns: units(TURN_BYTES) }
    }
}

impl ManifestIntake {
    /// Receives a manifest's bytes, and not one more than a manifest may have. Without a `length`, it is taken for one of
    /// the largest as soon as it is not small.
    ///
    /// # Errors
    /// 413 if it is too large, 503 if there is no room for too long, 408 if it takes too long to arrive, and what is wrong
    /// with the body.
    pub(crate) async fn receive(&self, length: Option<u64>, mut body: BodyStream) -> Result<Received, ApiError> {
        let limit_bytes = RegistryOptions::MANIFEST_MAX_BYTES;
        let too_large = || ApiError::from(RegistryError::ManifestTooLarge { limit_bytes });
        let length = length.unwrap_or_default();
        if length > limit_bytes {
            return Err(too_large());
        }
        let (mut room, mut room_bytes) = (None, SMALL_BYTES);
        let mut deadline = None;
        if length > room_bytes {
            (room, room_bytes) = (Some(wait_for(&self.room, length).await?), length);
            deadline = Some(Instant::now() + ARRIVAL);
        }
        let mut payload = BytesMut::with_capacity(length as usize);
        while let Some(piece) = next(&mut body, deadline).await? {
            let received = (payload.len() + piece.len()) as u64;
            if received > limit_bytes {
                return Err(too_large());
            }
            if received > room_bytes {
                (room, room_bytes) = (Some(wait_for(&self.room, limit_bytes).await?), limit_bytes);
                deadline = Some(Instant::now() + ARRIVAL);
            }
            payload.extend_from_slice(&piece);
        }
        let unused = units(room_bytes).saturating_sub(units(payload.len() as u64));
        drop(room.as_mut().and_then(|room| room.split(unused as usize)));
        Ok(Received { payload: payload.freeze(), _room: room })
    }

    /// Puts a manifest into a repository. A larger one waits for its turn, and is read on a thread that may block.
    ///
    /// # Errors
    /// Those of [`Registry::put_manifest`], and 503 if its turn does not come for too long.
    pub(crate) async fn put(
        &self,
        registry: &Registry,
        repository: &RepositoryName,
        push: ManifestPush,
    ) -> Result<PushedManifest, ApiError> {
        let bytes = push.payload.len() as u64;
        if bytes <= SMALL_BYTES {
            return Ok(registry.put_manifest(repository, push).await?);
        }
        let _turn = wait_for(&self.turns, bytes.min(TURN_BYTES)).await?;
        let reader = registry.clone();
        let checked = match tokio::task::spawn_blocking(move || reader.check_manifest(push)).await {
            Ok(checked) => checked?,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => return Err(ApiError::unavailable("the registry is stopping")),
        };
        Ok(registry.store_manifest(repository, checked).await?)
    }
}

const fn units(bytes: u64) -> u32 {
    bytes.div_ceil(UNIT_BYTES) as u32
}

async fn wait_for(semaphore: &Arc<Semaphore>, bytes: u64) -> Result<OwnedSemaphorePermit, ApiError> {
    match timeout(PATIENCE, Arc::clone(semaphore).acquire_many_owned(units(bytes))).await {
        Ok(permit) => Ok(permit.expect("the semaphore is never closed")),
        Err(_) => Err(ApiError::unavailable("too many large manifests are being pushed at the moment")),
    }
}

async fn next(body: &mut BodyStream, deadline: Option<Instant>) -> Result<Option<Bytes>, ApiError> {
    let piece = match deadline {
        None => body.next().await,
        Some(deadline) => timeout_at(deadline, body.next()).await.map_err(|_| {
            let message = format!(
                "the manifest did not arrive within {} seconds, as one of more than {SMALL_BYTES} bytes must",
                ARRIVAL.as_secs()
            );
            ApiError::new(StatusCode::REQUEST_TIMEOUT, ErrorCode::ManifestInvalid, message)
        })?,
    };
    piece.transpose().map_err(|error| RegistryError::Body(error).into())
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use futures::stream;
    use registry_core::body::BodyError;
    use registry_core::protocol::reference::Reference;

    use super::*;

    const EMPTY_INDEX: &str = r#"{"schemaVersion":2,"manifests":[]}"#;
    const LARGEST: u64 = RegistryOptions::MANIFEST_MAX_BYTES;

    fn body(pieces: Vec<usize>) -> BodyStream {
        stream::iter(pieces).map(|len| Ok(Bytes::from(vec![b' '; len]))).boxed()
    }

    /// A body that stops coming after `len` bytes.
    fn stalled(len: usize) -> BodyStream {
        body(vec![len]).chain(stream::once(pending::<Result<Bytes, BodyError>>())).boxed()
    }

    fn whole(len: u64) -> BodyStream {
        body(vec![len as usize])
    }

    #[tokio::test(start_paused = true)]
    async fn what_arrives_is_what_was_sent() {
        let intake = ManifestIntake::default();
        for pieces in [vec![], vec![10], vec![65_536], vec![65_536, 1], vec![1_000_000; 4], vec![LARGEST as usize]] {
            let sum: usize = pieces.iter().sum();
            for length in [None, Some(sum as u64)] {
                let received = intake.receive(length, body(pieces.clone())).await.unwrap();
                assert_eq!(received.payload.len(), sum);
                let taken = units(ROOM_BYTES) as usize - intake.room.available_permits();
                assert_eq!(taken, if sum > 65_536 { sum.div_ceil(1024) } else { 0 }, "{pieces:?} {length:?}");
            }
        }
        assert_eq!(intake.room.available_permits(), units(ROOM_BYTES) as usize);
    }

    #[tokio::test(start_paused = true)]
    async fn one_byte_too_many_is_too_large() {
        let intake = ManifestIntake::default();
        for (length, pieces) in [(Some(LARGEST + 1), vec![]), (None, vec![LARGEST as usize, 1])] {
            let refused = intake.receive(length, body(pieces)).await.unwrap_err();
            assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_room_a_large_manifest_waits_and_a_small_one_does_not() {
        let intake = ManifestIntake::default();
        let mut held = Vec::new();
        for _ in 0..ROOM_BYTES / LARGEST {
            held.push(intake.receive(Some(LARGEST), whole(LARGEST)).await.unwrap());
        }
        intake.receive(None, whole(SMALL_BYTES)).await.unwrap();
        for length in [None, Some(SMALL_BYTES + 1)] {
            let began = Instant::now();
            let refused = intake.receive(length, whole(SMALL_BYTES + 1)).await.unwrap_err();
            assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(began.elapsed() >= PATIENCE);
        }
        let waiting = intake.clone();
        let waiting = tokio::spawn(async move { waiting.receive(Some(LARGEST), whole(LARGEST)).await });
        tokio::time::sleep(PATIENCE / 2).await;
        assert!(!waiting.is_finished());
        held.pop();
        assert_eq!(waiting.await.unwrap().unwrap().payload.len() as u64, LARGEST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_sender_does_not_keep_its_room() {
        let intake = ManifestIntake::default();
        for (length, len) in [(Some(LARGEST), 0), (Some(LARGEST), 100), (None, 100_000)] {
            let refused = intake.receive(length, stalled(len)).await.unwrap_err();
            assert_eq!(refused.status(), StatusCode::REQUEST_TIMEOUT);
            assert_eq!(intake.room.available_permits(), units(ROOM_BYTES) as usize);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_breaks_off_gives_its_room_back() {
        let intake = ManifestIntake::default();
        let broken = body(vec![100_000]).chain(stream::iter([Err(BodyError::TimedOut(1))])).boxed();
        let refused = intake.receive(Some(LARGEST), broken).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(intake.room.available_permits(), units(ROOM_BYTES) as usize);
    }

    #[tokio::test(start_paused = true)]
    async fn large_manifests_are_read_in_turn() {
        let (intake, registry) = (ManifestIntake::default(), Registry::in_memory());
        let repository: RepositoryName = "a/b".parse().unwrap();
        let push = |len: usize| ManifestPush {
            reference: Reference::Tag("t".parse().unwrap()),
            tags: Vec::new(),
            content_type: Some("application/vnd.oci.image.index.v1+json".to_owned()),
            payload: [EMPTY_INDEX, &" ".repeat(len - EMPTY_INDEX.len())].concat().into(),
        };
        let turn = wait_for(&intake.turns, TURN_BYTES).await.unwrap();
        intake.put(&registry, &repository, push(SMALL_BYTES as usize)).await.unwrap();
        let refused = intake.put(&registry, &repository, push(SMALL_BYTES as usize + 1)).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(turn);
        intake.put(&registry, &repository, push(LARGEST as usize)).await.unwrap();
        assert_eq!(intake.turns.available_permits(), units(TURN_BYTES) as usize);
    }
}
