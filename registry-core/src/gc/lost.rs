//! Bytes that were put in place and never recorded, because their process was killed in between.
//!
//! A push holds its blob before it puts the bytes in place. Where processes share the metadata, the hold is recorded there,
//! so that a hold which has run out names the blob. A process that has the metadata to itself records no holds, since that
//! would cost every push a write. It is only known of it that it was killed; then all files are compared with all records,
//! as [`fsck`](Registry::fsck) does.

use std::time::Duration;

use super::collect::CollectReport;
use crate::error::RegistryResult;
use crate::registry::{Finding, Registry, Repair, RepairStores};
use crate::store::Timestamp;

/// How many blobs with holds that have run out a collection looks for. There are no more than pushes that were killed in
/// one moment.
const LOST: usize = 1000;
/// The job of comparing all files with all records, and how often that is done at most: a registry that is killed again and
/// again must not be at it all the time.
const COMPARISON: &str = "lostfiles";
const COMPARED_EVERY: Duration = Duration::from_secs(60 * 60);
/// How long a file stays that nobody knows, at least. There are few after a kill, so that they can wait; but if somebody has
/// put an old copy of the database in the place of the right one, they are many, and he has a week to find out.
const UNKNOWN_GRACE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Registry {
    /// Puts the bytes up for review of blobs that were about to be recorded by somebody who let the time for that run out.
    pub(super) async fn review_lost_blobs(&self, now: Timestamp, report: &mut CollectReport) -> RegistryResult<()> {
        let Some(links) = self.link_store() else { return Ok(()) };
        for digest in self.metadata.expired_holds(now, LOST).await? {
            if let Some(stored) = links.stat_blob(&digest).await? {
                let (size_bytes, review_after) = (stored.size_bytes, self.pushed_review_after());
                if self.metadata.record_stray_blob(&digest, size_bytes, &stored.location, review_after).await? {
                    report.found += 1;
                    tracing::info!(%digest, size_bytes, "the bytes of a push that was cut off are put up for review");
                }
            }
        }
        Ok(())
    }

    /// Puts all files up for review that nobody knows, if holds were forgotten and it is time to.
    pub(super) async fn review_unknown_files(&self, now: Timestamp, report: &mut CollectReport) -> RegistryResult<()> {
        let Some(files) = self.files() else { return Ok(()) };
        let Some(forgotten) = self.metadata.forgotten_holds().await? else { return Ok(()) };
        if !self.take_turn(COMPARISON, COMPARED_EVERY, now).await? {
            return Ok(());
        }
        let stores = RepairStores { inventory: &*files.inventory, identity: &*files.identity };
        let mut repairer = self.repairer(stores);
        if !repairer.has_all_repositories().await? {
            return Ok(());
        }
        let review_after = self.pushed_review_after().max(Timestamp::now().plus(UNKNOWN_GRACE));
        let mut found = 0;
        let mut comparison = self.compare_files(&*files.inventory);
        while let Some(finding) = comparison.next_finding().await? {
            let Finding::Unknown(file) = finding else { continue };
            if let Repair::PutUpForReview(_) = repairer.repair_unknown(&file, review_after).await? {
                found += 1;
            }
        }
        self.metadata.end_forgotten_holds(forgotten).await?;
        report.found += found;
        if found > 0 {
            let days = UNKNOWN_GRACE.as_secs() / (24 * 60 * 60);
            tracing::warn!(
                files = found,
                days,
                "files that the database does not know are put up for review, after a kill"
            );
        }
        Ok(())
    }
}
