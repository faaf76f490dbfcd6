//! Blobs that were committed elsewhere than in their place: moving them there, and deleting what is left behind.

use std::error::Error;
use std::time::Duration;

use futures::StreamExt;

use super::{Registry, RegistryOptions};
use crate::error::RegistryResult;
use crate::protocol::digest::Digest;
use crate::store::displaced::{DisplacedBlob, Displacement};
use crate::store::inventory::{BlobState, RecordedBlob};
use crate::store::{BlobLocation, StoreResult, Timestamp};

/// How many blobs are taken in one go.
const BATCH: usize = 20;
/// How many of them are moved at the same time. The storage does the work.
const AT_ONCE: usize = 4;
/// How many locations are listed in one go.
const PAGE: usize = 1000;
/// How long whoever was told of a location can still read there.
const READERS_GRACE: Duration = Duration::from_secs(60 * 60);
/// How long after one attempt comes the next, and after a first deletion the second: no push that was under way at the
/// first can still record its bytes at the second.
const NEXT_TURN: Duration = RegistryOptions::HOLD_LIFETIME;

/// What became of blobs that were not in their place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MoveReport {
    /// Blobs that are in their place now.
    pub moved: u64,
    /// Their sizes in bytes.
    pub moved_bytes: u64,
    /// Locations whose bytes are nobody's any more, and were deleted.
    pub deleted: u64,
    /// Blobs that could not be moved, and locations whose bytes could not be deleted; each is tried again later.
    pub failed: u64,
}

impl MoveReport {
    /// Tells whether there was nothing to do.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Registry {
    /// Has the storage move blobs to their places that were committed elsewhere, and deletes what earlier moves, and pushes
    /// of the same content, have left behind. Whoever was told of the old location can read there for another hour.
    ///
    /// May be dropped at any point, and may run in several processes at once. A registry that is read-only does nothing.
    ///
    /// # Errors
    /// `Store` if the metadata fail. What was moved before stays moved.
    pub async fn move_displaced(&self, now: Timestamp) -> RegistryResult<MoveReport> {
        let mut report = MoveReport::default();
        if self.options.read_only {
            return Ok(report);
        }
        loop {
            let taken = self.metadata.take_displaced(now, now.plus(NEXT_TURN), BATCH).await?;
            let is_last = taken.len() < BATCH;
            let turns = taken.into_iter().map(async |blob| {
                let done = self.settle_displaced(now, &blob).await;
                (blob, done)
            });
            let mut turns = futures::stream::iter(turns).buffer_unordered(AT_ONCE);
            while let Some((blob, done)) = turns.next().await {
                match done {
                    Ok(Settled::Moved(size_bytes)) => {
                        report.moved += 1;
                        report.moved_bytes += size_bytes;
                    }
                    Ok(Settled::Deleted) => report.deleted += 1,
                    Ok(Settled::Nothing) => {}
                    Err(error) => {
                        let (location, error) = (&blob.location, &error as &dyn Error);
                        tracing::warn!(%location, error, "a blob that is not in its place is left there for now");
                        report.failed += 1;
                    }
                }
            }
            if is_last {
                return Ok(report);
            }
        }
    }

    /// Looks for bytes that a push has put into the storage and that were never recorded, because its process was killed in
    /// between. They are deleted once no upload can go on with them. Returns how many were found.
    ///
    /// # Errors
    /// `Store`. What was found before is noted.
    pub async fn find_displaced(&self, now: Timestamp) -> RegistryResult<usize> {
        let delete_after = now.plus(self.abandoned_after());
        let (mut found, mut last) = (0, None);
        if self.options.read_only {
            return Ok(found);
        }
        loop {
            let page = self.blobs.displaced(last.as_ref(), PAGE).await?;
            found += self.metadata.note_displaced(&page.items, delete_after).await?;
            if !page.more {
                return Ok(found);
            }
            last = page.items.into_iter().next_back();
        }
    }

    async fn settle_displaced(&self, now: Timestamp, blob: &DisplacedBlob) -> StoreResult<Settled> {
        let location = &blob.location;
        match &blob.state {
            Displacement::Recorded(digest) => self.move_blob(now, digest, location).await,
            Displacement::Left => {
                self.blobs.delete(location).await?;
                Ok(Settled::Deleted)
            }
            Displacement::Deleted => {
                self.blobs.delete(location).await?;
                self.metadata.forget_displaced(std::slice::from_ref(location)).await?;
                Ok(Settled::Nothing)
            }
        }
    }

    async fn move_blob(&self, now: Timestamp, digest: &Digest, location: &BlobLocation) -> StoreResult<Settled> {
        let record = self.metadata.recorded_blob(digest).await?;
        let Some(blob) = record.filter(|blob| blob.location == *location) else {
            self.metadata.leave_displaced(location, now.plus(READERS_GRACE)).await?;
            return Ok(Settled::Nothing);
        };
        if blob.state != BlobState::Served {
            // It is being deleted, or its bytes are damaged, and a push may replace them.
            return Ok(Settled::Nothing);
        }
        // No collector deletes what is in the place of the blob, or being put there.
        let until = Timestamp::now().plus(RegistryOptions::HOLD_LIFETIME);
        let hold = self.metadata.hold_blob(digest, Timestamp::now(), until).await?;
        let moved = self.move_held(now, &blob).await;
        self.metadata.end_hold(hold).await?;
        moved
    }

    async fn move_held(&self, now: Timestamp, blob: &RecordedBlob) -> StoreResult<Settled> {
        let RecordedBlob { digest, size_bytes, .. } = blob;
        if self.metadata.recorded_blob(digest).await?.as_ref() != Some(blob) {
            return Ok(Settled::Nothing);
        }
        let place = self.blobs.place(digest);
        self.blobs.copy_to_place(&blob.location, digest).await?;
        if self.metadata.relocate_blob(blob, &place, now.plus(READERS_GRACE)).await? {
            return Ok(Settled::Moved(*size_bytes));
        }
        // It was pushed again, or took so long that it was collected: then nothing has recorded what is in place now.
        self.metadata.record_stray_blob(digest, *size_bytes, &place, self.pushed_review_after()).await?;
        Ok(Settled::Nothing)
    }
}

/// What was done about bytes that are not in the place of a blob.
enum Settled {
    /// They are in place now: so many.
    Moved(u64),
    /// They were nobody's, and are deleted.
    Deleted,
    /// Their time has not come, or they were deleted before.
    Nothing,
}
