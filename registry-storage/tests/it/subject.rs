//! Storages to test with.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use registry_core::store::{BlobStore, Timestamp};
use registry_core::testing::blob_store_suite::BlobStoreSubject;
use registry_storage::DriverBlobStore;
use registry_storage::FilesystemConfig;
use registry_storage::driver::filesystem::FilesystemDriver;
use registry_storage::driver::inmemory::InMemoryDriver;
use registry_storage::driver::object::{ObjectDriver, TransferConfig};
use registry_storage::driver::s3::{S3Config, S3Credentials};
use registry_storage::driver::{self, StorageDriver};
use registry_storage::path::StoragePath;
use registry_storage::testing::driver_suite::DriverSubject;
use tempfile::TempDir;

use crate::object::subject::{ObjectSubject, object_subject};

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

/// A part of a bucket of its own.
pub(crate) struct Bucket(pub(crate) S3Config);

/// Returns the settings for a part of its own in the bucket of `scripts/object-stores`.
pub(crate) fn s3_config() -> S3Config {
    s3_config_of("S3")
}

/// Returns the same for the store whose variables have this name.
fn s3_config_of(store: &str) -> S3Config {
    let variable = |name| variable(&format!("TEST_{store}_{name}"));
    let credentials = S3Credentials::Keys {
        access_key: variable("ACCESS_KEY"),
        secret_key: variable("SECRET_KEY"),
        session_token: None,
    };
    let mut config = S3Config::new(variable("BUCKET"), "us-east-1", credentials);
    config.endpoint = variable("ENDPOINT");
    config.path_style = true;
    config.root_directory = format!("/{}", uuid::Uuid::new_v4());
    config
}

pub(crate) async fn s3() -> Bucket {
    Bucket(s3_config())
}

/// A part of a bucket of Ceph.
pub(crate) struct CephBucket(Bucket);

pub(crate) async fn ceph() -> CephBucket {
    CephBucket(Bucket(s3_config_of("CEPH")))
}

#[async_trait]
impl ObjectSubject for Bucket {
    async fn driver_with(&self, transfer: TransferConfig) -> ObjectDriver {
        let config = S3Config { transfer, ..self.0.clone() };
        driver::s3::open(&config).await.expect("the store can be reached")
    }

    fn seals(&self) -> bool {
        true
    }

    async fn kept(&self) -> Vec<String> {
        let mut config = self.0.clone();
        let root = std::mem::take(&mut config.root_directory);
        kept(&Bucket(config).driver().await, &root).await
    }
}

// SeaweedFS walks directories.
object_subject!(Bucket, sorts_by_names_alone: true);

#[async_trait]
impl ObjectSubject for CephBucket {
    async fn driver_with(&self, transfer: TransferConfig) -> ObjectDriver {
        self.0.driver_with(transfer).await
    }

    fn seals(&self) -> bool {
        true
    }

    async fn kept(&self) -> Vec<String> {
        self.0.kept().await
    }
}

object_subject!(CephBucket, sorts_by_names_alone: false);

/// Names all objects below a directory, and all uploads that were not completed.
pub(crate) async fn kept(driver: &ObjectDriver, directory: &str) -> Vec<String> {
    let path = |text: &str| text.parse::<StoragePath>().expect("a path");
    let objects = driver.list(&path(directory), None, 100).await.expect("listing").items;
    let later = Timestamp::now().plus(Duration::from_secs(60));
    let mut kept: Vec<_> = objects.into_iter().map(|object| object.path.to_string()).collect();
    for uploads in ["/suite", "/suite/uploads", "/docker/registry/v2/uploads"] {
        let uploads = path(&format!("{directory}{uploads}"));
        let uploads = driver.uploads_before(&uploads, later, 100).await.expect("listing uploads");
        kept.extend(uploads.iter().map(|upload| upload.as_str().to_owned()));
    }
    kept
}

/// Returns what `scripts/object-stores` says in a variable.
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests by scripts/object-stores"))
}
