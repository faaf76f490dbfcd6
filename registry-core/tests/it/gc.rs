//! Garbage collection: what goes, what stays, and what a crash or a push in the middle of it does.

mod model;
mod moves;
mod paused;
mod schedules;

use std::sync::Arc;
use std::time::Duration;

use registry_core::gc::{Candidate, CollectOptions, CollectReport, Collected};
use registry_core::memory::{MemoryBlobStore, MemoryMetadataStore};
use registry_core::protocol::digest::Digest;
use registry_core::protocol::media_type::OCI_MANIFEST;
use registry_core::protocol::reference::Reference;
use registry_core::registry::{ManifestPush, MountSource};
use registry_core::store::import::ImportStore;
use registry_core::store::metadata::ReviewSubject;
use registry_core::store::{MetadataStore, StoreErrorKind, Timestamp};
use registry_core::testing::flaky::{Faults, FlakyBlobStore, Step};
use registry_core::{Registry, RegistryError, RegistryOptions};

use crate::support::{image, pull, push, push_image, repository, sha256, tagged};

const HOUR: Duration = Duration::from_secs(60 * 60);
const ALL: CollectOptions = CollectOptions { delete_untagged: true, parallelism: 4 };
const BLOBS: CollectOptions = CollectOptions { delete_untagged: false, ..ALL };

/// A registry in memory, and what is behind it.
#[derive(Clone)]
pub(super) struct Bed {
    pub(super) registry: Registry,
    pub(super) blobs: Arc<MemoryBlobStore>,
    pub(super) metadata: Arc<MemoryMetadataStore>,
    pub(super) faults: Faults,
}

impl Bed {
    pub(super) fn new(review_grace: Duration) -> Self {
        Self::with_history(review_grace, Duration::ZERO)
    }

    pub(super) fn with_history(review_grace: Duration, tag_history: Duration) -> Self {
        let (blobs, metadata) = (Arc::new(MemoryBlobStore::default()), Arc::new(MemoryMetadataStore::default()));
        let faults = Faults::default();
        let flaky = FlakyBlobStore::new(Arc::<MemoryBlobStore>::clone(&blobs), faults.clone());
        let options = RegistryOptions { delete_enabled: true, review_grace, tag_history, ..RegistryOptions::default() };
        let shared: Arc<dyn MetadataStore> = Arc::<MemoryMetadataStore>::clone(&metadata);
        Self { registry: Registry::new(Arc::new(flaky), shared, options), blobs, metadata, faults }
    }

    pub(super) async fn collect(&self, now: Timestamp, options: CollectOptions) -> CollectReport {
        self.registry.collect_garbage(now, options, &mut |_| {}).await.unwrap()
    }

    /// Collects until there is nothing left to do, long after everything is due.
    pub(super) async fn collect_all(&self) -> CollectReport {
        let mut total = CollectReport::default();
        for days in 1..100 {
            let report = self.collect(in_future(HOUR * 24 * 10 * days), ALL).await;
            if report.is_empty() {
                return total;
            }
            total.manifests += report.manifests;
            total.blobs += report.blobs;
            total.kept += report.kept;
        }
        panic!("there is always something left to collect");
    }
}

pub(super) fn in_future(after: Duration) -> Timestamp {
    Timestamp::now().plus(after)
}

async fn exists(registry: &Registry, name: &str, reference: &str) -> bool {
    registry.get_manifest(&repository(name), &reference.parse().unwrap()).await.is_ok()
}

async fn delete_tag(registry: &Registry, name: &str, tag: &str) {
    registry.delete_tag(&repository(name), &tag.parse().unwrap()).await.unwrap();
}

/// A manifest pushed by its digest, so that it has no tag.
async fn push_untagged(registry: &Registry, name: &str, content: &[u8]) -> Digest {
    let layer = push(registry, name, content).await;
    let payload = image(&layer, &[]);
    let reference = Reference::Digest(sha256(&payload));
    let push = ManifestPush { reference, tags: Vec::new(), content_type: Some(OCI_MANIFEST.to_owned()), payload };
    registry.put_manifest(&repository(name), push).await.unwrap().digest
}

