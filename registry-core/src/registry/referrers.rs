//! Referrers: the manifests that name another as their subject.

use super::Registry;
use crate::error::RegistryResult;
use crate::protocol::digest::Digest;
use crate::protocol::reference::RepositoryName;
use crate::store::metadata::{Page, Referrer, ReferrersQuery};

/// How much one page may hold: a client has to be able to read it as one index.
const PAGE_LIMIT_BYTES: u64 = 4 * 1024 * 1024;

impl Registry {
    /// Lists up to `limit` manifests that refer to `subject`, in the order of their digests, all greater than `after`.
    /// An unknown repository or subject has none.
    ///
    /// Since every manifest's subject is recorded when it is pushed, this also finds those that a client has listed in an
    /// index under the referrers tag schema: nothing is to be merged from there.
    ///
    /// # Errors
    /// `Store`.
    pub async fn list_referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&str>,
        after: Option<&Digest>,
        limit: usize,
    ) -> RegistryResult<Page<Referrer>> {
        self.finish_adoption_of(repository).await?;
        let query = ReferrersQuery { repository, subject, artifact_type, after, limit, limit_bytes: PAGE_LIMIT_BYTES };
        Ok(self.metadata.referrers(query).await?)
    }
}
