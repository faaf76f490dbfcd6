//! The second store.

use std::sync::Arc;

use anyhow::Context as _;
use registry_core::Registry;
use registry_core::registry::{BindReplicaError, LinkUse, Replica, bind_replica};
use registry_core::store::identity::{IDENTITY_SETTING, IdentityStore};
use registry_core::store::setting::SettingStore;
use registry_core::store::snapshot::SnapshotStore;
use registry_core::store::{BlobStore, MetadataStore};
use registry_storage::driver::StorageDriver;
use registry_storage::{DriverBlobStore, DriverIdentityStore, DriverLinkStore};

use super::{identity_store, inventory, options, snapshot_store};
use crate::config::{Config, ReplicateConfig};
use crate::paced_inventory::PacedInventory;

/// A second store that was opened, and belongs to the first.
pub(crate) struct OpenReplica {
    /// Where copies of blobs go.
    pub(crate) blobs: Replica,
    /// Where copies of the database's snapshots come from, and where they go.
    pub(crate) snapshots: [Arc<dyn SnapshotStore>; 2],
    /// What writes distribution's links there, if they are written in the first store.
    pub(crate) links: Option<Registry>,
}

/// Opens the second store of the storage that `first` has, and makes sure that the copies in it are those of this storage.
pub(crate) async fn open_replica(
    config: &Config,
    replicate: &ReplicateConfig,
    first: &Arc<dyn StorageDriver>,
    metadata: &Arc<dyn MetadataStore>,
) -> anyhow::Result<OpenReplica> {
    let driver = super::driver(&replicate.storage()).await.context("opening the second store")?;
    bind_replica(&*identity_store(&driver), &*source_of(&driver), &**metadata).await.map_err(with_advice)?;
    let mut source = inventory(first);
    if replicate.rate > 0 {
        source = Arc::new(PacedInventory::new(source, replicate.rate));
    }
    let blobs: Arc<dyn BlobStore> = Arc::new(DriverBlobStore::new(Arc::clone(&driver)));
    let links = match config.storage.layout.links {
        true => {
            let links = Arc::new(DriverLinkStore::new(Arc::clone(&driver)));
            let registry = Registry::new(Arc::clone(&blobs), Arc::clone(metadata), options(config)?);
            Some(registry.with_links(links, LinkUse { adopt: false, write: true }))
        }
        false => None,
    };
    Ok(OpenReplica {
        blobs: Replica { blobs, inventory: inventory(&driver), source, deletes: replicate.delete },
        snapshots: [snapshot_store(first), snapshot_store(&driver)],
        links,
    })
}

/// Lets a second store have the copies of the storage that belongs to these settings, whatever it had before.
pub(crate) async fn take_over_replica(replicate: &ReplicateConfig, settings: &dyn SettingStore) -> anyhow::Result<()> {
    let driver = super::driver(&replicate.storage()).await.context("opening the second store")?;
    let identity = settings.setting(IDENTITY_SETTING).await?.context("the storage has no identity")?;
    Ok(source_of(&driver).replace_identity(identity.parse()?).await?)
}

fn source_of(driver: &Arc<dyn StorageDriver>) -> Arc<dyn IdentityStore> {
    Arc::new(DriverIdentityStore::of_source(Arc::clone(driver)))
}

fn with_advice(error: BindReplicaError) -> anyhow::Error {
    let advice = match error {
        BindReplicaError::Storage(_) => {
            "set `storage.replicate` to a store of its own; to give up the storage that was there, remove its file \
             `registry/identity`"
        }
        BindReplicaError::Foreign { .. } => {
            "set `storage.replicate` to a store of its own; `registry storage take-over CONFIG` lets the copies that are \
             there be those of this storage"
        }
        _ => "comparing the identities of the storage and its second store",
    };
    anyhow::Error::new(error).context(format!("the second store cannot be used: {advice}"))
}
