//! Collections where distribution's links are written, or read.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use registry_core::gc::{CollectOptions, CollectReport};
use registry_core::import::ImportOptions;
use registry_core::memory::MemoryMetadataStore;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::RepositoryName;
use registry_core::registry::{LinkUse, ManifestPush};
use registry_core::store::gc::CollectionStore;
use registry_core::store::links::{Link, LinkCursor, LinkKind, LinkPage, LinkStore, StoredBlob};
use registry_core::store::{BlobLocation, BlobStore, StoreErrorKind, StoreResult, Timestamp};
use registry_core::{Registry, RegistryError, RegistryOptions};

use super::tree::*;
use crate::subject::{files, filesystem};

const WRITE: LinkUse = LinkUse { adopt: false, write: true };
const ADOPT: LinkUse = LinkUse { adopt: true, write: false };
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn push(registry: &Registry, repository: &str, content: &str) -> Digest {
    let body = futures::stream::iter([Ok(content.as_bytes().to_vec().into())]).boxed();
    registry.push_blob(&name(repository), &sha256(content), body).await.unwrap().digest
}

async fn put(registry: &Registry, repository: &str, payload: &str) -> Result<Digest, RegistryError> {
    let (reference, payload) = (reference("v1"), payload.to_owned().into());
    let push = ManifestPush { reference, tags: Vec::new(), content_type: None, payload };
    Ok(registry.put_manifest(&name(repository), push).await?.digest)
}

/// Collects what is due in so many days from now.
async fn collect(registry: &Registry, days: u32) -> CollectReport {
    let options = CollectOptions { delete_untagged: true, parallelism: 2 };
    registry.collect_garbage(Timestamp::now().plus(DAY * days), options, &mut |_| {}).await.unwrap()
}

#[tokio::test]
async fn what_is_collected_leaves_no_file() {
    let storage = filesystem().await;
    let registry = storage.registry(&Arc::new(MemoryMetadataStore::new()), WRITE);
    for repository in ["a", "b"] {
        push(&registry, repository, "config").await;
        put(&registry, repository, &image("config", &[])).await.unwrap();
    }
    registry.delete_repository(&name("a")).await.unwrap();
    for days in [10, 20, 30] {
        collect(&registry, days).await;
    }
    assert!(storage.has(&sha256(&image("config", &[]))), "another repository has it");
    push(&registry, "c", "of no image").await;
    registry.delete_tag(&name("b"), &"v1".parse().unwrap()).await.unwrap();
    for days in [10, 20, 30, 40] {
        collect(&registry, days).await;
    }
    assert_eq!(files(storage.root()), [""; 0]);
}

#[tokio::test]
async fn a_manifest_and_a_blob_of_one_digest_do_not_take_each_others_file() {
    let storage = filesystem().await;
    let metadata = Arc::new(MemoryMetadataStore::new());
    let registry = storage.registry(&metadata, WRITE);
    let payload = image("config", &[]);
    push(&registry, "a", "config").await;
    let digest = put(&registry, "a", &payload).await.unwrap();
    push(&registry, "b", &payload).await;
    let report = collect(&registry, 10).await;
    assert_eq!((report.blobs, report.kept), (0, 1), "the config has left the queue before");
    assert!(registry.stat_blob(&name("b"), &digest).await.is_err());
    assert!(storage.has(&digest), "distribution needs it for the manifest");
    let again = Arc::new(MemoryMetadataStore::new());
    let (report, skipped) = storage.import(Some(&again), ImportOptions::default()).await;
    assert_eq!((report.tally.manifests.adopted, skipped), (1, Vec::new()));

    // The other way round: a blob that an image needs.
    push(&registry, "b", &payload).await;
    put(&registry, "b", &image(&payload, &[])).await.unwrap();
    registry.delete_manifest(&name("a"), &digest).await.unwrap();
    for days in [20, 30, 40] {
        collect(&registry, days).await;
    }
    assert!(!storage.has(&sha256("config")), "all of the image in the one repository is gone");
    let blob = registry.stat_blob(&name("b"), &digest).await.unwrap();
    registry.read_blob(&name("b"), &blob, 0..blob.size_bytes).await.unwrap();
}

