//! What the indexes of calls stand for.

use bytes::Bytes;
use registry_core::protocol::digest::{Algorithm, Digest, Digester};
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::metadata::UploadRecord;
use registry_core::store::{ClaimToken, StagedUpload, Timestamp, UploadId};

pub(super) const REPOSITORIES: [&str; 3] = ["a", "a/b", "a/c"];
pub(super) const TAGS: [&str; 3] = ["Latest", "latest", "1"];
/// Blobs and manifests have few digests, and share them.
pub(super) const CONTENTS: usize = 4;
pub(super) const UPLOADS: usize = 3;

/// Names of repositories, uploads and claims; random ones are drawn once and are the same for both stores.
pub(super) struct Names {
    pub(super) repositories: [RepositoryName; REPOSITORIES.len()],
    pub(super) uploads: [UploadId; UPLOADS],
    pub(super) claims: [ClaimToken; UPLOADS],
}

impl Names {
    pub(super) fn draw() -> Self {
        Self {
            repositories: REPOSITORIES.map(|name| name.parse().unwrap()),
            uploads: std::array::from_fn(|_| UploadId::random()),
            claims: std::array::from_fn(|_| ClaimToken::random()),
        }
    }

    /// Returns what is recorded of an upload.
    pub(super) fn upload(&self, upload: usize, repository: usize, offset: u64, expires: i64) -> UploadRecord {
        UploadRecord {
            id: self.uploads[upload],
            repository: self.repositories[repository].clone(),
            staged: StagedUpload::new(format!("staged {offset}")),
            offset,
            algorithm: Algorithm::Sha256,
            digester_state: Digester::new(Algorithm::Sha256).save(),
            expires_at: at(expires),
        }
    }
}

pub(super) fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// Contents differ in size, so that limits in bytes matter.
pub(super) fn content(index: usize) -> Bytes {
    Bytes::from(format!("{index}{}", ".".repeat(index * 5)))
}

pub(super) fn digest(index: usize) -> Digest {
    // Both algorithms, so that the order of digests as text is that of the model.
    Digest::of(Algorithm::ALL[index % 2], &content(index))
}

pub(super) fn digests(indexes: &[usize]) -> Vec<Digest> {
    indexes.iter().copied().map(digest).collect()
}
