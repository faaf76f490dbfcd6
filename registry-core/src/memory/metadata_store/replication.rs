use std::ops::Bound;

use async_trait::async_trait;

use super::{MemoryMetadataStore, Tables};
use crate::protocol::digest::Digest;
use crate::store::inventory::BlobState;
use crate::store::replication::{
    FailedReplication, NotedBlobs, Replication, ReplicationEnd, ReplicationStatus, ReplicationStore, ReplicationTask,
};
use crate::store::{StoreResult, Timestamp};

/// The turn of what nothing is to be done about.
const NEVER: Timestamp = Timestamp::from_micros(i64::MAX);
/// The turn of what is to be done at once.
const NOW: Timestamp = Timestamp::from_micros(0);

/// What is known of the second copy of a blob.
#[derive(Debug)]
pub(super) struct Replicated {
    size_bytes: u64,
    progress: Progress,
    turn_after: Timestamp,
    noted_at: Timestamp,
    failures: u32,
    error: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Behind,
    Copied,
    /// The blob was collected.
    Left,
    /// It was, and somebody may be deleting the copy.
    Ending,
}

impl Progress {
    fn task(self) -> ReplicationTask {
        match self {
            Self::Behind | Self::Copied => ReplicationTask::Copy,
            Self::Left | Self::Ending => ReplicationTask::Forget,
        }
    }
}

impl Replicated {
    fn behind(size_bytes: u64) -> Self {
        let (progress, noted_at) = (Progress::Behind, Timestamp::now());
        Self { size_bytes, progress, turn_after: NOW, noted_at, failures: 0, error: String::new() }
    }

    fn is_to_do(&self) -> bool {
        self.turn_after < NEVER
    }
}

#[async_trait]
impl ReplicationStore for MemoryMetadataStore {
    async fn note_unreplicated(&self, after: Option<&Digest>, limit: usize) -> StoreResult<NotedBlobs> {
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut tables = self.tables();
        let Tables { blobs, replicated, .. } = &mut *tables;
        let (mut noted, mut last) = (0, None);
        for (digest, blob) in blobs.range((first, Bound::Unbounded)).take(limit) {
            last = Some(*digest);
            if blob.state == BlobState::Served && !replicated.contains_key(digest) {
                replicated.insert(*digest, Replicated::behind(blob.size_bytes));
                noted += 1;
            }
        }
        Ok(NotedBlobs { noted, last })
    }

    async fn take_replication(&self, now: Timestamp, turn_end: Timestamp) -> StoreResult<Option<Replication>> {
        let mut tables = self.tables();
        let due = tables.replicated.iter_mut().filter(|(_, found)| found.is_to_do() && found.turn_after <= now);
        let Some((digest, found)) = due.min_by_key(|(digest, found)| (found.turn_after, **digest)) else {
            return Ok(None);
        };
        if found.progress == Progress::Left {
            found.progress = Progress::Ending;
        }
        found.turn_after = turn_end;
        let (task, failures) = (found.progress.task(), found.failures);
        Ok(Some(Replication { digest: *digest, task, failures, turn_end }))
    }

    async fn keep_replication(&self, taken: &Replication, turn_end: Timestamp) -> StoreResult<bool> {
        let mut tables = self.tables();
        let found = tables.taken(taken);
        let is_ours = found.is_some();
        if let Some(found) = found {
            found.turn_after = turn_end;
        }
        Ok(is_ours)
    }

    async fn end_replication(&self, taken: &Replication, end: &ReplicationEnd) -> StoreResult<bool> {
        let mut tables = self.tables();
        let Some(found) = tables.taken(taken) else { return Ok(false) };
        match end {
            ReplicationEnd::Copied => {
                *found = Replicated {
                    progress: Progress::Copied,
                    turn_after: NEVER,
                    noted_at: found.noted_at,
                    ..Replicated::behind(found.size_bytes)
                };
            }
            ReplicationEnd::Forgotten => {
                tables.replicated.remove(&taken.digest);
            }
            ReplicationEnd::Failed { next_turn, error } => {
                found.turn_after = *next_turn;
                found.failures += 1;
                found.error.clone_from(error);
            }
        }
        Ok(true)
    }

    async fn replication_status(&self) -> StoreResult<ReplicationStatus> {
        let tables = self.tables();
        let mut status = ReplicationStatus::default();
        for found in tables.replicated.values().filter(|found| found.is_to_do()) {
            status.failing += u64::from(found.failures > 0);
            if found.progress == Progress::Behind {
                status.behind_blobs += 1;
                status.behind_bytes += found.size_bytes;
                let since = status.behind_since.unwrap_or(found.noted_at);
                status.behind_since = Some(since.min(found.noted_at));
            }
        }
        Ok(status)
    }

    async fn failed_replications(&self, limit: usize) -> StoreResult<Vec<FailedReplication>> {
        let tables = self.tables();
        let failed = tables.replicated.iter().filter(|(_, found)| found.failures > 0);
        let mut failed: Vec<_> = failed
            .map(|(digest, found)| FailedReplication {
                digest: *digest,
                size_bytes: found.size_bytes,
                task: found.progress.task(),
                failures: found.failures,
                next_turn: found.turn_after,
                error: found.error.clone(),
            })
            .collect();
        failed.sort_by_key(|failed| (failed.next_turn, failed.digest));
        failed.truncate(limit);
        Ok(failed)
    }
}

impl Tables {
    /// Notes that a blob is recorded that is to have a second copy.
    pub(super) fn replicate(&mut self, digest: Digest, size_bytes: u64) {
        let Some(found) = self.replicated.get_mut(&digest) else {
            self.replicated.insert(digest, Replicated::behind(size_bytes));
            return;
        };
        let turn_after = match found.progress {
            Progress::Left => NOW,
            // Not before whoever deletes the copy has come to his end.
            Progress::Ending => found.turn_after,
            Progress::Behind | Progress::Copied => return,
        };
        *found = Replicated { turn_after, ..Replicated::behind(size_bytes) };
    }

    /// Notes that a blob is gone.
    pub(super) fn leave_replica(&mut self, digest: &Digest) {
        let Some(found) = self.replicated.get_mut(digest) else { return };
        match found.progress {
            Progress::Copied => found.turn_after = NOW,
            // Somebody may be making the copy until then.
            Progress::Behind => {}
            Progress::Left | Progress::Ending => return,
        }
        (found.progress, found.failures) = (Progress::Left, 0);
        found.error.clear();
    }

    fn taken(&mut self, taken: &Replication) -> Option<&mut Replicated> {
        self.replicated.get_mut(&taken.digest).filter(|found| {
            found.turn_after == taken.turn_end
                && found.progress != Progress::Left
                && found.progress.task() == taken.task
        })
    }
}
