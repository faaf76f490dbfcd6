//! Random pushes, mounts, deletions, restores and collections: in the end there is exactly what can be reached, and at any
//! time the figures are those of a recount.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::RngSeed;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::media_type::{OCI_INDEX, OCI_MANIFEST};
use registry_core::protocol::reference::Reference;
use registry_core::registry::{ManifestPush, MountSource, RetentionMode};
use registry_core::retention::{Pattern, RetentionPolicy, RetentionRule};
use registry_core::store::metadata::ManifestStore;
use registry_core::store::removal::RemovalStore;
use registry_core::store::usage::{Usage, UsageStore};
use registry_core::{Registry, RegistryError};

use super::{ALL, Bed, HOUR, in_future};
use crate::support::{pull, push, repository, sha256};

const REPOSITORIES: [&str; 2] = ["a", "b"];
const TAGS: [&str; 2] = ["one", "two"];
const LAYERS: usize = 4;
/// For how long what a tag pointed to can be restored, if it can.
const HISTORY_HOURS: u32 = 30;

#[derive(Debug, Clone)]
enum Action {
    PushBlob {
        repository: usize,
        layer: usize,
    },
    MountBlob {
        into: usize,
        layer: usize,
    },
    UnlinkBlob {
        repository: usize,
        layer: usize,
    },
    PushImage {
        repository: usize,
        layers: Vec<usize>,
        tag: Option<usize>,
        subject: Option<usize>,
    },
    PushIndex {
        repository: usize,
        children: Vec<usize>,
        tag: Option<usize>,
        subject: Option<usize>,
    },
    DeleteTag {
        repository: usize,
        tag: usize,
    },
    DeleteManifest {
        repository: usize,
        manifest: usize,
    },
    RestoreTag {
        repository: usize,
        tag: usize,
        manifest: Option<usize>,
    },
    DeleteRepository {
        repository: usize,
    },
    /// Keeps the first tag, and manifests that something refers to.
    Retain {
        repository: usize,
    },
    Collect {
        hours: u32,
        delete_untagged: bool,
    },
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
        2 => (repository(), tag(), proptest::option::weighted(0.3, 0..8usize))
            .prop_map(|(repository, tag, manifest)| Action::RestoreTag { repository, tag, manifest }),
        1 => repository().prop_map(|repository| Action::DeleteRepository { repository }),
        1 => repository().prop_map(|repository| Action::Retain { repository }),
        2 => (0..60u32, any::<bool>()).prop_map(|(hours, delete_untagged)| Action::Collect { hours, delete_untagged }),
    ]
}

/// What was pushed, as far as it is known to be there, and what it refers to.
#[derive(Default)]
struct Pushed {
    /// Whether what tags pointed to is remembered.
    has_history: bool,
    order: Vec<Digest>,
    repositories: [Contents; REPOSITORIES.len()],
}

#[derive(Default)]
struct Contents {
    manifests: BTreeMap<Digest, Links>,
    tags: BTreeMap<usize, Digest>,
    /// What tags pointed to, the oldest first.
    past: Vec<(usize, Digest)>,
    /// Manifests that were deleted and can be restored.
    withdrawn: BTreeSet<Digest>,
}

#[derive(Clone)]
struct Links {
    size_bytes: u64,
    blobs: Vec<Digest>,
    children: Vec<Digest>,
    subject: Option<Digest>,
}

impl Pushed {
    fn earlier(&self, index: Option<usize>) -> Option<Digest> {
        self.order.get(index?).copied()
    }

    fn point(&mut self, repository: usize, tag: usize, digest: Digest) {
        let contents = &mut self.repositories[repository];
        contents.withdrawn.remove(&digest);
        let previous = contents.tags.insert(tag, digest);
        if let Some(previous) = previous.filter(|previous| self.has_history && *previous != digest) {
            contents.past.push((tag, previous));
        }
    }

    /// Returns whether the tag was there.
    fn unpoint(&mut self, repository: usize, tag: usize) -> bool {
        let contents = &mut self.repositories[repository];
        let Some(previous) = contents.tags.remove(&tag) else { return false };
        if self.has_history {
            contents.past.push((tag, previous));
        }
        true
    }

    /// Nothing can be restored any more.
    fn drop_history(&mut self) {
        for contents in &mut self.repositories {
            contents.past.clear();
            for digest in std::mem::take(&mut contents.withdrawn) {
                contents.manifests.remove(&digest);
            }
        }
    }
}

impl Contents {
    /// Returns what can be reached from tags and past tags: down to children, and up to whatever refers to what is reached.
    fn reachable(&self) -> BTreeSet<Digest> {
        let mut reached = BTreeSet::new();
        let past = self.past.iter().map(|(_, digest)| digest);
        let mut ahead: Vec<Digest> = self.tags.values().chain(past).copied().collect();
        while let Some(digest) = ahead.pop() {
            let Some(links) = self.manifests.get(&digest) else { continue };
            if reached.insert(digest) {
                ahead.extend(&links.children);
                let referrers = self.manifests.iter().filter(|(_, other)| other.subject == Some(digest));
                ahead.extend(referrers.map(|(name, _)| *name));
            }
        }
        reached
    }

