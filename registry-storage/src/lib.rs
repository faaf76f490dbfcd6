//! Where a registry's bytes live.
//!
//! Two traits, on purpose. [`BlobStore`](registry_core::store::BlobStore) is what the registry's operations ask for: it
//! speaks digests, uploads and locations. [`StorageDriver`](driver::StorageDriver) is all that a back end implements: it
//! speaks paths and bytes. [`DriverBlobStore`] joins the two once, and [`layout`] owns every path. [`DriverLinkStore`] reads
//! and writes the links by which distribution says what repositories have.
//!
//! | driver | keeps files |
//! |---|---|
//! | [`filesystem`](driver::filesystem) | below a root directory |
//! | [`s3`](driver::s3) | in a bucket, as all that is over [`object`](driver::object) |
//! | [`gcs`](driver::gcs) | in a bucket of Google Cloud Storage, likewise |
//! | [`azure`](driver::azure) | in a container of Azure, likewise |
//! | [`oss`](driver::oss) | in a bucket of Aliyun OSS |
//! | [`cos`](driver::cos) | in a bucket of Tencent COS |
//! | [`scs`](driver::scs) | in a bucket of Sohu Cloud Storage |
//! | [`ufile`](driver::ufile) | in a bucket of UCloud UFile |
//! | [`inmemory`](driver::inmemory) | in memory, for tests |
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), registry_core::store::StoreError> {
//! use registry_core::protocol::digest::{Algorithm, Digest};
//! use registry_core::store::UploadId;
//! use registry_storage::StorageConfig;
//!
//! let blobs = StorageConfig::InMemory.build()?;
//! let staged = blobs.stage(UploadId::random()).await?;
//! let mut writer = blobs.open_writer(&staged, 0).await?;
//! writer.write(vec!["hello".into()]).await?;
//! let staged = writer.sync().await?;
//! let location = blobs.commit(&staged, &Digest::of(Algorithm::Sha256, b"hello"), 5).await?;
//! assert!(location.as_str().ends_with("/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824/data"));
//! # Ok(())
//! # }
//! ```

pub mod blob_store;
pub mod config;
pub mod driver;
pub mod error;
pub mod identity_store;
pub mod image_store;
mod inspection;
pub mod inventory;
pub mod layout;
pub mod link_store;
pub mod path;
pub mod snapshot_store;
#[cfg(feature = "testing")]
pub mod testing;

pub use blob_store::DriverBlobStore;
pub use config::{FilesystemConfig, StorageConfig};
pub use identity_store::DriverIdentityStore;
pub use image_store::DriverImageStore;
pub use inventory::DriverInventory;
pub use link_store::DriverLinkStore;
pub use snapshot_store::DriverSnapshotStore;
