//! Deleting what is large, and undoing it.

use std::sync::Arc;
use std::time::Duration;

use registry_core::gc::CollectOptions;
use registry_core::memory::{MemoryBlobStore, MemoryMetadataStore};
use registry_core::protocol::reference::Reference;
use registry_core::store::Timestamp;
use registry_core::store::usage::Usage;
use registry_core::{Registry, RegistryError, RegistryOptions};

use crate::support::{push, push_image, repository};

const HISTORY: Duration = Duration::from_secs(3600);

fn with_history() -> Registry {
    let options = RegistryOptions { delete_enabled: true, tag_history: HISTORY, ..RegistryOptions::default() };
    Registry::new(Arc::new(MemoryBlobStore::default()), Arc::new(MemoryMetadataStore::default()), options)
}

#[tokio::test]
async fn a_deleted_manifest_comes_back_with_its_tag() {
    let registry = with_history();
    let (name, tag) = (repository("a"), "one".parse().unwrap());
    let digest = push_image(&registry, "a", "one", "content").await;
    registry.delete_manifest(&name, &digest).await.unwrap();
    assert!(registry.get_manifest(&name, &Reference::Digest(digest)).await.is_err());
    assert_eq!(registry.tag_history(&name, None, None, 10).await.unwrap().items.len(), 1);
    assert_eq!(registry.restore_tag(&name, &tag, None).await.unwrap(), digest);
    assert_eq!(registry.get_manifest(&name, &Reference::Tag(tag)).await.unwrap().digest, digest);
    let other = registry.restore_tag(&name, &"other".parse().unwrap(), None).await;
    assert!(matches!(other, Err(RegistryError::TagNotRestorable { .. })), "{other:?}");
}

#[tokio::test]
async fn what_can_be_restored_no_more_is_let_go() {
    let registry = with_history();
    let name = repository("a");
    let digest = push_image(&registry, "a", "one", "content").await;
    registry.delete_manifest(&name, &digest).await.unwrap();
    let options = CollectOptions { delete_untagged: false, parallelism: 1 };
    let collect = async |now| registry.collect_garbage(now, options, &mut |_| {}).await.unwrap();
    assert_eq!(collect(Timestamp::now()).await.past_tags, 0);
    assert!(registry.repository_usage(&name).await.unwrap().unique_bytes > 0);
    let report = collect(Timestamp::now().plus(HISTORY * 2)).await;
    assert_eq!((report.past_tags, report.manifests), (1, 1), "it was deleted by itself, not for having no tag");
    assert_eq!(registry.repository_usage(&name).await.unwrap(), Usage::default());
    let restored = registry.restore_tag(&name, &"one".parse().unwrap(), None).await;
    assert!(matches!(restored, Err(RegistryError::TagNotRestorable { .. })), "{restored:?}");
}

#[tokio::test]
async fn a_manifest_with_very_many_tags_goes_with_all_of_them() {
    let registry = Registry::in_memory();
    let name = repository("a");
    let mut digest = None;
    for number in 0..2500 {
        digest = Some(push_image(&registry, "a", &format!("t{number}"), "content").await);
    }
    registry.delete_manifest(&name, &digest.unwrap()).await.unwrap();
    assert_eq!(registry.list_tags(&name, None, 10).await.unwrap().items, []);
}

#[tokio::test]
async fn a_deleted_repository_does_not_exist() {
    let registry = with_history();
    let [name, other] = ["a", "b"].map(repository);
    for tag in ["one", "two"] {
        push_image(&registry, "a", tag, tag).await;
        push_image(&registry, "b", tag, tag).await;
    }
    let withdrawn = push_image(&registry, "a", "three", "three").await;
    registry.delete_manifest(&name, &withdrawn).await.unwrap();
    push(&registry, "a", b"a blob without a manifest").await;

    registry.delete_repository(&name).await.unwrap();
    for gone in [registry.list_tags(&name, None, 10).await.err(), registry.delete_repository(&name).await.err()] {
        assert!(matches!(gone, Some(RegistryError::RepositoryUnknown(_))), "{gone:?}");
    }
    assert_eq!(registry.list_repositories(None, 10).await.unwrap().items, std::slice::from_ref(&other));
    assert_eq!(registry.repository_usage(&other).await.unwrap().tags, 2);

    push_image(&registry, "a", "new", "new").await;
    let restored = registry.restore_tag(&name, &"one".parse().unwrap(), None).await;
    assert!(matches!(restored, Err(RegistryError::TagNotRestorable { .. })), "{restored:?}");
}

#[tokio::test]
async fn a_repository_stays_unless_deleting_is_enabled() {
    let metadata = Arc::new(MemoryMetadataStore::default());
    let registry = Registry::new(Arc::new(MemoryBlobStore::default()), metadata, RegistryOptions::default());
    push_image(&registry, "a", "one", "content").await;
    let refused = registry.delete_repository(&repository("a")).await;
    assert!(matches!(refused, Err(RegistryError::DeleteDisabled)), "{refused:?}");
}
