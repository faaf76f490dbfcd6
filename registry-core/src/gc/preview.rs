//! Tells what a collection would do.

use crate::error::RegistryResult;
use crate::protocol::digest::Digest;
use crate::registry::Registry;
use crate::store::Timestamp;
use crate::store::gc::{Explanation, Suspect, SuspectKind};
use crate::store::metadata::ReviewSubject;

/// How many things are looked at in one go.
const PAGE: usize = 500;

/// Something that a collection would look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What it is.
    pub subject: ReviewSubject,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Whether it would be deleted; otherwise something refers to it.
    pub is_eligible: bool,
}

impl Registry {
    /// Tells `report` of everything that is due for review at `now`, first manifests and then blobs, and changes nothing.
    /// What a manifest refers to that would go gets its own grace period then, and is not told of. Nor is what can be restored
    /// no more, and gets one as well.
    ///
    /// # Errors
    /// `Store`.
    pub async fn preview_garbage(
        &self,
        now: Timestamp,
        delete_untagged: bool,
        report: &mut (dyn FnMut(Candidate) + Send),
    ) -> RegistryResult<()> {
        let kinds = [SuspectKind::Manifests, SuspectKind::Blobs];
        for kind in kinds.into_iter().skip(usize::from(!delete_untagged)) {
            let mut cursor = 0;
            loop {
                let page = self.metadata.suspects(kind, now, cursor, PAGE).await?;
                let is_last = page.len() < PAGE;
                for Suspect { subject, size_bytes, is_referenced, cursor: at } in page {
                    cursor = at;
                    report(Candidate { subject, size_bytes, is_eligible: !is_referenced });
                }
                if is_last {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Tells what decides whether a blob or manifest is kept; of every list up to `limit`.
    ///
    /// # Errors
    /// `Store`.
    pub async fn explain(&self, digest: &Digest, limit: usize) -> RegistryResult<Explanation> {
        Ok(self.metadata.explain(digest, limit).await?)
    }
}
