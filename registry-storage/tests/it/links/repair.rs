//! Links that are missing are told of and written, also those of what was pushed before links were written.

use std::fs;
use std::sync::Arc;

use futures::StreamExt;
use registry_core::Registry;
use registry_core::memory::MemoryMetadataStore;
use registry_core::protocol::digest::Digest;
use registry_core::registry::{Finding, FsckReport, LeftAlone, LinkUse, ManifestPush, Repair, RepairStores};
use registry_core::store::links::Link;
use registry_storage::{DriverIdentityStore, DriverInventory};

use super::tree::*;
use crate::subject::{Filesystem, files, filesystem};

const WRITE: LinkUse = LinkUse { adopt: false, write: true };

async fn push(registry: &Registry, repository: &str, layers: &[&str], tags: &[&str]) {
    for content in layers.iter().chain(&["config"]) {
        let body = futures::stream::iter([Ok(content.as_bytes().to_vec().into())]).boxed();
        registry.push_blob(&name(repository), &sha256(content), body).await.unwrap();
    }
    let payload = image("config", layers);
    let reference = reference(sha256(&payload));
    let tags = tags.iter().map(|tag| tag.parse().unwrap()).collect();
    let push = ManifestPush { reference, tags, content_type: None, payload: payload.into() };
    registry.put_manifest(&name(repository), push).await.unwrap();
}

/// Compares, and repairs each difference if that is wanted.
async fn fsck(storage: &Filesystem, registry: &Registry, repairs: bool) -> (Vec<Link>, FsckReport) {
    let inventory = DriverInventory::new(Arc::new(storage.driver()));
    let identity = DriverIdentityStore::new(Arc::new(storage.driver()));
    let stores = RepairStores { inventory: &inventory, identity: &identity };
    let (mut fsck, mut missing) = (registry.fsck(&inventory), Vec::new());
    let mut repairer = registry.repairer(stores);
    while let Some(finding) = fsck.next_finding().await.unwrap() {
        if repairs {
            assert_eq!(repairer.repair(&finding).await.unwrap(), Repair::LinkWritten);
        }
        let Finding::MissingLink(found) = finding else { panic!("{finding:?}") };
        missing.push(found.link);
    }
    (missing, fsck.report())
}

#[tokio::test]
async fn what_is_older_than_the_switch_gets_its_links() {
    let (ours, theirs) = (filesystem().await, filesystem().await);
    let metadata = Arc::new(MemoryMetadataStore::new());
    let without = ours.registry(&metadata, LinkUse::default());
    for repository in ["a", "a/b"] {
        push(&without, repository, &["layer"], &["v1", "v2"]).await;
        push_image(theirs.root(), repository, "config", &["layer"], &["v1", "v2"]);
    }
    assert_eq!(fsck(&ours, &without, false).await.1.links, 0, "nobody wants them");

    let registry = ours.registry(&metadata, WRITE);
    let (missing, report) = fsck(&ours, &registry, true).await;
    assert_eq!((missing.len(), report.links, report.missing_links, report.is_clean()), (10, 10, 10, false));
    assert_eq!(files(ours.root()), files(theirs.root()), "as distribution would have it");
    let (missing, report) = fsck(&ours, &registry, false).await;
    assert_eq!((missing, report.links, report.is_clean()), (Vec::new(), 10, true));
}

#[tokio::test]
async fn each_kind_of_link_is_looked_at() {
    let storage = filesystem().await;
    let registry = storage.registry(&Arc::new(MemoryMetadataStore::new()), WRITE);
    push(&registry, "a", &[], &["v1"]).await;
    let manifest = sha256(&image("config", &[]));
    let links = storage.links();
    let (blob, tag) = (Link::Blob(sha256("config")), Link::Tag("v1".parse().unwrap()));
    links.remove(&name("a"), &blob).await.unwrap();
    links.set(&name("a"), &tag, &sha256("elsewhere")).await.unwrap();
    assert_eq!(fsck(&storage, &registry, true).await.0, [blob.clone(), tag.clone()]);
    assert_eq!(links.follow(&name("a"), &tag).await.unwrap(), Some(manifest));

    // What distribution cannot read is as good as not there, and a manifest needs its bytes beside its link.
    let link = "docker/registry/v2/repositories/a/_manifests/tags/v1/current/link";
    fs::write(storage.root().join(link), "").unwrap();
    fs::remove_file(storage.root().join(&registry_storage::layout::blob(&manifest).as_str()[1..])).unwrap();
    assert_eq!(fsck(&storage, &registry, true).await.0, [Link::Manifest(manifest), tag]);
    assert!(fsck(&storage, &registry, false).await.1.is_clean());
}

#[tokio::test]
async fn a_file_that_nobody_knows_is_nobodys_only_beside_links_that_are_all_known() {
    let storage = filesystem().await;
    let registry = storage.registry(&Arc::new(MemoryMetadataStore::new()), WRITE);
    push(&registry, "a", &["layer"], &["v1"]).await;
    let (stray, other) = (sha256("stray"), sha256("other stray"));
    data(storage.root(), &stray, "stray");
    let repaired = repair_unknown(&storage, &registry).await;
    assert!(matches!(&repaired[..], [(found, Repair::PutUpForReview(_))] if *found == stray), "{repaired:?}");

    data(storage.root(), &other, "other stray");
    for (repository, link) in [("a", Link::Tag("theirs".parse().unwrap())), ("b", Link::Blob(other))] {
        storage.links().set(&name(repository), &link, &sha256("elsewhere")).await.unwrap();
        let repaired = repair_unknown(&storage, &registry).await;
        assert_eq!(repaired, [(other, Repair::LeftAlone(LeftAlone::NotImported))], "beside {link}");
        storage.links().remove(&name(repository), &link).await.unwrap();
    }
    let repaired = repair_unknown(&storage, &registry).await;
    assert!(matches!(&repaired[..], [(found, Repair::PutUpForReview(_))] if *found == other), "{repaired:?}");
}

/// Compares, and repairs what nobody knows, which is all there may be.
async fn repair_unknown(storage: &Filesystem, registry: &Registry) -> Vec<(Digest, Repair)> {
    let inventory = DriverInventory::new(Arc::new(storage.driver()));
    let identity = DriverIdentityStore::new(Arc::new(storage.driver()));
    let mut repairer = registry.repairer(RepairStores { inventory: &inventory, identity: &identity });
    let (mut fsck, mut repaired) = (registry.fsck(&inventory), Vec::new());
    while let Some(finding) = fsck.next_finding().await.unwrap() {
        let Finding::Unknown(file) = &finding else { panic!("{finding:?}") };
        repaired.push((file.digest.unwrap(), repairer.repair(&finding).await.unwrap()));
    }
    repaired
}
