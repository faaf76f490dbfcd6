use std::fs;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use registry_core::gc::CollectOptions;
use registry_core::import::{Counts, ImportOptions};
use registry_core::memory::MemoryMetadataStore;
use registry_core::protocol::digest::Digest;
use registry_core::registry::{LinkUse, ManifestPush, MountSource, RetentionMode};
use registry_core::retention::{Pattern, RetentionPolicy, RetentionRule};
use registry_core::store::Timestamp;
use registry_core::store::links::Link;
use registry_core::{Registry, RegistryError};
use registry_storage::layout;

use super::tree::*;
use crate::subject::{files, filesystem};

const WRITE: LinkUse = LinkUse { adopt: false, write: true };

async fn push(registry: &Registry, repository: &str, layers: &[&str], tags: &[&str]) -> Digest {
    for content in layers.iter().chain(&["config"]) {
        let body = futures::stream::iter([Ok(content.as_bytes().to_vec().into())]).boxed();
        registry.push_blob(&name(repository), &sha256(content), body).await.unwrap();
    }
    let payload = image("config", layers);
    let push = ManifestPush {
        reference: reference(sha256(&payload)),
        tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
        content_type: None,
        payload: payload.into(),
    };
    registry.put_manifest(&name(repository), push).await.unwrap().digest
}

/// What a push leaves is, file by file, what distribution would have left.
#[tokio::test]
async fn a_push_leaves_what_distribution_leaves() {
    let (ours, theirs) = (filesystem().await, filesystem().await);
    let registry = ours.registry(&Arc::new(MemoryMetadataStore::new()), WRITE);
    let digest = push(&registry, "a/b", &["layer"], &["v1", "v2"]).await;
    assert_eq!(push_image(theirs.root(), "a/b", "config", &["layer"], &["v1", "v2"]), digest);
    assert_eq!(files(ours.root()), files(theirs.root()));
    for file in files(ours.root()) {
        assert_eq!(fs::read(ours.root().join(&file)).unwrap(), fs::read(theirs.root().join(&file)).unwrap(), "{file}");
    }

    let metadata = Arc::new(MemoryMetadataStore::new());
    let (report, skipped) = ours.import(Some(&metadata), ImportOptions::default()).await;
    assert_eq!((report.tally.tags, skipped), (Counts { adopted: 2, kept: 0 }, Vec::new()));
    let again = ours.registry(&metadata, LinkUse::default());
    assert_eq!(again.get_manifest(&name("a/b"), &reference("v2")).await.unwrap().digest, digest);
}

#[tokio::test]
async fn what_is_deleted_leaves_no_link() {
    let storage = filesystem().await;
    let registry = storage.registry(&Arc::new(MemoryMetadataStore::new()), WRITE);
    let first = push(&registry, "a", &["layer"], &["v1", "v2", "v3"]).await;
    let second = push(&registry, "a", &[], &["v3"]).await;
    let links = storage.links();
    let follow = async |link: Link| links.follow(&name("a"), &link).await.unwrap();
    let tag = |name: &str| Link::Tag(name.parse().unwrap());
    assert_eq!(follow(tag("v3")).await, Some(second));

    registry.delete_tag(&name("a"), &"v1".parse().unwrap()).await.unwrap();
    let tags = storage.root().join("docker/registry/v2/repositories/a/_manifests/tags");
    assert!(!tags.join("v1").exists(), "not even a directory, which distribution would list");
    registry.delete_manifest(&name("a"), &first).await.unwrap();
    assert!(!tags.join("v2").exists());
    assert_eq!(follow(Link::Manifest(first)).await, None);
    assert_eq!(follow(tag("v3")).await, Some(second));
    registry.delete_blob(&name("a"), &sha256("layer")).await.unwrap();
    assert_eq!(follow(Link::Blob(sha256("layer"))).await, None);
    assert_eq!(follow(Link::Blob(sha256("config"))).await, Some(sha256("config")));
}

#[tokio::test]
async fn a_mount_leaves_a_link() {
    let storage = filesystem().await;
    let registry = storage.registry(&Arc::new(MemoryMetadataStore::new()), WRITE);
    push(&registry, "a", &[], &[]).await;
    let from = MountSource::Repository(name("a"));
    registry.mount_blob(&name("b"), &sha256("config"), &from).await.unwrap().unwrap();
    registry.mount_blob(&name("b"), &sha256("x"), &from).await.unwrap();
    let follow = async |digest| storage.links().follow(&name("b"), &Link::Blob(digest)).await.unwrap();
    assert_eq!(follow(sha256("config")).await, Some(sha256("config")));
    assert_eq!(follow(sha256("x")).await, None);
}

