//! A second copy of every blob, in another store.
//!
//! The copy stands in the place that the blob's digest has there. Its bytes are verified on their way: what is damaged in the
//! first store never gets into the second.

use std::collections::HashSet;
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};

use super::transfer::{put_in_place, verified};
use super::{Registry, RegistryOptions};
use crate::error::RegistryResult;
use crate::protocol::digest::Digest;
use crate::store::inventory::{BlobInventory, BlobState};
use crate::store::replication::{FailedReplication, Replication, ReplicationEnd, ReplicationStatus, ReplicationTask};
use crate::store::{
    BlobLocation, BlobStore, ByteStream, MetadataStore, StoreError, StoreErrorKind, StoreResult, Timestamp,
};

/// For how long a blob is taken. Whoever copies it takes it for longer as long as bytes come.
const TURN: Duration = Duration::from_secs(60);
/// How long after that is done it is done again.
const KEPT_AFTER: Duration = Duration::from_secs(20);
/// For how long a copy is taken that is to be deleted: a blob that is pushed meanwhile is copied afterwards.
const DELETION_TURN: Duration = RegistryOptions::HOLD_LIFETIME;
/// How long after its first failure something is tried again. After each that follows it takes twice as long.
const RETRY_AFTER: Duration = Duration::from_secs(10);
/// The longest that it takes.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);
/// How much of what went wrong is remembered.
const ERROR_BYTES: usize = 1000;
/// How many blobs are looked at in one go.
const PAGE: usize = 1000;
/// How long an upload in the second store stands still that nobody goes on with.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Where second copies go, and where the bytes come from.
#[derive(Debug, Clone)]
pub struct Replica {
    /// The second store.
    pub blobs: Arc<dyn BlobStore>,
    /// The files in it.
    pub inventory: Arc<dyn BlobInventory>,
    /// The files in the first store, maybe read no faster than an operator wants.
    pub source: Arc<dyn BlobInventory>,
    /// Whether copies of blobs are deleted that were collected. Otherwise they stay.
    pub deletes: bool,
}

/// What was done about a second copy.
#[derive(Debug)]
pub enum Replicated {
    /// It was made, of so many bytes.
    Copied(u64),
    /// It was there before.
    Present,
    /// It was deleted, because the blob was collected.
    Deleted,
    /// Nothing: the blob was collected, and its copy, if there is one, stays.
    Forgotten,
    /// Nothing: somebody else is at it, or the blob is just being deleted.
    Nothing,
    /// It could not be made or deleted, and is tried again later.
    Failed {
        /// What went wrong.
        error: StoreError,
        /// Whether it is the second store that cannot be used at the moment, so that it would fail for others as well.
        is_replica_away: bool,
    },
}

/// What was found to be nobody's in the second store, until it is looked at again.
#[derive(Debug, Default)]
pub struct ReplicaLeftovers(HashSet<BlobLocation>);

impl Registry {
    /// Notes all blobs as behind of which nothing is known, so that they get their second copy: those that are older than the
    /// wish for one, were imported, or were pushed to a server that did not know of it. Returns how many.
    ///
    /// May be dropped at any point, and may run in several processes at once.
    ///
    /// # Errors
    /// `Store` if the metadata fail. What was noted before stays noted.
    pub async fn note_unreplicated(&self) -> RegistryResult<u64> {
        let (mut noted, mut after) = (0, None);
        loop {
            let page = self.metadata.note_unreplicated(after.as_ref(), PAGE).await?;
            noted += page.noted as u64;
            after = page.last;
            if after.is_none() {
                return Ok(noted);
            }
        }
    }

    /// Takes the next thing that is to be done about second copies; `None` if there is nothing to do at the moment.
    ///
    /// # Errors
    /// `Store` if the metadata fail.
    pub async fn take_replication(&self, now: Timestamp) -> RegistryResult<Option<Replication>> {
        Ok(self.metadata.take_replication(now, now.plus(TURN)).await?)
    }

