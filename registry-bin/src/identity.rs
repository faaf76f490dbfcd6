//! Whether the storage and the database of a configuration belong to each other, and what to do if not.

use anyhow::Context as _;
use registry_core::registry::{BindError, Binding, bind_storage};
use registry_core::store::identity::IdentityStore;
use registry_core::store::setting::SettingStore;

use crate::config::{Config, DatabaseUrl, StorageDriver};

/// Makes sure that they belong to each other, or lets them from now on if they are new.
pub(crate) async fn bind(
    config: &Config,
    storage: &dyn IdentityStore,
    settings: &dyn SettingStore,
) -> anyhow::Result<()> {
    let binding = bind_storage(storage, settings, may_write(config)).await;
    if let Binding::New(identity) = binding.map_err(with_advice)? {
        tracing::info!(%identity, "the storage and the database belong to each other from now on");
        if storage.has_foreign_repositories().await.context("looking for repositories of distribution")? {
            tracing::warn!(
                "the storage has repositories of distribution, which the database does not know; \
                 `registry import` takes them over"
            );
        }
    }
    Ok(())
}

/// Tells whether anything of ours may be written beside the blobs. What ends with the process is bound to nothing that
/// stays, and what is read-only is left as it is.
pub(crate) fn may_write(config: &Config) -> bool {
    let storage_stays = !matches!(config.storage.driver(), StorageDriver::InMemory);
    let database_stays = !matches!(config.database.url, Some(DatabaseUrl::Memory));
    storage_stays && database_stays && !config.storage.maintenance.readonly.enabled
}

fn with_advice(error: BindError) -> anyhow::Error {
    let advice = match error {
        BindError::NewDatabase { .. } => {
            "set `database.url` to the database that the storage was used with; if that is lost, \
             `registry restore CONFIG --latest` brings back its last snapshot; to give up what it knew, \
             `registry storage take-over CONFIG` lets this database have the storage"
        }
        BindError::Foreign { .. } => {
            "set `database.url` or the storage to what belongs together; after both were moved or copied on purpose, \
             `registry storage take-over CONFIG` lets this database have the storage, and no other"
        }
        BindError::NewStorage { .. } => {
            "set the storage to the one that the database was used with, and see that it is mounted; after it was \
             moved on purpose, `registry storage take-over CONFIG` lets this database have it"
        }
        _ => return anyhow::Error::new(error).context("comparing the identities of the storage and the database"),
    };
    anyhow::Error::new(error).context(format!("the storage and the database do not belong to each other: {advice}"))
}
