//! The operations: everything that a registry does, over any stores.
//!
//! An operation knows no headers, and a store knows no rules. Bytes are written before the record that makes them
//! visible, and records are removed before bytes.

mod blob;
mod catalog;
mod displaced;
mod files;
mod foreign_links;
mod fsck;
mod history;
mod identity;
mod link_walk;
mod links;
mod manifest;
mod options;
mod payload;
mod quarantine;
mod referrers;
mod removal;
mod repair;
mod replication;
mod retention;
mod scrub;
mod scrub_repository;
mod snapshot;
mod storage_copy;
mod tag;
mod transfer;
mod turn;
mod upload;
mod url_rules;
mod usage;

use std::sync::Arc;
use std::time::Duration;

pub use blob::MountSource;
pub use displaced::MoveReport;
pub use fsck::{Finding, Fsck, FsckReport};
pub use history::HistoryPosition;
pub use identity::{BindError, BindReplicaError, Binding, bind_replica, bind_storage, take_over_storage};
pub use link_walk::MissingLink;
pub use links::LinkUse;
pub use manifest::{CheckedManifest, ManifestPush, PushedManifest};
pub use options::{IndexChildren, Platform, RegistryOptions};
pub use quarantine::{Damage, Quarantine};
pub use repair::{LeftAlone, Repair, RepairStores, Repairer};
pub use replication::{Replica, ReplicaLeftovers, Replicated};
pub use retention::{RetentionMode, RetentionReport, Unkept};
pub use scrub::{ScrubFinding, ScrubObserver, ScrubOptions, ScrubReport};
pub use snapshot::{SnapshotError, SnapshotOutcome, Snapshots, copy_snapshots};
pub use storage_copy::{CopiedStorage, CopyObserver, CopyOptions, CopyReport, copy_storage};
pub use upload::{Chunk, PurgeReport, PushedBlob, UploadStatus};
pub use url_rules::UrlRules;

use crate::error::{RegistryError, RegistryResult};
use crate::memory::{MemoryBlobStore, MemoryMetadataStore};
use crate::store::{BlobStore, MetadataStore, StoreResult, Timestamp};

/// A registry. Cheap to clone; all clones are one registry.
///
/// Every method that changes something is done, durably, when it returns `Ok`. Dropping the future of such a method
/// before that leaves nothing half done that a reader could see, but may leave an upload claimed until its claim runs
/// out; servers therefore run pushes to their end even if the client has gone.
#[derive(Debug, Clone)]
pub struct Registry {
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) metadata: Arc<dyn MetadataStore>,
    options: Arc<RegistryOptions>,
    /// For the uploads that are received.
    room: upload::Room,
    links: Option<links::Links>,
    files: Option<files::Files>,
}

impl Registry {
    /// Puts a registry over its stores.
    pub fn new(blobs: Arc<dyn BlobStore>, metadata: Arc<dyn MetadataStore>, options: RegistryOptions) -> Self {
        Self { blobs, metadata, options: Arc::new(options), room: upload::Room::default(), links: None, files: None }
    }

    /// Makes a registry that keeps everything in memory and loses it when dropped. Deleting is enabled.
    pub fn in_memory() -> Self {
        let options = RegistryOptions { delete_enabled: true, ..RegistryOptions::default() };
        Self::new(Arc::new(MemoryBlobStore::default()), Arc::new(MemoryMetadataStore::default()), options)
    }

    /// Returns the rules that this registry goes by.
    pub fn options(&self) -> &RegistryOptions {
        &self.options
    }

    /// Checks that both stores can be reached, for readiness.
    ///
    /// # Errors
    /// Whatever the first store that fails says.
    pub async fn check(&self) -> StoreResult<()> {
        self.metadata.check().await?;
        self.blobs.check().await
    }

    fn ensure_writable(&self) -> RegistryResult<()> {
        if self.options.read_only { Err(RegistryError::ReadOnly) } else { Ok(()) }
    }

    fn ensure_deletable(&self) -> RegistryResult<()> {
        self.ensure_writable()?;
        if self.options.delete_enabled { Ok(()) } else { Err(RegistryError::DeleteDisabled) }
    }

    /// The earliest moment at which something may be collected that loses its last reference now.
    fn review_after(&self) -> Timestamp {
        self.review_after_loss(Timestamp::now())
    }

    /// The earliest moment at which something may be collected that loses its last reference at `now`.
    pub(crate) fn review_after_loss(&self, now: Timestamp) -> Timestamp {
        now.plus(with_margin(self.options.review_grace))
    }

    /// The earliest moment at which something may be collected that a client brings now, or is told of, and that nothing
    /// refers to by then.
    pub(crate) fn pushed_review_after(&self) -> Timestamp {
        Timestamp::now().plus(with_margin(self.options.push_grace()))
    }

    /// Until when it can be undone that a tag moves or goes now.
    fn restorable_until(&self) -> Option<Timestamp> {
        let history = self.options.tag_history;
        (!history.is_zero()).then(|| Timestamp::now().plus(history))
    }
}

/// Adds some time to a grace period, so that to tell others of the same thing soon afterwards takes no further write.
fn with_margin(grace: Duration) -> Duration {
    grace.saturating_add(grace / 8)
}
