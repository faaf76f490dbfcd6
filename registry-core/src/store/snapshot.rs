//! The ports to copies of an embedded database: where they come from, and where they are kept.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;

use super::blob::ByteStream;
use super::error::StoreResult;
use super::identity::StorageIdentity;
use super::timestamp::Timestamp;
use crate::protocol::digest::{Algorithm, Digest};

/// The name of a snapshot: when it was taken, and the sha256 digest of its bytes. Ordered by time.
///
/// Text: `<microseconds since the Unix epoch>-<hex>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotName {
    /// When it was taken.
    pub taken_at: Timestamp,
    /// The digest of its bytes.
    pub digest: Digest,
}

impl fmt::Display for SnapshotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016}-{}", self.taken_at.as_micros(), self.digest.hex())
    }
}

/// The text is not the name of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a snapshot; expected `<microseconds>-<hex of its sha256 digest>`")]
pub struct SnapshotNameError;

impl FromStr for SnapshotName {
    type Err = SnapshotNameError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (micros, hex) = s.split_once('-').ok_or(SnapshotNameError)?;
        let taken_at = micros.parse().map(Timestamp::from_micros).map_err(|_| SnapshotNameError)?;
        let digest = format!("{}:{hex}", Algorithm::Sha256).parse().map_err(|_| SnapshotNameError)?;
        let name = Self { taken_at, digest };
        if name.to_string() == s { Ok(name) } else { Err(SnapshotNameError) }
    }
}

/// A snapshot that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptSnapshot {
    /// Its name.
    pub name: SnapshotName,
    /// How long it is.
    pub size_bytes: u64,
}

/// A copy of a database at one moment.
pub struct Snapshot {
    /// Its name.
    pub name: SnapshotName,
    /// The storage that the database belongs to.
    pub identity: Option<StorageIdentity>,
    /// Its bytes. Where they come from is free again once this is dropped.
    pub content: ByteStream,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("name", &self.name).field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// A database of which copies can be made while it is in use.
#[async_trait]
pub trait SnapshotSource: Send + Sync + fmt::Debug + 'static {
    /// Returns a number that is another one after every change since this source was made. Cheap.
    async fn version(&self) -> StoreResult<i64>;

    /// Copies the database as it is at one moment. Whoever writes to it need not wait. Equal content has equal bytes.
    ///
    /// # Errors
    /// `Unavailable` if another copy is being made, in whatever process.
    async fn snapshot(&self) -> StoreResult<Snapshot>;
}

/// Keeps copies of a database, beside the blobs.
#[async_trait]
pub trait SnapshotStore: Send + Sync + fmt::Debug + 'static {
    /// Keeps a snapshot. Atomic and durable: after an error it is not there.
    async fn keep_snapshot(&self, name: &SnapshotName, content: ByteStream) -> StoreResult<()>;

    /// Returns all snapshots, the newest first.
    async fn snapshots(&self) -> StoreResult<Vec<KeptSnapshot>>;

    /// Reads a snapshot. The reader compares the digest.
    ///
    /// # Errors
    /// `NotFound` if there is none of the name.
    async fn read_snapshot(&self, snapshot: &KeptSnapshot) -> StoreResult<ByteStream>;

    /// Removes a snapshot. Succeeds if there is none.
    async fn delete_snapshot(&self, name: &SnapshotName) -> StoreResult<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_spelling_and_sort_by_time() {
        let digest = Digest::of(Algorithm::Sha256, b"");
        let [earlier, later] = [9, 1_795_280_073_123_456].map(|micros| {
            let name = SnapshotName { taken_at: Timestamp::from_micros(micros), digest };
            assert_eq!(name.to_string().parse(), Ok(name));
            name
        });
        assert!(earlier < later && earlier.to_string() < later.to_string());
        let hex = digest.hex();
        for text in ["", "1", &format!("9-{hex}"), &format!("+000000000000009-{hex}"), "0000000000000009-abc"] {
            assert_eq!(text.parse::<SnapshotName>(), Err(SnapshotNameError), "{text}");
        }
    }
}