    /// Returns the manifests that rules for untagged ones delete.
    fn unreferenced(&self) -> Vec<Digest> {
        let is_tagged = |digest: &Digest| {
            self.tags.values().any(|target| target == digest) || self.past.iter().any(|(_, target)| target == digest)
        };
        let is_listed = |digest: &Digest| self.manifests.values().any(|other| other.children.contains(digest));
        let refers = |links: &Links| links.subject.is_some_and(|subject| self.manifests.contains_key(&subject));
        let all = self.manifests.iter();
        let gone = all.filter(|(digest, links)| !is_tagged(digest) && !is_listed(digest) && !refers(links));
        gone.map(|(digest, _)| *digest).collect()
    }

    fn usage(&self) -> Usage {
        count([self])
    }
}

fn count<'a>(all: impl IntoIterator<Item = &'a Contents>) -> Usage {
    let (mut usage, mut distinct) = (Usage::default(), BTreeSet::new());
    for contents in all {
        usage.tags += contents.tags.len() as u64;
        usage.manifests += (contents.manifests.len() - contents.withdrawn.len()) as u64;
        for links in contents.manifests.values() {
            usage.logical_bytes += links.size_bytes + links.blobs.iter().map(size_bytes).sum::<u64>();
            usage.unique_bytes += links.size_bytes;
            distinct.extend(&links.blobs);
        }
    }
    usage.unique_bytes += distinct.into_iter().map(size_bytes).sum::<u64>();
    usage
}

