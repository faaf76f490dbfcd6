//! Manifests that are due.

use std::error::Error;

use super::collect::{CollectReport, Collected, retry_after};
use crate::error::RegistryResult;
use crate::protocol::digest::Digest;
use crate::protocol::reference::RepositoryName;
use crate::registry::Registry;
use crate::store::Timestamp;
use crate::store::gc::FailedManifest;
use crate::store::links::Link;

/// How many manifests one transaction looks at. Each that goes takes its references along.
const MANIFESTS: usize = 20;

impl Registry {
    pub(super) async fn delete_manifests(
        &self,
        now: Timestamp,
        report: &mut CollectReport,
        progress: &mut (dyn FnMut(Collected<'_>) + Send),
    ) -> RegistryResult<()> {
        loop {
            let review_after = self.review_after_loss(now);
            let reviewed = self.metadata.collect_manifests(now, review_after, MANIFESTS).await?;
            self.deleted(&reviewed.deleted, report, progress).await;
            report.kept += reviewed.kept;
            // Something due may be left alone that changed just now, so that nothing may have happened without being done.
            let nothing_happened = reviewed.kept == 0 && reviewed.deleted.is_empty() && reviewed.failed.is_empty();
            self.put_off(now, reviewed.failed, report).await?;
            if reviewed.done || nothing_happened {
                return Ok(());
            }
        }
    }

    pub(super) async fn deleted(
        &self,
        manifests: &[(RepositoryName, Digest, u64)],
        report: &mut CollectReport,
        progress: &mut (dyn FnMut(Collected<'_>) + Send),
    ) {
        for (repository, digest, size_bytes) in manifests {
            self.settle_collected(repository, &Link::Manifest(*digest)).await;
            report.manifests += 1;
            report.bytes += size_bytes;
            progress(Collected::Manifest(repository, digest));
        }
    }

    async fn put_off(
        &self,
        now: Timestamp,
        failed: Vec<FailedManifest>,
        report: &mut CollectReport,
    ) -> RegistryResult<()> {
        if failed.is_empty() {
            return Ok(());
        }
        report.failed += failed.len() as u64;
        let mut put_off = Vec::with_capacity(failed.len());
        for FailedManifest { repository, digest, failures, error } in failed {
            let error = &error as &dyn Error;
            tracing::error!(%repository, %digest, failures = failures + 1, error, "a manifest could not be collected");
            put_off.push((repository, digest, retry_after(now, failures)));
        }
        Ok(self.metadata.put_off_manifests(&put_off).await?)
    }
}
