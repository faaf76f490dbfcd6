//! Collects what is due.

use std::time::Duration;

use crate::error::RegistryResult;
use crate::protocol::digest::Digest;
use crate::protocol::reference::RepositoryName;
use crate::registry::Registry;
use crate::store::Timestamp;
use crate::store::import::ImportState;

/// How many past tags one transaction drops. Each may take a manifest along.
const PAST_TAGS: usize = 20;
/// How long after its first failure something is tried again. After each that follows it takes twice as long.
const RETRY_AFTER: Duration = Duration::from_secs(10 * 60);
/// The longest that it takes.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How to collect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CollectOptions {
    /// Whether manifests go that have no tag and that nothing living lists or is the subject of. Otherwise only blobs go
    /// that no manifest refers to; somebody may still pull an untagged manifest by its digest.
    pub delete_untagged: bool,
    /// How many blobs are deleted at the same time, at least 1.
    pub parallelism: usize,
}

/// Something that was collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collected<'a> {
    /// A manifest of a repository.
    Manifest(&'a RepositoryName, &'a Digest),
    /// A blob and its size in bytes.
    Blob(&'a Digest, u64),
}

/// What a collection did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CollectReport {
    /// Things that tags once pointed to, and that could be restored no more.
    pub past_tags: u64,
    /// Manifests that were deleted.
    pub manifests: u64,
    /// Blobs that were deleted.
    pub blobs: u64,
    /// The bytes of manifests and blobs.
    pub bytes: u64,
    /// Manifests and blobs that were due, but that something refers to.
    pub kept: u64,
    /// Blobs and manifests that could not be deleted; each is tried again by itself, later every time.
    pub failed: u64,
    /// Files that nobody knew, left by pushes that were killed, and put up for review.
    pub found: u64,
}

impl CollectReport {
    /// Tells whether nothing was due.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Registry {
    /// Forgets what tags once pointed to that cannot be restored at `now` any more; then deletes what is due for review and
    /// unreferenced, and tells `progress` of each thing once it is gone. What cannot be deleted stays in the queue. Nothing
    /// is deleted while an import of the storage is unfinished. Last of all it puts up for review what killed pushes have
    /// left in the storage; that may take a look at every file, at most once an hour.
    ///
    /// May be dropped at any point, and may run in several processes at once.
    ///
    /// # Errors
    /// `Store` if the metadata fail. What was collected before stays collected.
    pub async fn collect_garbage(
        &self,
        now: Timestamp,
        options: CollectOptions,
        progress: &mut (dyn FnMut(Collected<'_>) + Send),
    ) -> RegistryResult<CollectReport> {
        let mut report = CollectReport::default();
        // What is not imported yet may refer to a blob or manifest that nothing refers to here.
        if self.metadata.import_state().await? == ImportState::Unfinished {
            tracing::info!("no garbage is collected until the import of the storage is finished");
            return Ok(report);
        }
        self.drop_history(now, &mut report, progress).await?;
        if options.delete_untagged {
            self.delete_manifests(now, &mut report, progress).await?;
        }
        self.review_lost_blobs(now, &mut report).await?;
        self.delete_blobs(now, options.parallelism, &mut report, progress).await?;
        self.review_unknown_files(now, &mut report).await?;
        Ok(report)
    }

    /// What past tags alone kept goes with them if it was deleted before, whether or not untagged manifests do.
    async fn drop_history(
        &self,
        now: Timestamp,
        report: &mut CollectReport,
        progress: &mut (dyn FnMut(Collected<'_>) + Send),
    ) -> RegistryResult<()> {
        loop {
            let dropped = self.metadata.drop_history(now, PAST_TAGS, self.review_after_loss(now)).await?;
            report.past_tags += dropped.past_tags as u64;
            self.deleted(&dropped.deleted, report, progress).await;
            if dropped.past_tags < PAST_TAGS {
                return Ok(());
            }
        }
    }
}

/// Returns when something is tried again that failed at `now`, and so many times before.
pub(super) fn retry_after(now: Timestamp, failures: u32) -> Timestamp {
    now.plus(RETRY_AFTER.saturating_mul(2u32.saturating_pow(failures)).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_again_and_again_is_tried_once_a_day() {
        let now = Timestamp::from_micros(0);
        for (failures, minutes) in [(0, 10), (1, 20), (2, 40), (7, 1280), (8, 1440), (31, 1440), (u32::MAX, 1440)] {
            assert_eq!(retry_after(now, failures), now.plus(Duration::from_secs(minutes * 60)), "{failures}");
        }
    }
}
