//! The port to a storage's identity, by which it knows the database that it belongs to.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use uuid::Uuid;

use super::error::StoreResult;

/// The name of the setting in which a database keeps the identity of the storage that it belongs to.
pub const IDENTITY_SETTING: &str = "storage.identity";

/// The name of a storage: a random UUID, which the storage and its database both keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StorageIdentity(Uuid);

impl StorageIdentity {
    /// How many bytes its text has.
    pub const TEXT_BYTES: usize = 36;

    /// Makes a new one.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for StorageIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// The text is not the identity of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the identity of a storage; expected a UUID in its hyphenated form")]
pub struct StorageIdentityError;

impl FromStr for StorageIdentity {
    type Err = StorageIdentityError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(s).map(Self).map_err(|_| StorageIdentityError)
    }
}

/// Keeps the identity of a storage, beside the blobs.
#[async_trait]
pub trait IdentityStore: Send + Sync + fmt::Debug + 'static {
    /// Returns the storage's identity, by one small read.
    ///
    /// # Errors
    /// `Corrupt` if there is something else in its place.
    async fn identity(&self) -> StoreResult<Option<StorageIdentity>>;

    /// Gives the storage an identity if it has none, durably, and returns the one that it has then. Of several processes
    /// at once one decides, and all get its identity.
    async fn settle_identity(&self, identity: StorageIdentity) -> StoreResult<StorageIdentity>;

    /// Gives the storage an identity, durably, in place of the one that it has, if any.
    async fn replace_identity(&self, identity: StorageIdentity) -> StoreResult<()>;

    /// Tells whether another registry has kept its repositories in this storage, as distribution does.
    async fn has_foreign_repositories(&self) -> StoreResult<bool>;
}