#[tokio::test]
async fn without_grace_a_deleted_tag_takes_what_nobody_else_needs() {
    let bed = Bed::new(Duration::ZERO);
    push_image(&bed.registry, "a", "one", "shared").await;
    let config = push(&bed.registry, "a", b"config of its own").await;
    let gone = tagged("two", image(&config, &[sha256(b"shared")]));
    let gone = bed.registry.put_manifest(&repository("a"), gone).await.unwrap().digest;
    assert!(bed.collect(Timestamp::now(), ALL).await.is_empty(), "everything is referred to");

    delete_tag(&bed.registry, "a", "two").await;
    let mut told = Vec::new();
    let now = Timestamp::now();
    let report = bed
        .registry
        .collect_garbage(now, ALL, &mut |collected| {
            told.push(match collected {
                Collected::Manifest(repository, digest) => format!("{repository}@{digest}"),
                Collected::Blob(digest, size_bytes) => format!("{digest} {size_bytes}"),
            });
        })
        .await
        .unwrap();
    assert_eq!((report.manifests, report.blobs, report.kept, report.failed), (1, 1, 1, 0));
    assert_eq!(told, [format!("a@{gone}"), format!("{config} 17")]);
    assert!(exists(&bed.registry, "a", "one").await);
    assert_eq!(pull(&bed.registry, "a", &sha256(b"shared")).await, b"shared");
    let mut kept = [sha256(b"config of shared"), sha256(b"shared")].map(|digest| digest.to_string());
    kept.sort();
    assert_eq!(bed.blobs.contents(), kept);
}

#[tokio::test]
async fn without_grace_a_push_still_has_the_time_it_needs() {
    let bed = Bed::new(Duration::ZERO);
    let layer = push(&bed.registry, "a", b"layer").await;
    assert!(bed.collect(Timestamp::now(), ALL).await.is_empty());
    let mounted =
        bed.registry.mount_blob(&repository("b"), &layer, &MountSource::Repository(repository("a"))).await.unwrap();
    assert!(mounted.is_some());
    push_untagged(&bed.registry, "a", b"layer").await;
    assert!(bed.collect(in_future(HOUR / 2), ALL).await.is_empty());
    let report = bed.collect(in_future(HOUR * 2), ALL).await;
    assert_eq!((report.manifests, report.blobs), (1, 1));
    assert_eq!(bed.blobs.contents(), [""; 0]);
}

#[tokio::test]
async fn nothing_goes_within_its_grace_period() {
    let bed = Bed::new(HOUR * 24);
    let digest = push_image(&bed.registry, "a", "one", "content").await;
    push(&bed.registry, "a", b"of no image").await;
    bed.registry.delete_manifest(&repository("a"), &digest).await.unwrap();
    assert!(bed.collect(in_future(HOUR * 23), ALL).await.is_empty());
    // Whoever is told that it is there can count on it for as long again.
    let name = repository("a");
    bed.registry.stat_blob(&name, &sha256(b"content")).await.unwrap();
    let report = bed.collect(in_future(HOUR * 28), ALL).await;
    assert_eq!(report.blobs, 3, "no later than an eighth after the end of the period");
    assert!(matches!(bed.registry.stat_blob(&name, &sha256(b"content")).await, Err(RegistryError::BlobUnknown { .. })));
}

#[tokio::test]
async fn untagged_manifests_stay_unless_they_are_asked_for() {
    let bed = Bed::new(HOUR);
    let digest = push_untagged(&bed.registry, "a", b"layer").await;
    assert!(bed.collect(in_future(HOUR * 5), BLOBS).await.is_empty());
    assert!(exists(&bed.registry, "a", &digest.to_string()).await);
    let report = bed.collect(in_future(HOUR * 5), ALL).await;
    assert_eq!((report.manifests, report.blobs), (1, 0));
    let report = bed.collect(in_future(HOUR * 10), BLOBS).await;
    assert_eq!((report.manifests, report.blobs), (0, 1));
}

#[tokio::test]
async fn a_layer_with_urls_is_kept_if_it_was_pushed() {
    let bed = Bed::new(HOUR);
    let config = push(&bed.registry, "a", b"config").await;
    let layer = push(&bed.registry, "a", b"foreign").await;
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 6},
        "layers": [{
            "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar", "digest": layer, "size": 7,
            "urls": ["https://example.com/layer"],
        }],
    });
    let payload = serde_json::to_vec(&manifest).unwrap().into();
    bed.registry.put_manifest(&repository("a"), tagged("one", payload)).await.unwrap();
    bed.collect_all().await;
    assert_eq!(pull(&bed.registry, "a", &layer).await, b"foreign");
}

