//! Deleting: tags, manifests, blobs.

use std::sync::Arc;
use std::time::Duration;

use registry_core::memory::{MemoryBlobStore, MemoryMetadataStore};
use registry_core::protocol::reference::Reference;
use registry_core::store::Timestamp;
use registry_core::store::metadata::{BlobLinkStore, ReviewStore, ReviewSubject};
use registry_core::{Registry, RegistryError, RegistryOptions};

use crate::support::{image, push, push_image, repository, sha256, tagged};

async fn exists(registry: &Registry, name: &str, reference: &str) -> bool {
    registry.get_manifest(&repository(name), &reference.parse().unwrap()).await.is_ok()
}

#[tokio::test]
async fn a_manifest_goes_with_every_tag_that_points_to_it() {
    let registry = Registry::in_memory();
    let name = repository("a");
    let digest = push_image(&registry, "a", "one", "same").await;
    assert_eq!(push_image(&registry, "a", "two", "same").await, digest);
    let other = push_image(&registry, "a", "three", "other").await;
    registry.delete_manifest(&name, &digest).await.unwrap();
    for gone in ["one", "two", &digest.to_string()] {
        assert!(!exists(&registry, "a", gone).await, "{gone}");
    }
    for there in ["three", &other.to_string()] {
        assert!(exists(&registry, "a", there).await, "{there}");
    }
    let again = registry.delete_manifest(&name, &digest).await;
    assert!(matches!(again, Err(RegistryError::ManifestUnknown { .. })), "{again:?}");
}

#[tokio::test]
async fn a_tag_goes_alone() {
    let registry = Registry::in_memory();
    let name = repository("a");
    let digest = push_image(&registry, "a", "one", "same").await;
    push_image(&registry, "a", "two", "same").await;
    registry.delete_tag(&name, &"one".parse().unwrap()).await.unwrap();
    assert!(!exists(&registry, "a", "one").await);
    assert!(exists(&registry, "a", "two").await);
    assert!(exists(&registry, "a", &digest.to_string()).await);
    let again = registry.delete_tag(&name, &"one".parse().unwrap()).await;
    assert!(matches!(again, Err(RegistryError::ManifestUnknown { reference: Reference::Tag(_), .. })), "{again:?}");
}

#[tokio::test]
async fn nothing_goes_unless_deleting_is_enabled() {
    let metadata = Arc::new(MemoryMetadataStore::default());
    let registry = Registry::new(Arc::new(MemoryBlobStore::default()), metadata, RegistryOptions::default());
    let name = repository("a");
    let digest = push_image(&registry, "a", "one", "content").await;
    let refused = |outcome| matches!(outcome, Err(RegistryError::DeleteDisabled));
    assert!(refused(registry.delete_manifest(&name, &digest).await));
    assert!(refused(registry.delete_tag(&name, &"one".parse().unwrap()).await));
    assert!(refused(registry.delete_blob(&name, &sha256(b"content")).await));
    assert!(exists(&registry, "a", "one").await);
    assert!(registry.stat_blob(&name, &sha256(b"content")).await.is_ok());
}

#[tokio::test]
async fn what_lost_its_reference_waits_for_its_review() {
    let metadata = Arc::new(MemoryMetadataStore::default());
    let options = RegistryOptions { delete_enabled: true, ..RegistryOptions::default() };
    let grace = options.review_grace;
    let registry =
        Registry::new(Arc::new(MemoryBlobStore::default()), Arc::<MemoryMetadataStore>::clone(&metadata), options);
    let name = repository("a");
    let digest = push_image(&registry, "a", "one", "content").await;
    let moved_to = push_image(&registry, "a", "one", "newer").await;
    let before = Timestamp::now();
    registry.delete_manifest(&name, &moved_to).await.unwrap();

    assert_eq!(metadata.due_reviews(before, 100).await.unwrap(), [], "nothing is due within the grace period");
    let due = metadata.due_reviews(Timestamp::now().plus(grace * 2), 100).await.unwrap();
    let subjects: Vec<_> = due.into_iter().map(|review| review.subject).collect();
    for expected in [
        ReviewSubject::Manifest(name.clone(), digest),
        ReviewSubject::Blob(sha256(b"newer")),
        ReviewSubject::Blob(sha256(b"config of newer")),
    ] {
        assert!(subjects.contains(&expected), "{expected:?} in {subjects:?}");
    }
}

#[tokio::test]
async fn a_client_is_told_of_a_blob_without_a_write_unless_its_review_is_near() {
    let (blobs, metadata) = (Arc::new(MemoryBlobStore::default()), Arc::new(MemoryMetadataStore::default()));
    let with_grace = |review_grace| {
        let (blobs, metadata) = (Arc::<MemoryBlobStore>::clone(&blobs), Arc::<MemoryMetadataStore>::clone(&metadata));
        Registry::new(blobs, metadata, RegistryOptions { review_grace, ..RegistryOptions::default() })
    };
    let hour = Duration::from_secs(60 * 60);
    let (registry, later) = (with_grace(hour), with_grace(hour * 2));
    let (name, digest) = (repository("a"), push(&registry, "a", b"content").await);
    let due = async || metadata.blob(&name, &digest).await.unwrap().unwrap().review_after.unwrap();
    let pushed = due().await;
    registry.stat_blob(&name, &digest).await.unwrap();
    assert_eq!(due().await, pushed);
    // To a registry with a longer grace the review is as near as it is to this one some time later.
    let asked = Timestamp::now();
    later.stat_blob(&name, &digest).await.unwrap();
    assert!(due().await >= asked.plus(hour * 2));
}

#[tokio::test]
async fn a_manifest_cannot_be_pushed_over_a_blob_that_was_deleted() {
    let registry = Registry::in_memory();
    let name = repository("a");
    let config = push(&registry, "a", b"config").await;
    let layer = push(&registry, "a", b"layer").await;
    registry.delete_blob(&name, &layer).await.unwrap();
    let refused = registry.put_manifest(&name, tagged("one", image(&config, &[layer]))).await;
    assert!(
        matches!(&refused, Err(RegistryError::ManifestBlobUnknown { missing, .. }) if *missing == [layer]),
        "{refused:?}"
    );
    assert!(!exists(&registry, "a", "one").await);
}
