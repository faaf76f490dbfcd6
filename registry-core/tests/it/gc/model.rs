//! Random pushes, mounts, deletions and collections: in the end there is exactly what can be reached.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::RngSeed;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::media_type::{OCI_INDEX, OCI_MANIFEST};
use registry_core::protocol::reference::Reference;
use registry_core::registry::{ManifestPush, MountSource};
use registry_core::store::metadata::ManifestStore;
use registry_core::{Registry, RegistryError};

use super::{ALL, Bed, HOUR, in_future};
use crate::support::{pull, push, repository, sha256};

const REPOSITORIES: [&str; 2] = ["a", "b"];
const TAGS: [&str; 2] = ["one", "two"];
const LAYERS: usize = 4;

#[derive(Debug, Clone)]
enum Action {
    PushBlob { repository: usize, layer: usize },
    MountBlob { into: usize, layer: usize },
    UnlinkBlob { repository: usize, layer: usize },
    PushImage { repository: usize, layers: Vec<usize>, tag: Option<usize>, subject: Option<usize> },
    PushIndex { repository: usize, children: Vec<usize>, tag: Option<usize>, subject: Option<usize> },
    DeleteTag { repository: usize, tag: usize },
    DeleteManifest { repository: usize, manifest: usize },
    Collect { hours: u32, delete_untagged: bool },
}

fn actions() -> impl Strategy<Value = Action> {
    let repository = || 0..REPOSITORIES.len();
    let layer = || 0..LAYERS;
    let tag = || 0..TAGS.len();
    let tag_or_none = || proptest::option::weighted(0.7, 0..TAGS.len());
    // One of those that were pushed so far, by its number, as far as there are so many.
    let earlier = || proptest::option::weighted(0.3, 0..8usize);
    prop_oneof![
        4 => (repository(), layer()).prop_map(|(repository, layer)| Action::PushBlob { repository, layer }),
        1 => (repository(), layer()).prop_map(|(into, layer)| Action::MountBlob { into, layer }),
        1 => (repository(), layer()).prop_map(|(repository, layer)| Action::UnlinkBlob { repository, layer }),
        5 => (repository(), subsequence((0..LAYERS).collect::<Vec<_>>(), 1..3), tag_or_none(), earlier())
            .prop_map(|(repository, layers, tag, subject)| Action::PushImage { repository, layers, tag, subject }),
        2 => (repository(), vec(0..8usize, 1..3), tag_or_none(), earlier())
            .prop_map(|(repository, children, tag, subject)| Action::PushIndex { repository, children, tag, subject }),
        2 => (repository(), tag()).prop_map(|(repository, tag)| Action::DeleteTag { repository, tag }),
        1 => (repository(), 0..8usize)
            .prop_map(|(repository, manifest)| Action::DeleteManifest { repository, manifest }),
        2 => (0..60u32, any::<bool>()).prop_map(|(hours, delete_untagged)| Action::Collect { hours, delete_untagged }),
    ]
}

/// What was pushed, as far as it is known to be there, and what it refers to.
#[derive(Default)]
struct Pushed {
    order: Vec<Digest>,
    manifests: [BTreeMap<Digest, Links>; REPOSITORIES.len()],
    tags: [BTreeMap<usize, Digest>; REPOSITORIES.len()],
}

#[derive(Clone)]
struct Links {
    blobs: Vec<Digest>,
    children: Vec<Digest>,
    subject: Option<Digest>,
}

impl Pushed {
    fn earlier(&self, index: Option<usize>) -> Option<Digest> {
        self.order.get(index?).copied()
    }

    /// Returns what can be reached from tags: down to children, and up to whatever refers to what is reached.
    fn reachable(&self, repository: usize) -> BTreeSet<Digest> {
        let manifests = &self.manifests[repository];
        let mut reached = BTreeSet::new();
        let mut ahead: Vec<Digest> = self.tags[repository].values().copied().collect();
        while let Some(digest) = ahead.pop() {
            let Some(links) = manifests.get(&digest) else { continue };
            if reached.insert(digest) {
                ahead.extend(&links.children);
                ahead
                    .extend(manifests.iter().filter(|(_, other)| other.subject == Some(digest)).map(|(name, _)| *name));
            }
        }
        reached
    }
}

fn layer(index: usize) -> Vec<u8> {
    format!("layer {index}").into_bytes()
}

fn descriptor(media_type: &str, digest: &Digest) -> serde_json::Value {
    serde_json::json!({"mediaType": media_type, "digest": digest, "size": 7})
}

