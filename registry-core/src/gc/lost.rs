//! Bytes that were put in place and never recorded, because their process was killed in between.

use crate::error::RegistryResult;
use crate::registry::Registry;
use crate::store::Timestamp;

/// How many of them a collection looks for. There are no more than pushes that were killed in one moment.
const LOST: usize = 1000;

impl Registry {
    /// Puts the bytes up for review of blobs that were about to be recorded by somebody who let the time for that run out.
    pub(super) async fn review_lost_blobs(&self, now: Timestamp) -> RegistryResult<()> {
        let Some(links) = self.link_store() else { return Ok(()) };
        for digest in self.metadata.expired_holds(now, LOST).await? {
            if let Some(stored) = links.stat_blob(&digest).await? {
                let (size_bytes, review_after) = (stored.size_bytes, self.pushed_review_after());
                if self.metadata.record_stray_blob(&digest, size_bytes, &stored.location, review_after).await? {
                    tracing::info!(%digest, size_bytes, "the bytes of a push that was cut off are put up for review");
                }
            }
        }
        Ok(())
    }
}
