use std::sync::Arc;

use futures::StreamExt;
use registry_core::RegistryError;
use registry_core::import::ImportOptions;
use registry_core::memory::MemoryMetadataStore;
use registry_core::registry::{LinkUse, ManifestPush, MountSource, RetentionMode};
use registry_core::retention::{Pattern, RetentionPolicy, RetentionRule};
use registry_core::store::Timestamp;
use registry_core::store::import::{ImportState, ImportStore};
use registry_core::store::links::Link;

use super::tree::*;
use crate::subject::filesystem;

const ADOPT: LinkUse = LinkUse { adopt: true, write: false };

#[tokio::test]
async fn what_is_missing_in_the_metadata_is_adopted_when_it_is_asked_for() {
    let storage = filesystem().await;
    let one = push_image(storage.root(), "a", "config", &["layer"], &["v1"]);
    push_manifest(storage.root(), "a", &index(&[&image("config", &["layer"])]), &["multi"]);
    let metadata = Arc::new(MemoryMetadataStore::new());
    let a = name("a");

    let without = storage.registry(&metadata, LinkUse::default());
    assert!(without.get_manifest(&a, &reference("v1")).await.is_err());
    let registry = storage.registry(&metadata, ADOPT);
    assert_eq!(registry.get_manifest(&a, &reference("v1")).await.unwrap().digest, one);
    assert_eq!(registry.stat_blob(&a, &sha256("layer")).await.unwrap().size_bytes, 5);
    assert_eq!(without.get_manifest(&a, &reference("v1")).await.unwrap().digest, one, "it is recorded");

    for missing in ["v2".to_owned(), sha256("x").to_string(), sha256("config").to_string()] {
        let answer = registry.get_manifest(&a, &reference(missing)).await;
        assert!(matches!(answer, Err(RegistryError::ManifestUnknown { .. })), "{answer:?}");
    }
    let elsewhere = registry.blob(&name("b"), &sha256("layer")).await;
    assert!(matches!(elsewhere, Err(RegistryError::BlobUnknown { .. })), "another repository does not have it");
    let tags = registry.list_tags(&a, None, 9).await.unwrap().items;
    assert_eq!(tags.iter().map(ToString::to_string).collect::<Vec<_>>(), ["multi", "v1"], "a list is whole");
}

#[tokio::test]
async fn damage_is_as_good_as_nothing_to_a_client() {
    let storage = filesystem().await;
    let digest = push_image(storage.root(), "a", "config", &["layer"], &["v1"]);
    link(storage.root(), "a", &Link::Tag("empty".parse().unwrap()), "");
    data(storage.root(), &sha256("layer"), "lay");
    let registry = storage.registry(&Arc::new(MemoryMetadataStore::new()), ADOPT);
    for wanted in ["v1".to_owned(), "empty".to_owned(), digest.to_string()] {
        let answer = registry.get_manifest(&name("a"), &reference(wanted)).await;
        assert!(matches!(answer, Err(RegistryError::ManifestUnknown { .. })), "{answer:?}");
    }
}

#[tokio::test]
async fn what_is_deleted_is_not_adopted_again() {
    let storage = filesystem().await;
    let digest = push_image(storage.root(), "a", "config", &["layer"], &["v1", "v2"]);
    let registry = storage.registry(&Arc::new(MemoryMetadataStore::new()), ADOPT);
    let a = name("a");
    registry.delete_tag(&a, &"v1".parse().unwrap()).await.unwrap();
    assert!(registry.get_manifest(&a, &reference("v1")).await.is_err());
    registry.delete_manifest(&a, &digest).await.unwrap();
    registry.delete_blob(&a, &sha256("layer")).await.unwrap();
    for gone in ["v1".to_owned(), "v2".to_owned(), digest.to_string()] {
        assert!(registry.get_manifest(&a, &reference(gone)).await.is_err());
    }
    assert!(registry.stat_blob(&a, &sha256("layer")).await.is_err());
    let again = registry.delete_tag(&a, &"v1".parse().unwrap()).await;
    assert!(matches!(again, Err(RegistryError::ManifestUnknown { .. })));
}

