//! The files of the storage, as far as the registry itself has to look at them.

use std::sync::Arc;

use super::Registry;
use crate::store::identity::IdentityStore;
use crate::store::inventory::BlobInventory;

/// What tells the files of a storage, and whether the storage has repositories of another registry.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) inventory: Arc<dyn BlobInventory>,
    pub(crate) identity: Arc<dyn IdentityStore>,
}

impl Registry {
    /// Has collections look through the files of the storage where only that can tell what a killed push has left
    /// ([`gc`](crate::gc)).
    pub fn with_files(self, inventory: Arc<dyn BlobInventory>, identity: Arc<dyn IdentityStore>) -> Self {
        Self { files: Some(Files { inventory, identity }), ..self }
    }

    pub(crate) fn files(&self) -> Option<&Files> {
        self.files.as_ref()
    }
}