#[tokio::test]
async fn bytes_that_cannot_be_deleted_are_tried_again() {
    let bed = Bed::new(HOUR);
    push(&bed.registry, "a", b"one").await;
    push(&bed.registry, "a", b"two").await;
    bed.faults.fail_next(Step::Delete, StoreErrorKind::Unavailable);
    let now = in_future(HOUR * 2);
    let report = bed.collect(now, ALL).await;
    assert_eq!((report.blobs, report.failed), (1, 1));
    assert_eq!(bed.blobs.contents().len(), 1);
    assert!(bed.collect(now, ALL).await.is_empty(), "not at once");
    let report = bed.collect(now.plus(HOUR), ALL).await;
    assert_eq!((report.blobs, report.failed), (1, 0));
    assert_eq!(bed.blobs.contents(), [""; 0]);
}

#[tokio::test]
async fn what_fails_again_is_put_off_for_longer() {
    let bed = Bed::new(HOUR);
    let digest = push(&bed.registry, "a", b"one").await;
    let mut now = in_future(HOUR * 2);
    for minutes in [10, 20, 40, 80] {
        bed.faults.fail_next(Step::Delete, StoreErrorKind::Other);
        assert_eq!(bed.collect(now, ALL).await.failed, 1);
        let review_after = bed.registry.explain(&digest, 1).await.unwrap().blob.unwrap().review_after;
        assert_eq!(review_after, Some(now.plus(Duration::from_secs(minutes * 60))));
        now = review_after.unwrap();
    }
    assert_eq!(bed.collect(now, ALL).await.blobs, 1);
}

#[tokio::test]
async fn a_preview_tells_what_would_go_and_changes_nothing() {
    let bed = Bed::new(HOUR);
    push_image(&bed.registry, "a", "one", "content").await;
    // Pushed once more, so that it is looked at and kept.
    push(&bed.registry, "a", b"content").await;
    let unused = push(&bed.registry, "a", b"unused").await;
    let untagged = push_untagged(&bed.registry, "a", b"layer").await;
    let preview = async |delete_untagged| {
        let mut seen = Vec::new();
        let now = in_future(HOUR * 2);
        bed.registry.preview_garbage(now, delete_untagged, &mut |candidate| seen.push(candidate)).await.unwrap();
        seen
    };
    let eligible = |candidates: &[Candidate]| -> Vec<ReviewSubject> {
        candidates.iter().filter(|found| found.is_eligible).map(|found| found.subject.clone()).collect()
    };
    let (all, blobs) = (preview(true).await, preview(false).await);
    assert_eq!(all.len(), 3, "{all:?}");
    assert_eq!(eligible(&blobs), [ReviewSubject::Blob(unused)]);
    assert_eq!(eligible(&all), [ReviewSubject::Manifest(repository("a"), untagged), ReviewSubject::Blob(unused)]);
    assert_eq!(preview(true).await, all);
}

#[tokio::test]
async fn nothing_goes_while_an_import_is_unfinished() {
    let bed = Bed::new(Duration::ZERO);
    push_untagged(&bed.registry, "a", b"content").await;
    bed.metadata.begin_import(true).await.unwrap();
    let later = in_future(HOUR * 24);
    assert!(bed.collect(later, ALL).await.is_empty());
    bed.metadata.finish_import().await.unwrap();
    assert_eq!(bed.collect(later, ALL).await.manifests, 1);
}

#[tokio::test]
async fn what_can_be_restored_is_kept_until_it_cannot() {
    let bed = Bed::with_history(Duration::ZERO, HOUR * 10);
    let digest = push_image(&bed.registry, "a", "one", "content").await;
    let bytes = bed.blobs.contents();
    bed.registry.delete_manifest(&repository("a"), &digest).await.unwrap();
    assert!(bed.collect(in_future(HOUR * 9), ALL).await.is_empty());
    bed.registry.restore_tag(&repository("a"), &"one".parse().unwrap(), None).await.unwrap();
    assert_eq!(bed.blobs.contents(), bytes);
    bed.registry.delete_manifest(&repository("a"), &digest).await.unwrap();
    let report = bed.collect(in_future(HOUR * 11), BLOBS).await;
    assert_eq!((report.past_tags, report.manifests, report.blobs), (2, 1, 2));
    assert_eq!(bed.blobs.contents(), [""; 0]);
}