fn size_bytes(blob: &Digest) -> u64 {
    let found = (0..LAYERS).map(layer).find(|content| sha256(content) == *blob);
    found.expect("it is one of the layers").len() as u64
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
    mut links: Links,
) {
    if let Some(subject) = &links.subject {
        manifest["subject"] = descriptor(OCI_MANIFEST, subject);
    }
    let payload = serde_json::to_vec(&manifest).unwrap();
    let digest = sha256(&payload);
    links.size_bytes = payload.len() as u64;
    let reference = match tag {
        Some(tag) => Reference::Tag(TAGS[tag].parse().unwrap()),
        None => Reference::Digest(digest),
    };
    let push = ManifestPush { reference, tags: Vec::new(), content_type: None, payload: payload.into() };
    match registry.put_manifest(&repository(REPOSITORIES[repository_index]), push).await {
        Ok(_) => {
            pushed.repositories[repository_index].manifests.insert(digest, links);
            pushed.repositories[repository_index].withdrawn.remove(&digest);
            if !pushed.order.contains(&digest) {
                pushed.order.push(digest);
            }
            if let Some(tag) = tag {
                pushed.point(repository_index, tag, digest);
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
            let mut manifests = pushed.repositories[repository].manifests.values();
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
            let links = Links { size_bytes: 0, blobs, children: Vec::new(), subject: pushed.earlier(subject) };
            put(registry, pushed, repository, tag, manifest, links).await;
        }
        Action::PushIndex { repository, children, tag, subject } => {
            let children: Vec<Digest> = children.iter().filter_map(|index| pushed.earlier(Some(*index))).collect();
            let manifest = serde_json::json!({
                "schemaVersion": 2, "mediaType": OCI_INDEX,
                "manifests": children.iter().map(|child| descriptor(OCI_MANIFEST, child)).collect::<Vec<_>>(),
            });
            let links = Links { size_bytes: 0, blobs: Vec::new(), children, subject: pushed.earlier(subject) };
            put(registry, pushed, repository, tag, manifest, links).await;
        }
        Action::DeleteTag { repository, tag } => {
            let deleted = registry.delete_tag(&name(repository), &TAGS[tag].parse().unwrap()).await.is_ok();
            assert_eq!(pushed.unpoint(repository, tag), deleted);
        }
        Action::DeleteManifest { repository, manifest } => {
            let Some(digest) = pushed.earlier(Some(manifest)) else { return };
            let deleted = registry.delete_manifest(&name(repository), &digest).await.is_ok();
            let contents = &pushed.repositories[repository];
            assert_eq!(contents.manifests.contains_key(&digest) && !contents.withdrawn.contains(&digest), deleted);
            if !deleted {
                return;
            }
            let tags: Vec<usize> = contents.tags.iter().filter(|(_, to)| **to == digest).map(|(tag, _)| *tag).collect();
            for tag in tags {
                pushed.unpoint(repository, tag);
            }
            let contents = &mut pushed.repositories[repository];
            if contents.past.iter().any(|(_, target)| *target == digest) {
                contents.withdrawn.insert(digest);
            } else {
                contents.manifests.remove(&digest);
            }
        }
        Action::RestoreTag { repository, tag, manifest } => {
            let wanted = pushed.earlier(manifest);
            let restored = registry.restore_tag(&name(repository), &TAGS[tag].parse().unwrap(), wanted.as_ref()).await;
            let contents = &pushed.repositories[repository];
            let mut past = contents.past.iter().rev();
            let found = past.find(|(of, digest)| *of == tag && wanted.is_none_or(|wanted| wanted == *digest)).copied();
            let Some((_, digest)) = found else {
                assert!(matches!(restored, Err(RegistryError::TagNotRestorable { .. })), "{restored:?}");
                return;
            };
            if contents.manifests[&digest].children.iter().any(|child| contents.withdrawn.contains(child)) {
                assert!(matches!(restored, Err(RegistryError::ManifestBlobUnknown { .. })), "{restored:?}");
                return;
            }
            assert_eq!(restored.unwrap(), digest);
            pushed.point(repository, tag, digest);
        }
        Action::DeleteRepository { repository } => {
            let deleted = registry.delete_repository(&name(repository)).await;
            assert!(matches!(deleted, Ok(()) | Err(RegistryError::RepositoryUnknown(_))), "{deleted:?}");
            pushed.repositories[repository] = Contents::default();
        }
        Action::Retain { repository } => {
            let pattern = |text| Pattern::new(text).unwrap();
            let rule = RetentionRule {
                keep_matching: Some(pattern(TAGS[0])),
                untagged_older: Some(Duration::ZERO),
                ..RetentionRule::new(pattern(REPOSITORIES[repository]))
            };
            let (policy, now) = (RetentionPolicy { rules: vec![rule] }, in_future(HOUR));
            registry.apply_retention(&policy, now, RetentionMode::Delete, &mut |_| {}).await.unwrap();
            pushed.unpoint(repository, 1);
            let contents = &mut pushed.repositories[repository];
            for digest in contents.unreferenced() {
                contents.manifests.remove(&digest);
            }
        }
        Action::Collect { hours, delete_untagged } => {
            let options = registry_core::gc::CollectOptions { delete_untagged, ..ALL };
            bed.collect(in_future(HOUR * hours), options).await;
            if hours >= HISTORY_HOURS {
                pushed.drop_history();
            }
        }
    }
}

/// Asserts that all that a tag leads to is there, whatever was collected, and forgets what was.
async fn look(bed: &Bed, pushed: &mut Pushed) {
    for (index, name) in REPOSITORIES.into_iter().enumerate() {
        let name = repository(name);
        let contents = &mut pushed.repositories[index];
        let reachable = contents.reachable();
        let stored = bed.metadata.manifest_digests(&name, None, 1000).await.unwrap();
        let mut there = BTreeMap::new();
        for (digest, links) in &contents.manifests {
            assert!(stored.contains(digest) || !reachable.contains(digest), "{digest} can be reached, and is gone");
            if !stored.contains(digest) {
                continue;
            }
            let found = bed.metadata.manifest(&name, &Reference::Digest(*digest)).await.unwrap();
            assert_eq!(found.is_none(), contents.withdrawn.contains(digest), "{digest} is seen when it is deleted");
            for blob in &links.blobs {
                pull(&bed.registry, REPOSITORIES[index], blob).await;
            }
            for child in &links.children {
                let deleted = !contents.manifests.contains_key(child);
                assert!(stored.contains(child) || deleted, "{digest} is there without its child {child}");
            }
            there.insert(*digest, links.clone());
        }
        contents.manifests = there;
        let usage = bed.metadata.repository_usage(&name).await.unwrap().unwrap_or_default();
        assert_eq!(usage, contents.usage());
    }
    assert_eq!(bed.metadata.namespace_usage("").await.unwrap(), count(&pushed.repositories));
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
    fn what_is_left_is_what_can_be_reached(
        actions in vec(actions(), 1..60), grace_hours in 0..30u32, has_history in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bed = Bed::with_history(HOUR * grace_hours, HOUR * if has_history { HISTORY_HOURS } else { 0 });
            let mut pushed = Pushed { has_history, ..Pushed::default() };
            for action in &actions {
                act(&bed, &mut pushed, action).await;
                look(&bed, &mut pushed).await;
            }
            bed.collect_all().await;
            pushed.drop_history();
            look(&bed, &mut pushed).await;

            let mut blobs = BTreeSet::new();
            for (index, name) in REPOSITORIES.into_iter().enumerate() {
                let contents = &pushed.repositories[index];
                let reachable = contents.reachable();
                let there: BTreeSet<Digest> = contents.manifests.keys().copied().collect();
                prop_assert_eq!(&there, &reachable, "in {}", name);
                let stored = bed.metadata.manifest_digests(&repository(name), None, 1000).await.unwrap();
                prop_assert_eq!(&stored.into_iter().collect::<BTreeSet<_>>(), &reachable, "in {}", name);
                blobs.extend(reachable.iter().flat_map(|digest| &contents.manifests[digest].blobs).copied());
            }
            let blobs: BTreeSet<String> = blobs.iter().map(Digest::to_string).collect();
            prop_assert_eq!(bed.blobs.contents().into_iter().collect::<BTreeSet<_>>(), blobs);
            Ok(())
        })?;
    }
}
