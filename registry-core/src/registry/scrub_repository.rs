//! Reading everything that one repository has.

use std::pin::pin;

use futures::StreamExt;

use super::Registry;
use super::repair::RepairStores;
use super::scrub::{ScrubFinding, ScrubObserver, ScrubReport, examine_all};
use crate::protocol::reference::{Reference, RepositoryName};
use crate::store::{StoreError, StoreErrorKind, StoreResult};

/// How many blobs or names of manifests are listed at a time.
const PAGE: usize = 100;

impl Registry {
    /// Reads every blob and every manifest of a repository, and quarantines blobs that are damaged, for every repository that
    /// has them. How far it is is noted nowhere, so that it and a [`scrub`](Self::scrub) of everything leave each other alone.
    ///
    /// May be dropped at any point. What it has found holds then.
    ///
    /// # Errors
    /// `NotFound` if there is no such repository; `Unavailable` if a blob is missing because the storage is not the one that
    /// the database belongs to; whatever the stores say.
    pub async fn scrub_repository(
        &self,
        stores: RepairStores<'_>,
        repository: &RepositoryName,
        parallelism: usize,
        observer: &mut dyn ScrubObserver,
    ) -> StoreResult<ScrubReport> {
        if !self.metadata.repository_exists(repository).await? {
            let context = format!("repository `{repository}` is not in this registry");
            return Err(StoreError::new(StoreErrorKind::NotFound, context));
        }
        let mut report = ScrubReport::default();
        let mut after = Some(0);
        while let Some(cursor) = after {
            let page = self.metadata.repository_blobs(repository, cursor, PAGE).await?;
            after = page.get(PAGE - 1).map(|last| last.cursor);
            let page = page.into_iter().map(|found| found.blob).collect();
            let mut examined = pin!(examine_all(stores.inventory, page, parallelism));
            while let Some((blob, damage)) = examined.next().await {
                report.blobs += 1;
                report.bytes += blob.size_bytes;
                if let Some(finding) = self.judge(stores, blob, damage?, &mut report).await? {
                    observer.found(&finding);
                }
                observer.progress(&report);
            }
        }
        let mut after = None;
        loop {
            let page = self.metadata.manifest_digests(repository, after.as_ref(), PAGE).await?;
            after = page.get(PAGE - 1).copied();
            for digest in page {
                // The metadata compare a manifest with its digest when they read it.
                match self.metadata.manifest(repository, &Reference::Digest(digest)).await {
                    Ok(found) => {
                        report.manifests += 1;
                        report.bytes += found.map_or(0, |manifest| manifest.payload.len() as u64);
                    }
                    Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                        report.manifests += 1;
                        report.damaged_manifests += 1;
                        tracing::error!(%repository, %digest, "a manifest is damaged");
                        observer.found(&ScrubFinding::Manifest(repository.clone(), digest));
                    }
                    Err(error) => return Err(error),
                }
            }
            observer.progress(&report);
            if after.is_none() {
                return Ok(report);
            }
        }
    }
}