/// Whatever the order in which they write, the link ends where the tag does.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_pushes_leave_the_link_where_the_tag_is() {
    let storage = filesystem().await;
    let registry = storage.registry(&Arc::new(MemoryMetadataStore::new()), WRITE);
    for round in 0..10 {
        let contents: Vec<String> = (0..8).map(|push| format!("{round} {push}")).collect();
        join_all(contents.iter().map(|content| {
            let (registry, content) = (registry.clone(), content.clone());
            async move { tokio::spawn(async move { push(&registry, "a", &[&content], &["v1"]).await }).await.unwrap() }
        }))
        .await;
        let tag = registry.get_manifest(&name("a"), &reference("v1")).await.unwrap().digest;
        let link = storage.links().follow(&name("a"), &Link::Tag("v1".parse().unwrap())).await.unwrap();
        assert_eq!(link, Some(tag));
    }
}

/// As it was, even if distribution's own collector took the manifest meanwhile.
#[tokio::test]
async fn what_is_restored_has_its_links_again() {
    let storage = filesystem().await;
    let registry = storage.registry(&Arc::new(MemoryMetadataStore::new()), WRITE);
    let a = name("a");
    let digest = push(&registry, "a", &["layer"], &["v1", "v2"]).await;
    registry.delete_tag(&a, &"v2".parse().unwrap()).await.unwrap();
    let before = files(storage.root());
    registry.delete_manifest(&a, &digest).await.unwrap();
    assert_ne!(files(storage.root()), before);
    fs::remove_file(storage.root().join(&layout::blob(&digest).as_str()[1..])).unwrap();
    assert_eq!(registry.restore_tag(&a, &"v1".parse().unwrap(), None).await.unwrap(), digest);
    assert_eq!(files(storage.root()), before);
}

#[tokio::test]
async fn what_is_not_retained_and_what_is_collected_leaves_no_link() {
    let storage = filesystem().await;
    let registry = storage.registry(&Arc::new(MemoryMetadataStore::new()), WRITE);
    let collected = push(&registry, "a", &["1"], &["v1"]).await;
    let untagged = push(&registry, "a", &["2"], &[]).await;
    let kept = push(&registry, "a", &["3"], &["v2"]).await;
    let rule = RetentionRule {
        keep_matching: Some(Pattern::new("v2").unwrap()),
        untagged_older: Some(Duration::ZERO),
        ..RetentionRule::new(Pattern::new("a").unwrap())
    };
    let policy = RetentionPolicy { rules: vec![rule] };
    let soon = Timestamp::now().plus(Duration::from_secs(1));
    registry.apply_retention(&policy, soon, RetentionMode::Delete, &mut |_| {}).await.unwrap();
    let links = storage.links();
    let follow = async |link: Link| links.follow(&name("a"), &link).await.unwrap();
    let tag = |name: &str| Link::Tag(name.parse().unwrap());
    assert_eq!((follow(tag("v1")).await, follow(tag("v2")).await), (None, Some(kept)));
    assert_eq!(follow(Link::Manifest(untagged)).await, None);
    assert_eq!(follow(Link::Manifest(collected)).await, Some(collected), "its tag can be restored");

    let options = CollectOptions { delete_untagged: true, parallelism: 1 };
    for later in [HISTORY * 2, HISTORY * 100] {
        registry.collect_garbage(Timestamp::now().plus(later), options, &mut |_| {}).await.unwrap();
    }
    assert_eq!(follow(Link::Manifest(collected)).await, None);
    assert_eq!(follow(Link::Manifest(kept)).await, Some(kept));
}

#[tokio::test]
async fn a_deleted_repository_leaves_no_link() {
    let storage = filesystem().await;
    let registry = storage.registry(&Arc::new(MemoryMetadataStore::new()), WRITE);
    let of = |name: &str| -> Vec<String> {
        let all = files(storage.root()).into_iter();
        all.filter(|file| file.starts_with(&format!("docker/registry/v2/repositories/{name}/"))).collect()
    };
    push(&registry, "a/b", &["layer"], &["v1"]).await;
    let others = of("a/b");
    push(&registry, "a", &["layer"], &["v1", "v2"]).await;
    push(&registry, "a", &[], &["v2"]).await;
    registry.delete_repository(&name("a")).await.unwrap();
    assert_eq!(of("a"), others);
    let again = registry.delete_repository(&name("a")).await;
    assert!(matches!(again, Err(RegistryError::RepositoryUnknown(_))), "{again:?}");
}
