//! Mounting a blob of one repository into another.

use registry_core::registry::MountSource;
use registry_core::{Registry, RegistryError};

use crate::support::{pull, push, repository, sha256};

#[tokio::test]
async fn a_mounted_blob_is_there_without_moving_a_byte() {
    let registry = Registry::in_memory();
    let digest = push(&registry, "source", b"content").await;
    let from_source = MountSource::Repository(repository("source"));
    for (into, source) in [("a", &from_source), ("b", &MountSource::Anywhere), ("source", &from_source)] {
        let mounted = registry.mount_blob(&repository(into), &digest, source).await.unwrap();
        assert_eq!(mounted.unwrap().size_bytes, 7);
        assert_eq!(pull(&registry, into, &digest).await, b"content");
    }
}

#[tokio::test]
async fn what_the_source_does_not_have_is_not_mounted() {
    let registry = Registry::in_memory();
    let digest = push(&registry, "source", b"content").await;
    let into = repository("into");
    let empty = MountSource::Repository(repository("empty"));
    assert_eq!(registry.mount_blob(&into, &digest, &empty).await.unwrap(), None);
    assert_eq!(registry.mount_blob(&into, &sha256(b"other"), &MountSource::Anywhere).await.unwrap(), None);
    assert!(matches!(registry.stat_blob(&into, &digest).await, Err(RegistryError::BlobUnknown { .. })));
}

#[tokio::test]
async fn a_blob_stays_where_it_was_mounted_when_its_source_loses_it() {
    let registry = Registry::in_memory();
    let digest = push(&registry, "source", b"content").await;
    let source = MountSource::Repository(repository("source"));
    registry.mount_blob(&repository("into"), &digest, &source).await.unwrap().unwrap();
    registry.delete_blob(&repository("source"), &digest).await.unwrap();
    assert!(registry.stat_blob(&repository("source"), &digest).await.is_err());
    assert_eq!(pull(&registry, "into", &digest).await, b"content");
    let into = repository("third");
    assert_eq!(registry.mount_blob(&into, &digest, &source).await.unwrap(), None, "the source has it no more");
}