    /// Does what was taken, and records what became of it. Needs memory for a few pieces of a megabyte beside what the second
    /// store takes for an upload.
    ///
    /// May be dropped at any point: then somebody else takes it once its turn is over.
    ///
    /// # Errors
    /// `Store` if the metadata fail; somebody else takes it then.
    pub async fn replicate(&self, replica: &Replica, taken: Replication) -> RegistryResult<Replicated> {
        let (task, digest, failures) = (taken.task, taken.digest, taken.failures);
        let turn = Turn::new(&self.metadata, taken);
        let done = match task {
            ReplicationTask::Copy => self.make_copy(replica, &turn).await?,
            ReplicationTask::Forget => self.forget_copy(replica, &turn).await?,
        };
        let end = match &done {
            Replicated::Copied(_) | Replicated::Present => ReplicationEnd::Copied,
            Replicated::Deleted | Replicated::Forgotten => ReplicationEnd::Forgotten,
            Replicated::Nothing => return Ok(done),
            Replicated::Failed { error, .. } => {
                let next_turn = again_after(Timestamp::now(), &digest, failures);
                ReplicationEnd::Failed { next_turn, error: shown(error) }
            }
        };
        self.metadata.end_replication(&turn.taken(), &end).await?;
        Ok(done)
    }

    /// Tells how far second copies are behind, and what failed, those first that are tried again first, up to `limit`.
    ///
    /// # Errors
    /// `Store` if the metadata fail.
    pub async fn replication_status(
        &self,
        limit: usize,
    ) -> RegistryResult<(ReplicationStatus, Vec<FailedReplication>)> {
        Ok((self.metadata.replication_status().await?, self.metadata.failed_replications(limit).await?))
    }

    /// Removes from the second store what copies have left that were cut off: uploads that have stood still for a day, and
    /// bytes that were not in their place at the last look either. Returns how many.
    ///
    /// # Errors
    /// The second store's. What was removed before is removed.
    pub async fn purge_replica(
        &self,
        replica: &Replica,
        now: Timestamp,
        leftovers: &mut ReplicaLeftovers,
    ) -> StoreResult<u64> {
        let mut purged = 0;
        for staged in replica.blobs.staged_before(now.minus(ABANDONED_AFTER), PAGE).await? {
            replica.blobs.discard(&staged).await?;
            purged += 1;
        }
        let (mut found, mut after) = (HashSet::new(), None);
        loop {
            let page = replica.blobs.displaced(after.as_ref(), PAGE).await?;
            after = page.items.last().cloned();
            for location in page.items {
                if leftovers.0.contains(&location) {
                    replica.blobs.delete(&location).await?;
                    purged += 1;
                } else {
                    found.insert(location);
                }
            }
            if !page.more {
                break;
            }
        }
        leftovers.0 = found;
        Ok(purged)
    }

    async fn make_copy(&self, replica: &Replica, turn: &Turn) -> RegistryResult<Replicated> {
        let digest = turn.taken().digest;
        let Some(blob) = self.metadata.recorded_blob(&digest).await? else {
            // It was noted in the moment in which it was collected.
            return Ok(Replicated::Forgotten);
        };
        match blob.state {
            BlobState::Served => {}
            BlobState::Condemned => return Ok(Replicated::Nothing),
            BlobState::Quarantined => {
                let why = "it is quarantined until it is pushed again";
                return Ok(source_failed(StoreError::new(StoreErrorKind::Corrupt, why)));
            }
        }
        let place = replica.blobs.place(&digest);
        match replica.inventory.stored_size(&place).await {
            Ok(Some(size_bytes)) if size_bytes == blob.size_bytes => return Ok(Replicated::Present),
            Ok(_) => {}
            Err(error) => return Ok(replica_failed(error)),
        }
        let content = match replica.source.read_stored(&blob.location, blob.size_bytes).await {
            Ok(content) => content,
            Err(error) => return Ok(source_failed(error)),
        };
        let (content, broke_off) = turn.over(verified(content, digest));
        Ok(match put_in_place(&*replica.blobs, &digest, content).await {
            Ok(()) => Replicated::Copied(blob.size_bytes),
            Err(error) if !broke_off.load(Ordering::Relaxed) => replica_failed(error),
            // Somebody else is at it, or the blob was collected.
            Err(error) if error.kind() == StoreErrorKind::Conflict => Replicated::Nothing,
            Err(error) => source_failed(error),
        })
    }

    async fn forget_copy(&self, replica: &Replica, turn: &Turn) -> RegistryResult<Replicated> {
        let digest = turn.taken().digest;
        // Where links are written, a copy may be a manifest as well.
        let is_needed = self.metadata.recorded_blob(&digest).await?.is_some()
            || !self.metadata.manifests_among(&[digest]).await?.is_empty();
        if !replica.deletes || is_needed {
            return Ok(Replicated::Forgotten);
        }
        if !turn.keep_until(Timestamp::now().plus(DELETION_TURN)).await? {
            return Ok(Replicated::Nothing);
        }
        Ok(match replica.blobs.delete(&replica.blobs.place(&digest)).await {
            Ok(()) => Replicated::Deleted,
            Err(error) => replica_failed(error),
        })
    }
}

