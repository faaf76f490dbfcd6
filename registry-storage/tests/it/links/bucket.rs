use std::sync::Arc;

use registry_core::import::{Counts, ImportOptions};
use registry_core::memory::MemoryMetadataStore;
use registry_core::registry::LinkUse;
use registry_core::store::links::LinkStore;
use registry_core::{Registry, RegistryOptions};
use registry_storage::driver::StorageDriver;
use registry_storage::{DriverBlobStore, DriverLinkStore};

use super::tree::*;
use crate::object::subject::ObjectSubject;
use crate::scs::subject::scs;
use crate::subject::{files, filesystem};

/// The Sohu registry keeps its images in a bucket as distribution keeps them in a directory.
#[tokio::test]
async fn a_bucket_that_the_sohu_registry_filled_is_imported() {
    let (storage, bucket) = (filesystem().await, scs().await);
    let digest = push_image(storage.root(), "domeos/console", "config", &["layer", "base"], &["v1", "latest"]);
    let sohu = bucket.bucket.driver().await;
    let keys = files(storage.root());
    for key in &keys {
        let content = std::fs::read(storage.root().join(key)).unwrap();
        sohu.put(&format!("/{key}").parse().unwrap(), content.into()).await.unwrap();
    }

    let driver: Arc<dyn StorageDriver> = Arc::new(bucket.driver().await);
    let metadata = Arc::new(MemoryMetadataStore::new());
    let links: Arc<dyn LinkStore> = Arc::new(DriverLinkStore::new(Arc::clone(&driver)));
    let (report, skipped) = import(Arc::clone(&links), Some(&metadata), ImportOptions::default()).await;
    assert_eq!(skipped, [""; 0]);
    assert_eq!(report.tally.tags, Counts { adopted: 2, kept: 0 });
    assert_eq!(report.tally.blobs, Counts { adopted: 3, kept: 0 });
    let blobs = Arc::new(DriverBlobStore::new(driver));
    let registry = Registry::new(blobs, metadata, RegistryOptions::default()).with_links(links, LinkUse::default());
    assert_eq!(registry.get_manifest(&name("domeos/console"), &reference("v1")).await.unwrap().digest, digest);
    let blob = registry.blob(&name("domeos/console"), &sha256("layer")).await.unwrap();
    assert_eq!(blob.size_bytes, 5);
    for key in keys {
        sohu.delete(&format!("/{key}").parse().unwrap()).await.unwrap();
    }
}
