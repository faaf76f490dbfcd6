//! Storages to test with.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use registry_core::store::BlobStore;
use registry_core::testing::blob_store_suite::BlobStoreSubject;
use registry_storage::DriverBlobStore;
use registry_storage::FilesystemConfig;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::filesystem::FilesystemDriver;
use registry_storage::driver::inmemory::InMemoryDriver;
use registry_storage::testing::driver_suite::DriverSubject;
use tempfile::TempDir;

/// A root directory of its own.
pub(crate) struct Filesystem(pub(crate) TempDir);

pub(crate) async fn filesystem() -> Filesystem {
    Filesystem(TempDir::new().expect("a temporary directory"))
}

impl Filesystem {
    pub(crate) fn driver(&self) -> FilesystemDriver {
        FilesystemDriver::open(&FilesystemConfig::new(self.0.path())).expect("a temporary directory is a good root")
    }

    pub(crate) fn blob_store(&self) -> DriverBlobStore {
        DriverBlobStore::new(Arc::new(self.driver()))
    }
}

/// Names the files below a directory, relative to it, sorted.
pub(crate) fn files(root: &Path) -> Vec<String> {
    let mut directories = vec![root.to_owned()];
    let mut files = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("a directory can be read") {
            let path = entry.expect("an entry can be read").path();
            if path.is_dir() {
                directories.push(path);
            } else {
                files.push(path.strip_prefix(root).expect("it is below the root").display().to_string());
            }
        }
    }
    files.sort();
    files
}

#[async_trait]
impl DriverSubject for Filesystem {
    async fn open(&self) -> Arc<dyn StorageDriver> {
        Arc::new(self.driver())
    }

    async fn contents(&self) -> Option<Vec<String>> {
        Some(files(self.0.path()))
    }
}

#[async_trait]
impl BlobStoreSubject for Filesystem {
    async fn open(&self) -> Arc<dyn BlobStore> {
        Arc::new(self.blob_store())
    }

    async fn contents(&self) -> Option<Vec<String>> {
        Some(files(self.0.path()))
    }
}

pub(crate) struct InMemory(InMemoryDriver);

pub(crate) async fn in_memory() -> InMemory {
    InMemory(InMemoryDriver::default())
}

#[async_trait]
impl DriverSubject for InMemory {
    async fn open(&self) -> Arc<dyn StorageDriver> {
        Arc::new(self.0.clone())
    }
}

#[async_trait]
impl BlobStoreSubject for InMemory {
    async fn open(&self) -> Arc<dyn BlobStore> {
        Arc::new(DriverBlobStore::new(Arc::new(self.0.clone())))
    }
}
