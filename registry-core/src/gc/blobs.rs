//! Blobs that are due.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::time::{Duration, Instant};

use futures::StreamExt;

use super::collect::{CollectReport, Collected, retry_after};
use crate::error::RegistryResult;
use crate::registry::Registry;
use crate::store::gc::CondemnedBlob;
use crate::store::{BlobLocation, Timestamp};

/// How many blobs one transaction looks at. Others wait for a few milliseconds at most.
const BLOBS: usize = 100;
/// How many of them are handed to the storage together. It has some seconds for each, so that all are gone by the end of the
/// lease.
const DELETED_TOGETHER: usize = 25;
/// For how long a collector has blobs to itself that it has condemned.
const LEASE: Duration = Duration::from_secs(5 * 60);
/// How long after that began it deletes bytes. The rest of the lease is for a deletion that is slow, and for clocks that
/// differ between processes.
const DELETION_BEGINS_WITHIN: Duration = Duration::from_secs(60);

impl Registry {
    pub(super) async fn delete_blobs(
        &self,
        now: Timestamp,
        parallelism: usize,
        report: &mut CollectReport,
        progress: &mut (dyn FnMut(Collected<'_>) + Send),
    ) -> RegistryResult<()> {
        loop {
            let began = Instant::now();
            let reviewed = self.metadata.condemn_blobs(now, lease_end(now), BLOBS).await?;
            report.kept += reviewed.kept;
            // Blobs that are held stay due.
            let done = reviewed.done || (reviewed.kept == 0 && reviewed.condemned.is_empty());
            self.delete_condemned(now, began, reviewed.condemned, parallelism, report, progress).await?;
            if done {
                return Ok(());
            }
        }
    }

    async fn delete_condemned(
        &self,
        now: Timestamp,
        began: Instant,
        condemned: Vec<CondemnedBlob>,
        parallelism: usize,
        report: &mut CollectReport,
        progress: &mut (dyn FnMut(Collected<'_>) + Send),
    ) -> RegistryResult<()> {
        self.settle_condemned(&condemned).await;
        let needed = self.payloads_among(&condemned).await?;
        let (mut gone, condemned): (Vec<_>, Vec<_>) =
            condemned.into_iter().partition(|blob| needed.contains(&blob.digest));
        let kept = gone.len();
        let groups: Vec<Vec<CondemnedBlob>> =
            condemned.chunks(DELETED_TOGETHER).map(<[CondemnedBlob]>::to_vec).collect();
        let deletions = groups.into_iter().map(async |blobs| self.delete_bytes(blobs, began).await);
        let mut deletions = futures::stream::iter(deletions).buffer_unordered(parallelism.max(1));
        let mut failed = Vec::new();
        while let Some(deleted) = deletions.next().await {
            for (blob, is_gone) in deleted {
                if is_gone {
                    gone.push(blob);
                } else {
                    let review_after = retry_after(now, blob.failures);
                    failed.push((blob, review_after));
                }
            }
        }
        if gone.is_empty() && failed.is_empty() {
            return Ok(());
        }
        self.metadata.forget_blobs(&gone, &failed).await?;
        report.failed += failed.len() as u64;
        report.kept += kept as u64;
        for blob in &gone[kept..] {
            report.blobs += 1;
            report.bytes += blob.size_bytes;
            progress(Collected::Blob(&blob.digest, blob.size_bytes));
        }
        Ok(())
    }

    /// Deletes the bytes of condemned blobs, and returns which of them are gone; none of them if it is too late to begin
    /// with that. The lease of what is not returned runs out by itself.
    async fn delete_bytes(&self, blobs: Vec<CondemnedBlob>, began: Instant) -> Vec<(CondemnedBlob, bool)> {
        if began.elapsed() > DELETION_BEGINS_WITHIN {
            tracing::warn!(blobs = blobs.len(), "deleting blobs takes long; these are left for the next time");
            return Vec::new();
        }
        let mut locations: Vec<BlobLocation> = blobs.iter().map(|blob| blob.location.clone()).collect();
        // What is elsewhere may have been in its place before, or was just about to be moved there.
        locations.extend(blobs.iter().map(|blob| self.blobs.place(&blob.digest)));
        let mut among = HashSet::new();
        locations.retain(|location| among.insert(location.clone()));
        let mut failed = HashMap::new();
        for (location, deleted) in locations.iter().zip(self.blobs.delete_all(&locations).await) {
            failed.extend(deleted.err().map(|error| (location, error)));
        }
        let outcomes = blobs.into_iter().map(|blob| {
            let CondemnedBlob { digest, location, .. } = &blob;
            let error = failed.get(location).or_else(|| failed.get(&self.blobs.place(digest)));
            if let Some(error) = error {
                let (error, failures) = (error as &dyn Error, blob.failures + 1);
                tracing::error!(%digest, %location, failures, error, "a blob could not be deleted");
            }
            let is_gone = error.is_none();
            (blob, is_gone)
        });
        outcomes.collect()
    }
}

fn lease_end(now: Timestamp) -> Timestamp {
    // `now` may be any moment that the caller collects for; the lease is real.
    now.max(Timestamp::now()).plus(LEASE)
}
