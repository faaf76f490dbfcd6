//! What distribution's storage has twice to mean: a file among the blobs that is a manifest, a blob, or both.
//!
//! Where links are written, a manifest's payload is also a file in the place that a blob of that digest has. Nobody may
//! delete it as long as there is either of them.
//!
//! - A manifest is recorded before its file is put in place, and that while the blob is held. So a collector that deletes
//!   the bytes of the blob finds the manifest, or its push waits for the deletion and finds that there is no file.
//! - Once a manifest is gone, its file is put up for review as a blob that no repository has, unless there is a blob of
//!   that digest. The collector keeps the bytes of a blob that a manifest has as well, and forgets the blob alone.

use std::collections::HashSet;
use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;

use super::links::LINKS_AT_ONCE;
use super::{Registry, RegistryOptions};
use crate::error::RegistryResult;
use crate::protocol::digest::Digest;
use crate::protocol::reference::RepositoryName;
use crate::store::gc::CondemnedBlob;
use crate::store::links::{Link, LinkStore};
use crate::store::{StoreError, StoreErrorKind, StoreResult, UploadId};

impl Registry {
    /// Puts the file of a manifest that is recorded in its place, if it is not there.
    pub(super) async fn write_payload(
        &self,
        links: &Arc<dyn LinkStore>,
        digest: &Digest,
        payload: Bytes,
    ) -> RegistryResult<()> {
        self.holding(digest, self.write_held_payload(links, digest, payload)).await
    }

    async fn write_held_payload(
        &self,
        links: &Arc<dyn LinkStore>,
        digest: &Digest,
        payload: Bytes,
    ) -> RegistryResult<()> {
        let stored = links.stat_blob(digest).await?;
        if stored.is_some_and(|stored| stored.size_bytes == payload.len() as u64) {
            return Ok(());
        }
        let staged = self.blobs.stage(UploadId::random()).await?;
        let writer = self.blobs.open_writer(&staged, 0).await?;
        if let Err(error) = writer.commit(vec![payload], digest).await {
            self.discard(&staged).await;
            return Err(error.into());
        }
        Ok(())
    }

    /// Has the file of a manifest that is gone from a repository collected, unless something needs it.
    pub(super) async fn give_up_payload(&self, links: &Arc<dyn LinkStore>, digest: &Digest) -> RegistryResult<()> {
        let review_after = self.review_after();
        let give_up = async {
            if let Some(stored) = links.stat_blob(digest).await? {
                let (size_bytes, location) = (stored.size_bytes, stored.location);
                self.metadata.record_stray_blob(digest, size_bytes, &location, review_after).await?;
            }
            Ok(())
        };
        self.holding(digest, give_up).await
    }

    /// Keeps a file from being deleted during some work that records no blob.
    async fn holding(&self, digest: &Digest, work: impl Future<Output = RegistryResult<()>>) -> RegistryResult<()> {
        let hold = self.hold_blob(digest).await?;
        let done = work.await;
        let counted = self.metadata.end_hold(hold).await?;
        done?;
        if counted {
            return Ok(());
        }
        let context = format!("the file of manifest `{digest}` was held for too long, and may be gone");
        Err(StoreError::new(StoreErrorKind::Unavailable, context).into())
    }

    /// Returns those of some condemned blobs whose bytes are a manifest's as well, which is so only where links are written.
    pub(crate) async fn payloads_among(&self, condemned: &[CondemnedBlob]) -> StoreResult<HashSet<Digest>> {
        let small = condemned.iter().filter(|blob| blob.size_bytes <= RegistryOptions::MANIFEST_MAX_BYTES);
        let small: Vec<Digest> = small.map(|blob| blob.digest).collect();
        if self.written_links().is_none() || small.is_empty() {
            return Ok(HashSet::new());
        }
        Ok(self.metadata.manifests_among(&small).await?.into_iter().collect())
    }

    /// Settles the links to condemned blobs.
    pub(crate) async fn settle_condemned(&self, condemned: &[CondemnedBlob]) {
        if self.written_links().is_none() {
            return;
        }
        let each =
            condemned.iter().flat_map(|blob| blob.repositories.iter().map(|name| (name, Link::Blob(blob.digest))));
        let each: Vec<_> = each.map(async |(name, link)| self.settle_collected(name, &link).await).collect();
        futures::stream::iter(each).buffer_unordered(LINKS_AT_ONCE).collect::<()>().await;
    }

    /// Settles the link of something that a collection took. It is gone whether or not its link is, and nothing else is to
    /// wait for that.
    pub(crate) async fn settle_collected(&self, repository: &RepositoryName, link: &Link) {
        if let Err(error) = self.settle_link(repository, link).await {
            let error = &error as &dyn Error;
            tracing::warn!(%repository, %link, error, "the link of what was collected could not be removed");
        }
    }
}
