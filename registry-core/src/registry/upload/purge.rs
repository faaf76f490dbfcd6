//! Ends uploads that nobody goes on with.

use std::time::Duration;

use crate::error::RegistryResult;
use crate::registry::Registry;
use crate::store::Timestamp;

/// How many uploads are looked at in one go.
const BATCH: usize = 100;
/// How much longer than a session's lifetime staged bytes without a session are left alone: clocks of the storage and
/// of this machine may differ.
const CLOCK_MARGIN: Duration = Duration::from_secs(24 * 60 * 60);

/// What a purge found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PurgeReport {
    /// Sessions that had expired.
    pub expired: u64,
    /// Staged uploads that a crash had left without a session.
    pub abandoned: u64,
}

impl Registry {
    /// Counts what [`purge_uploads`](Self::purge_uploads) would end, up to a hundred of each kind.
    ///
    /// # Errors
    /// `Store`.
    pub async fn expired_uploads(&self, now: Timestamp) -> RegistryResult<PurgeReport> {
        let expired = self.metadata.expired_uploads(now, BATCH).await?.len() as u64;
        let abandoned = self.blobs.staged_before(self.abandoned_before(now), BATCH).await?.len() as u64;
        Ok(PurgeReport { expired, abandoned })
    }

    /// Ends every session that has expired at `now`, and discards staged bytes that no session can own any more.
    ///
    /// Repeatable, and safe to run in several processes at once.
    ///
    /// # Errors
    /// `Store`; what was purged before stays purged.
    pub async fn purge_uploads(&self, now: Timestamp) -> RegistryResult<PurgeReport> {
        let mut report = PurgeReport::default();
        loop {
            let expired = self.metadata.expired_uploads(now, BATCH).await?;
            for upload in &expired {
                // Bytes first: if this is cut short, the record is still there to try again by.
                self.blobs.discard(&upload.staged).await?;
                self.metadata.remove_upload(&upload.repository, upload.id).await?;
                report.expired += 1;
            }
            if expired.len() < BATCH {
                break;
            }
        }
        let before = self.abandoned_before(now);
        loop {
            let abandoned = self.blobs.staged_before(before, BATCH).await?;
            for staged in &abandoned {
                self.blobs.discard(staged).await?;
                report.abandoned += 1;
            }
            if abandoned.len() < BATCH {
                break;
            }
        }
        Ok(report)
    }

    /// The last write to staged bytes that no session can own any more was before this.
    fn abandoned_before(&self, now: Timestamp) -> Timestamp {
        now.minus(self.abandoned_after())
    }

    /// How long after the last write to staged bytes no session can own them any more.
    pub(in crate::registry) fn abandoned_after(&self) -> Duration {
        self.options.upload_lifetime.saturating_add(CLOCK_MARGIN)
    }
}