#[tokio::test]
async fn pushes_and_mounts_find_what_the_storage_has() {
    let storage = filesystem().await;
    push_image(storage.root(), "a", "config", &["layer"], &["v1"]);
    let registry = storage.registry(&Arc::new(MemoryMetadataStore::new()), ADOPT);
    let (a, b) = (name("a"), name("b"));
    let push = |layers: &[&str]| ManifestPush {
        reference: reference("v1"),
        tags: Vec::new(),
        content_type: None,
        payload: image("config", layers).into(),
    };
    let pushed = registry.put_manifest(&a, push(&["layer", "layer"])).await.unwrap();
    assert_eq!(registry.get_manifest(&a, &reference("v1")).await.unwrap().digest, pushed.digest, "the push counts");

    for content in ["layer", "config"] {
        let from = MountSource::Repository(a.clone());
        assert!(registry.mount_blob(&b, &sha256(content), &from).await.unwrap().is_some());
    }
    assert!(registry.mount_blob(&b, &sha256("x"), &MountSource::Repository(a)).await.unwrap().is_none());
    registry.put_manifest(&b, push(&["layer"])).await.unwrap();
    let missing = registry.put_manifest(&b, push(&["x"])).await;
    assert!(matches!(missing, Err(RegistryError::ManifestBlobUnknown { .. })), "{missing:?}");
}

#[tokio::test]
async fn adopting_ends_when_the_storage_is_imported() {
    let storage = filesystem().await;
    push_image(storage.root(), "a", "config", &["layer"], &["v1"]);
    let metadata = Arc::new(MemoryMetadataStore::new());
    let registry = storage.registry(&metadata, ADOPT);
    let body = futures::stream::iter([Ok("config".into())]).boxed();
    registry.push_blob(&name("b"), &sha256("config"), body).await.unwrap();

    struct Deaf;
    impl registry_core::import::ImportObserver for Deaf {
        fn progress(
            &self,
            _: &registry_core::protocol::reference::RepositoryName,
            _: &registry_core::import::ImportReport,
        ) {
        }
        fn skipped(&self, _: &registry_core::import::Skipped) {}
    }
    let report = registry.finish_adoption(&Deaf).await.unwrap().unwrap();
    assert_eq!(report.tally.tags.adopted, 1);
    assert_eq!(metadata.import_state().await.unwrap(), ImportState::Finished);
    assert_eq!(registry.finish_adoption(&Deaf).await.unwrap(), None);
    push_image(storage.root(), "late", "config", &["layer"], &["v1"]);
    assert!(registry.get_manifest(&name("late"), &reference("v1")).await.is_err());
    storage.import(Some(&metadata), ImportOptions::default()).await;
    assert!(registry.get_manifest(&name("late"), &reference("v1")).await.is_ok());
}

#[tokio::test]
async fn a_deleted_repository_is_not_adopted_again() {
    let storage = filesystem().await;
    push_image(storage.root(), "a", "config", &["layer"], &["v1"]);
    let registry = storage.registry(&Arc::new(MemoryMetadataStore::new()), ADOPT);
    registry.delete_repository(&name("a")).await.unwrap();
    assert!(registry.get_manifest(&name("a"), &reference("v1")).await.is_err());
    let usage = registry.repository_usage(&name("a")).await;
    assert!(matches!(usage, Err(RegistryError::RepositoryUnknown(_))), "{usage:?}");
}

/// Figures and rules are about all of a repository, of which as yet one tag is adopted.
#[tokio::test]
async fn figures_and_rules_are_about_what_the_storage_has() {
    let storage = filesystem().await;
    push_image(storage.root(), "a", "config", &["layer"], &["v1", "v2"]);
    push_image(storage.root(), "b", "config", &["layer"], &["v1", "v2"]);
    let registry = storage.registry(&Arc::new(MemoryMetadataStore::new()), ADOPT);
    for repository in ["a", "b"] {
        registry.get_manifest(&name(repository), &reference("v2")).await.unwrap();
    }
    assert_eq!(registry.repository_usage(&name("a")).await.unwrap().tags, 2);
    let rule = RetentionRule { keep_last: Some(0), ..RetentionRule::new(Pattern::new("b").unwrap()) };
    let policy = RetentionPolicy { rules: vec![rule] };
    let soon = Timestamp::now().plus(HISTORY);
    let report = registry.apply_retention(&policy, soon, RetentionMode::Delete, &mut |_| {}).await.unwrap();
    assert_eq!(report.tags, 2);
    assert!(registry.get_manifest(&name("b"), &reference("v1")).await.is_err());
    registry.restore_tag(&name("b"), &"v1".parse().unwrap(), None).await.unwrap();
}
