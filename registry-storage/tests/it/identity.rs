//! The identity of a storage, in every driver.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;
use registry_core::store::StoreErrorKind;
use registry_core::store::identity::{IdentityStore, StorageIdentity};
use registry_storage::DriverIdentityStore;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::inmemory::InMemoryDriver;
use registry_storage::layout;

use crate::subject::{files, filesystem};

async fn keeps_an_identity(driver: Arc<dyn StorageDriver>) {
    let store = DriverIdentityStore::new(Arc::clone(&driver));
    assert_eq!(store.identity().await.unwrap(), None);
    let attempts: [_; 8] = std::array::from_fn(|_| StorageIdentity::random());
    let settled = join_all(attempts.map(|identity| {
        let store = store.clone();
        async move { store.settle_identity(identity).await.unwrap() }
    }));
    let settled = settled.await;
    let identity = store.identity().await.unwrap().unwrap();
    assert!(attempts.contains(&identity));
    assert!(settled.iter().all(|settled| *settled == identity), "{settled:?}");

    let other = StorageIdentity::random();
    store.replace_identity(other).await.unwrap();
    assert_eq!(store.identity().await.unwrap(), Some(other));
    assert_eq!(store.settle_identity(identity).await.unwrap(), other);

    for damaged in ["short", "something else that is long enough to be an identity"] {
        driver.put(&layout::identity(), Bytes::from_static(damaged.as_bytes())).await.unwrap();
        let error = store.identity().await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
        assert!(error.to_string().contains("/registry/identity"), "{error}");
    }
    store.replace_identity(other).await.unwrap();
    assert_eq!(store.identity().await.unwrap(), Some(other));
}

#[tokio::test]
async fn memory_keeps_an_identity() {
    keeps_an_identity(Arc::new(InMemoryDriver::default())).await;
}

#[tokio::test]
async fn a_directory_keeps_an_identity() {
    let subject = filesystem().await;
    keeps_an_identity(Arc::new(subject.driver())).await;
    assert_eq!(files(subject.0.path()), ["registry/identity"], "and nothing else");
    let text = std::fs::read_to_string(subject.0.path().join("registry/identity")).unwrap();
    assert_eq!(text.len(), StorageIdentity::TEXT_BYTES + 1, "one line for whoever looks at it");
}

#[tokio::test]
async fn repositories_of_distribution_are_noticed() {
    let driver: Arc<dyn StorageDriver> = Arc::new(InMemoryDriver::default());
    let store = DriverIdentityStore::new(Arc::clone(&driver));
    assert!(!store.has_foreign_repositories().await.unwrap());
    let link = "/docker/registry/v2/repositories/a/_manifests/tags/latest/current/link".parse().unwrap();
    driver.put(&link, Bytes::from_static(b"sha256:..")).await.unwrap();
    assert!(store.has_foreign_repositories().await.unwrap());
}