/// What was taken, for as long as it is ours.
#[derive(Clone)]
struct Turn {
    metadata: Arc<dyn MetadataStore>,
    taken: Arc<Mutex<Replication>>,
}

impl Turn {
    fn new(metadata: &Arc<dyn MetadataStore>, taken: Replication) -> Self {
        Self { metadata: Arc::clone(metadata), taken: Arc::new(Mutex::new(taken)) }
    }

    fn taken(&self) -> Replication {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the turn while content passes, and tells whether the content broke off or the turn was lost.
    fn over(&self, content: ByteStream) -> (ByteStream, Arc<AtomicBool>) {
        let broke_off = Arc::new(AtomicBool::new(false));
        let state = (self.clone(), content, Arc::clone(&broke_off));
        let content = futures::stream::try_unfold(state, async |(turn, mut content, broke_off)| {
            let piece = match turn.keep().await {
                Ok(()) => content.try_next().await,
                Err(error) => Err(error),
            };
            let piece = piece.inspect_err(|_| broke_off.store(true, Ordering::Relaxed))?;
            Ok(piece.map(|piece| (piece, (turn, content, broke_off))))
        });
        (content.boxed(), broke_off)
    }

    async fn keep(&self) -> StoreResult<()> {
        let until = Timestamp::now().plus(TURN);
        if until < self.taken().turn_end.plus(KEPT_AFTER) || self.keep_until(until).await? {
            return Ok(());
        }
        Err(StoreError::new(StoreErrorKind::Conflict, "the turn to copy it is over"))
    }

    async fn keep_until(&self, turn_end: Timestamp) -> StoreResult<bool> {
        let is_kept = self.metadata.keep_replication(&self.taken(), turn_end).await?;
        if is_kept {
            self.taken.lock().unwrap_or_else(PoisonError::into_inner).turn_end = turn_end;
        }
        Ok(is_kept)
    }
}

fn source_failed(error: StoreError) -> Replicated {
    Replicated::Failed { error, is_replica_away: false }
}

fn replica_failed(error: StoreError) -> Replicated {
    let is_replica_away = matches!(error.kind(), StoreErrorKind::Unavailable | StoreErrorKind::OutOfSpace);
    Replicated::Failed { error, is_replica_away }
}

/// Returns when something is tried again that failed at `now`, and so many times before. What failed together is spread over
/// half of the time.
fn again_after(now: Timestamp, digest: &Digest, failures: u32) -> Timestamp {
    let longest = RETRY_AFTER.saturating_mul(2u32.saturating_pow(failures)).min(RETRY_AFTER_MAX);
    let chance = u32::from_str_radix(&digest.hex()[..4], 16).unwrap_or_default();
    // Another one for every attempt.
    let chance = (chance ^ failures.wrapping_mul(40_503)) & 0xffff;
    now.plus(longest / 2 + longest / 2 * chance / 0x1_0000)
}

/// Returns an error with its causes, cut off.
fn shown(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text.truncate(text.floor_char_boundary(ERROR_BYTES));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::digest::Algorithm;

    #[test]
    fn what_fails_again_and_again_is_tried_every_hour_at_least() {
        let now = Timestamp::from_micros(0);
        for content in ["a", "b", "c"] {
            let digest = Digest::of(Algorithm::Sha256, content.as_bytes());
            for (failures, seconds) in [(0, 10), (1, 20), (2, 40), (8, 2560), (9, 3600), (31, 3600), (u32::MAX, 3600)] {
                let longest = Duration::from_secs(seconds);
                let again = again_after(now, &digest, failures);
                assert!(again >= now.plus(longest / 2) && again <= now.plus(longest), "{content} {failures} {again:?}");
            }
        }
    }

    #[test]
    fn an_error_is_shown_with_its_causes_and_has_an_end() {
        let cause = StoreError::new(StoreErrorKind::Other, "ä".repeat(1000));
        let shown = shown(&StoreError::with_source(StoreErrorKind::Other, "copying it", cause));
        assert!(shown.starts_with("copying it: ä") && shown.len() <= ERROR_BYTES, "{}", shown.len());
    }
}