async fn put(
    registry: &Registry,
    pushed: &mut Pushed,
    repository_index: usize,
    tag: Option<usize>,
    mut manifest: serde_json::Value,
    links: Links,
) {
    if let Some(subject) = &links.subject {
        manifest["subject"] = descriptor(OCI_MANIFEST, subject);
    }
    let payload = serde_json::to_vec(&manifest).unwrap();
    let digest = sha256(&payload);
    let reference = match tag {
        Some(tag) => Reference::Tag(TAGS[tag].parse().unwrap()),
        None => Reference::Digest(digest),
    };
    let push = ManifestPush { reference, tags: Vec::new(), content_type: None, payload: payload.into() };
    match registry.put_manifest(&repository(REPOSITORIES[repository_index]), push).await {
        Ok(_) => {
            pushed.manifests[repository_index].insert(digest, links);
            if !pushed.order.contains(&digest) {
                pushed.order.push(digest);
            }
            if let Some(tag) = tag {
                pushed.tags[repository_index].insert(tag, digest);
            }
        }
        Err(RegistryError::ManifestBlobUnknown { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

async fn act(bed: &Bed, pushed: &mut Pushed, action: &Action) {
    let registry = &bed.registry;
    let name = |index: usize| repository(REPOSITORIES[index]);
    match action.clone() {
        Action::PushBlob { repository, layer: index } => {
            push(registry, REPOSITORIES[repository], &layer(index)).await;
        }
        Action::MountBlob { into, layer: index } => {
            let source = MountSource::Anywhere;
            registry.mount_blob(&name(into), &sha256(&layer(index)), &source).await.unwrap();
        }
        Action::UnlinkBlob { repository, layer: index } => {
            // What a manifest of this repository refers to stays to be pulled.
            let digest = sha256(&layer(index));
            let mut manifests = pushed.manifests[repository].values();
            if manifests.all(|links| !links.blobs.contains(&digest)) {
                registry.delete_blob(&name(repository), &digest).await.ok();
            }
        }
        Action::PushImage { repository, layers, tag, subject } => {
            let blobs: Vec<Digest> = layers.iter().map(|index| sha256(&layer(*index))).collect();
            let manifest = serde_json::json!({
                "schemaVersion": 2, "mediaType": OCI_MANIFEST,
                "config": descriptor("application/vnd.oci.image.config.v1+json", &blobs[0]),
                "layers": blobs[1..].iter()
                    .map(|blob| descriptor("application/vnd.oci.image.layer.v1.tar", blob)).collect::<Vec<_>>(),
            });
            let links = Links { blobs, children: Vec::new(), subject: pushed.earlier(subject) };
            put(registry, pushed, repository, tag, manifest, links).await;
        }
        Action::PushIndex { repository, children, tag, subject } => {
            let children: Vec<Digest> = children.iter().filter_map(|index| pushed.earlier(Some(*index))).collect();
            let manifest = serde_json::json!({
                "schemaVersion": 2, "mediaType": OCI_INDEX,
                "manifests": children.iter().map(|child| descriptor(OCI_MANIFEST, child)).collect::<Vec<_>>(),
            });
            let links = Links { blobs: Vec::new(), children, subject: pushed.earlier(subject) };
            put(registry, pushed, repository, tag, manifest, links).await;
        }
        Action::DeleteTag { repository, tag } => {
            let deleted = registry.delete_tag(&name(repository), &TAGS[tag].parse().unwrap()).await.is_ok();
            assert_eq!(pushed.tags[repository].remove(&tag).is_some(), deleted);
        }
        Action::DeleteManifest { repository, manifest } => {
            let Some(digest) = pushed.earlier(Some(manifest)) else { return };
            let deleted = registry.delete_manifest(&name(repository), &digest).await.is_ok();
            assert_eq!(pushed.manifests[repository].remove(&digest).is_some(), deleted);
            pushed.tags[repository].retain(|_, target| *target != digest);
        }
        Action::Collect { hours, delete_untagged } => {
            let options = registry_core::gc::CollectOptions { delete_untagged, ..ALL };
            bed.collect(in_future(HOUR * hours), options).await;
        }
    }
}

/// Asserts that all that a tag leads to is there, whatever was collected, and forgets what was.
async fn look(bed: &Bed, pushed: &mut Pushed) {
    for (index, name) in REPOSITORIES.into_iter().enumerate() {
        let name = repository(name);
        let reachable = pushed.reachable(index);
        let mut there = BTreeMap::new();
        for (digest, links) in &pushed.manifests[index] {
            let found = bed.metadata.manifest(&name, &Reference::Digest(*digest)).await.unwrap();
            assert!(found.is_some() || !reachable.contains(digest), "{digest} can be reached, and is gone");
            if found.is_none() {
                continue;
            }
            for blob in &links.blobs {
                pull(&bed.registry, REPOSITORIES[index], blob).await;
            }
            for child in &links.children {
                let found = bed.metadata.manifest(&name, &Reference::Digest(*child)).await.unwrap();
                let deleted = !pushed.manifests[index].contains_key(child);
                assert!(found.is_some() || deleted, "{digest} is there without its child {child}");
            }
            there.insert(*digest, links.clone());
        }
        pushed.manifests[index] = there;
    }
}

proptest! {
    // The same sequences every time; PROPTEST_RNG_SEED and PROPTEST_CASES give others, and more.
    #![proptest_config(ProptestConfig {
        cases: 200,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_left_is_what_can_be_reached(actions in vec(actions(), 1..60), grace_hours in 0..30u32) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bed = Bed::new(HOUR * grace_hours);
            let mut pushed = Pushed::default();
            for action in &actions {
                act(&bed, &mut pushed, action).await;
                look(&bed, &mut pushed).await;
            }
            bed.collect_all().await;
            look(&bed, &mut pushed).await;

            let mut blobs = BTreeSet::new();
            for (index, name) in REPOSITORIES.into_iter().enumerate() {
                let reachable = pushed.reachable(index);
                let there: BTreeSet<Digest> = pushed.manifests[index].keys().copied().collect();
                prop_assert_eq!(&there, &reachable, "in {}", name);
                blobs.extend(reachable.iter().flat_map(|digest| &pushed.manifests[index][digest].blobs).copied());
            }
            let blobs: BTreeSet<String> = blobs.iter().map(Digest::to_string).collect();
            prop_assert_eq!(bed.blobs.contents().into_iter().collect::<BTreeSet<_>>(), blobs);
            Ok(())
        })?;
    }
}
