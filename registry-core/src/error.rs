//! What an operation can answer instead of what was asked for.

use crate::body::BodyError;
use crate::protocol::digest::Digest;
use crate::protocol::manifest::ManifestError;
use crate::protocol::reference::{Reference, RepositoryName, Tag};
use crate::store::{StoreError, UploadId};

/// The result of every operation.
pub type RegistryResult<T> = Result<T, RegistryError>;

/// An outcome other than success: one variant per outcome of the protocol, with its data.
///
/// The texts are for the client. What only an operator should see stays in the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Nothing was ever put into the repository.
    #[error("repository `{0}` is not known to this registry")]
    RepositoryUnknown(RepositoryName),
    /// Clients go on pushing into the repository that is to be deleted.
    #[error("repository `{0}` is not empty, because clients go on pushing into it; stop them and try again")]
    RepositoryBusy(RepositoryName),
    /// The tag did not point to that, or too long ago.
    #[error("tag `{tag}` of repository `{repository}` cannot be restored: nothing is remembered of `{reference}`")]
    TagNotRestorable {
        /// Where it was looked for.
        repository: RepositoryName,
        /// What was to be restored.
        tag: Tag,
        /// What it was to point to; the tag itself if nothing was named.
        reference: Reference,
    },
    /// The repository does not have the blob.
    #[error("blob `{digest}` is not in repository `{repository}`")]
    BlobUnknown {
        /// Where it was looked for.
        repository: RepositoryName,
        /// What was looked for.
        digest: Digest,
    },
    /// The repository does not have the manifest.
    #[error("manifest `{reference}` is not in repository `{repository}`")]
    ManifestUnknown {
        /// Where it was looked for.
        repository: RepositoryName,
        /// What was looked for.
        reference: Reference,
    },
    /// The repository has no such upload, or has it no more.
    #[error(
        "upload `{upload}` is not known in repository `{repository}`; it may have been completed, cancelled or expired"
    )]
    UploadUnknown {
        /// Where it was looked for.
        repository: RepositoryName,
        /// What was looked for.
        upload: UploadId,
    },
    /// Another request is writing to the upload.
    #[error("another request is writing to upload `{0}`; ask for its status and continue from there")]
    UploadBusy(UploadId),
    /// The chunk does not start where the upload stands.
    #[error("the chunk starts at byte {start}, but the upload continues at byte {offset}")]
    ChunkOutOfOrder {
        /// Where the upload stands.
        offset: u64,
        /// Where the chunk starts.
        start: u64,
    },
    /// The chunk's body is not as long as its range says.
    #[error("the chunk's range takes {expected} bytes, but its body has {relation} {received}")]
    ChunkSize {
        /// What the range says.
        expected: u64,
        /// `only` or `at least`.
        relation: &'static str,
        /// What arrived.
        received: u64,
    },
    /// The content does not have the digest that the client named.
    #[error("the content's digest is `{actual}`, not `{expected}` as the request says")]
    DigestMismatch {
        /// What the client named.
        expected: Box<Digest>,
        /// What the content has.
        actual: Box<Digest>,
    },
    /// The manifest is not a valid one.
    #[error(transparent)]
    ManifestInvalid(#[from] ManifestError),
    /// The manifest is larger than this registry takes.
    #[error("the manifest is larger than {limit_bytes} bytes, which is the most this registry takes")]
    ManifestTooLarge {
        /// The most that is taken.
        limit_bytes: u64,
    },
    /// A descriptor of the manifest has a URL that the operator does not want.
    #[error("the manifest has a descriptor with the URL `{0}`, which this registry's rules do not permit")]
    UrlDenied(String),
    /// The manifest refers to what the repository does not have.
    #[error("the manifest refers to content that is not in repository `{repository}`: {}", list(.missing))]
    ManifestBlobUnknown {
        /// Where it was looked for.
        repository: RepositoryName,
        /// What is missing; not empty.
        missing: Vec<Digest>,
    },
    /// One push sets more tags than this registry takes at once.
    #[error("the request sets {count} tags; at most {limit} can be set at once")]
    TooManyTags {
        /// How many it sets.
        count: usize,
        /// How many it may set.
        limit: usize,
    },
    /// Deleting is switched off.
    #[error("deleting is disabled in this registry; its operator can enable it by `storage.delete.enabled`")]
    DeleteDisabled,
    /// Nothing can be changed at the moment.
    #[error("this registry is read-only at the moment; pulls work, pushes and deletes do not")]
    ReadOnly,
    /// The request's body did not arrive whole.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// A store failed.
    #[error("the registry's storage or database failed")]
    Store(#[from] StoreError),
}

impl RegistryError {
    /// Says that content has another digest than the client named.
    pub(crate) fn digest_mismatch(expected: &Digest, actual: &Digest) -> Self {
        Self::DigestMismatch { expected: Box::new(*expected), actual: Box::new(*actual) }
    }
}

fn list(missing: &[Digest]) -> String {
    const SHOWN: usize = 5;
    let mut text = missing.iter().take(SHOWN).map(|digest| format!("`{digest}`")).collect::<Vec<_>>().join(", ");
    if missing.len() > SHOWN {
        text.push_str(&format!(" and {} more", missing.len() - SHOWN));
    }
    text
}
