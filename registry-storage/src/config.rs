//! Which driver, and how it is set up.

use std::path::PathBuf;
use std::sync::Arc;

use registry_core::protocol::digest::Algorithm;
use registry_core::store::{BlobStore, StoreResult};

use crate::blob_store::DriverBlobStore;
use crate::driver::StorageDriver;
use crate::driver::filesystem::FilesystemDriver;
use crate::driver::inmemory::InMemoryDriver;
use crate::layout;

/// The settings of one driver.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageConfig {
    /// Files below a directory.
    Filesystem(FilesystemConfig),
    /// Files in memory, gone with the process.
    InMemory,
}

impl StorageConfig {
    /// Opens the storage as a blob store. Blocks while it makes sure that the storage is there.
    ///
    /// # Errors
    /// What the driver's constructor says.
    pub fn build(&self) -> StoreResult<Arc<dyn BlobStore>> {
        Ok(Arc::new(DriverBlobStore::new(self.open()?)))
    }

    /// Opens the storage as the driver itself, for all that is to be put over it. Blocks as [`build`](Self::build) does.
    ///
    /// # Errors
    /// What the driver's constructor says.
    pub fn open(&self) -> StoreResult<Arc<dyn StorageDriver>> {
        Ok(match self {
            Self::Filesystem(config) => {
                let driver = FilesystemDriver::open(config)?;
                driver.prepare_directories(layout::blob_directories(Algorithm::Sha256));
                Arc::new(driver)
            }
            Self::InMemory => Arc::new(InMemoryDriver::default()),
        })
    }
}

/// The settings of the file system driver, which are distribution's `storage.filesystem`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesystemConfig {
    /// Where everything is. It is made if it does not exist.
    pub root_directory: PathBuf,
    /// How many threads may wait for the file system at a time; less than [`Self::MIN_THREADS`] counts as that.
    pub max_threads: usize,
}

impl FilesystemConfig {
    /// The least bound on threads, as in distribution.
    pub const MIN_THREADS: usize = 25;
    /// The bound on threads where nothing else is said, as in distribution.
    pub const DEFAULT_THREADS: usize = 100;

    /// Returns the settings for a root directory, with the default bound on threads.
    pub fn new(root_directory: impl Into<PathBuf>) -> Self {
        Self { root_directory: root_directory.into(), max_threads: Self::DEFAULT_THREADS }
    }
}
