//! Collects what is due.

use std::error::Error;
use std::time::{Duration, Instant};

use futures::StreamExt;

use crate::error::RegistryResult;
use crate::protocol::digest::Digest;
use crate::protocol::reference::RepositoryName;
use crate::registry::Registry;
use crate::store::gc::{CondemnedBlob, ReviewedBlobs};
use crate::store::import::ImportState;
use crate::store::links::Link;
use crate::store::{BlobLocation, Timestamp};

/// How many past tags one transaction drops. Each may take a manifest along.
const PAST_TAGS: usize = 20;
/// How many manifests one transaction looks at. Each that goes takes its references along.
const MANIFESTS: usize = 20;
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
/// How long after a failure a blob's bytes are deleted again.
const RETRY_AFTER: Duration = Duration::from_secs(10 * 60);

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
    /// Blobs whose bytes could not be deleted; they are tried again later.
    pub failed: u64,
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
    /// is deleted while an import of the storage is unfinished.
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
        loop {
            let began = Instant::now();
            let reviewed = self.metadata.condemn_blobs(now, lease_end(now), BLOBS).await?;
            report.kept += reviewed.kept;
            // Blobs that are held stay due.
            let done = reviewed.done || (reviewed.kept == 0 && reviewed.condemned.is_empty());
            self.delete_condemned(now, began, reviewed, options, &mut report, progress).await?;
            if done {
                return Ok(report);
            }
        }
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
            self.deleted(&dropped.deleted, report, progress).await?;
            if dropped.past_tags < PAST_TAGS {
                return Ok(());
            }
        }
    }

    async fn delete_manifests(
        &self,
        now: Timestamp,
        report: &mut CollectReport,
        progress: &mut (dyn FnMut(Collected<'_>) + Send),
    ) -> RegistryResult<()> {
        loop {
            let review_after = self.review_after_loss(now);
            let reviewed = self.metadata.collect_manifests(now, review_after, MANIFESTS).await?;
            self.deleted(&reviewed.deleted, report, progress).await?;
            report.kept += reviewed.kept;
            // Something due may be left alone that changed just now, so that nothing may have happened without being done.
            if reviewed.done || (reviewed.kept == 0 && reviewed.deleted.is_empty()) {
                return Ok(());
            }
        }
    }

    async fn deleted(
        &self,
        manifests: &[(RepositoryName, Digest, u64)],
        report: &mut CollectReport,
        progress: &mut (dyn FnMut(Collected<'_>) + Send),
    ) -> RegistryResult<()> {
        for (repository, digest, size_bytes) in manifests {
            self.settle_link(repository, &Link::Manifest(*digest)).await?;
            report.manifests += 1;
            report.bytes += size_bytes;
            progress(Collected::Manifest(repository, digest));
        }
        Ok(())
    }

    async fn delete_condemned(
        &self,
        now: Timestamp,
        began: Instant,
        reviewed: ReviewedBlobs,
        options: CollectOptions,
        report: &mut CollectReport,
        progress: &mut (dyn FnMut(Collected<'_>) + Send),
    ) -> RegistryResult<()> {
        let groups: Vec<Vec<CondemnedBlob>> =
            reviewed.condemned.chunks(DELETED_TOGETHER).map(<[CondemnedBlob]>::to_vec).collect();
        let deletions = groups.into_iter().map(async |blobs| self.delete_bytes(blobs, began).await);
        let mut deletions = futures::stream::iter(deletions).buffer_unordered(options.parallelism.max(1));
        let (mut gone, mut failed) = (Vec::new(), Vec::new());
        while let Some(deleted) = deletions.next().await {
            for (blob, is_gone) in deleted {
                if is_gone { &mut gone } else { &mut failed }.push(blob);
            }
        }
        if gone.is_empty() && failed.is_empty() {
            return Ok(());
        }
        self.metadata.forget_blobs(&gone, &failed, now.plus(RETRY_AFTER)).await?;
        report.failed += failed.len() as u64;
        for blob in &gone {
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
        let locations: Vec<BlobLocation> = blobs.iter().map(|blob| blob.location.clone()).collect();
        let deleted = self.blobs.delete_all(&locations).await;
        let outcomes = blobs.into_iter().zip(deleted).map(|(blob, deleted)| {
            if let Err(error) = &deleted {
                let error = error as &dyn Error;
                tracing::error!(digest = %blob.digest, location = %blob.location, error, "a blob could not be deleted");
            }
            (blob, deleted.is_ok())
        });
        outcomes.collect()
    }
}

fn lease_end(now: Timestamp) -> Timestamp {
    // `now` may be any moment that the caller collects for; the lease is real.
    now.max(Timestamp::now()).plus(LEASE)
}