#[tokio::test]
async fn a_manifest_is_not_acknowledged_while_its_file_is_being_deleted() {
    let storage = filesystem().await;
    let metadata = Arc::new(MemoryMetadataStore::new());
    let registry = storage.registry(&metadata, WRITE);
    let payload = image("config", &[]);
    let digest = push(&registry, "a", &payload).await;
    let later = Timestamp::now().plus(DAY * 10);
    let reviewed = metadata.condemn_blobs(later, later.plus(DAY), 10).await.unwrap();
    push(&registry, "a", "config").await;
    let refused = put(&registry, "a", &payload).await;
    assert!(matches!(&refused, Err(RegistryError::Store(error)) if error.kind() == StoreErrorKind::Unavailable));
    storage.blob_store().delete(&reviewed.condemned[0].location).await.unwrap();
    metadata.forget_blobs(&reviewed.condemned, &[]).await.unwrap();
    put(&registry, "a", &payload).await.unwrap();
    assert!(storage.has(&digest));
}

/// Links, and a collection in every moment after a blob was found in the storage.
#[derive(Debug)]
struct Collected {
    links: Arc<dyn LinkStore>,
    collector: OnceLock<Registry>,
}

#[async_trait]
impl LinkStore for Collected {
    async fn repositories(&self, after: Option<&LinkCursor>, limit: usize) -> StoreResult<LinkPage<RepositoryName>> {
        self.links.repositories(after, limit).await
    }

    async fn links(
        &self,
        repository: &RepositoryName,
        kind: LinkKind,
        after: Option<&LinkCursor>,
        limit: usize,
    ) -> StoreResult<LinkPage<Link>> {
        self.links.links(repository, kind, after, limit).await
    }

    async fn follow(&self, repository: &RepositoryName, link: &Link) -> StoreResult<Option<Digest>> {
        self.links.follow(repository, link).await
    }

    async fn stat_blob(&self, digest: &Digest) -> StoreResult<Option<StoredBlob>> {
        let found = self.links.stat_blob(digest).await?;
        if let Some(collector) = self.collector.get() {
            collect(collector, 10).await;
        }
        Ok(found)
    }

    async fn read_blob(&self, digest: &Digest, size_bytes: u64) -> StoreResult<Bytes> {
        self.links.read_blob(digest, size_bytes).await
    }

    async fn verify_blob(&self, place: &Digest, digest: &Digest) -> StoreResult<bool> {
        self.links.verify_blob(place, digest).await
    }

    async fn copy_blob(&self, place: &Digest, digest: &Digest) -> StoreResult<BlobLocation> {
        self.links.copy_blob(place, digest).await
    }

    async fn set(&self, repository: &RepositoryName, link: &Link, target: &Digest) -> StoreResult<()> {
        self.links.set(repository, link, target).await
    }

    async fn remove(&self, repository: &RepositoryName, link: &Link) -> StoreResult<()> {
        self.links.remove(repository, link).await
    }
}

#[tokio::test]
async fn what_is_adopted_while_it_is_collected_has_its_bytes() {
    let storage = filesystem().await;
    push_blob(storage.root(), "a", "layer");
    let metadata = Arc::new(MemoryMetadataStore::new());
    let collector = storage.registry(&metadata, LinkUse::default());
    // Another repository has it, and it is due.
    push(&collector, "b", "layer").await;
    let links = Collected { links: storage.links(), collector: OnceLock::from(collector) };
    let blobs = Arc::new(storage.blob_store());
    let registry = Registry::new(blobs, metadata, RegistryOptions::default()).with_links(Arc::new(links), ADOPT);
    let blob = registry.blob(&name("a"), &sha256("layer")).await.unwrap();
    registry.read_blob(&name("a"), &blob, 0..5).await.unwrap();
}
