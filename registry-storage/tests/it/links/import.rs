use std::sync::Arc;

use registry_core::import::{Counts, ImportOptions};
use registry_core::memory::MemoryMetadataStore;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::registry::{LinkUse, ManifestPush};
use registry_core::store::BlobStore;
use registry_core::store::import::{ImportState, ImportStore};
use registry_core::store::links::Link;

use super::tree::*;
use crate::subject::filesystem;

fn resume() -> ImportOptions {
    ImportOptions { resume: true, ..ImportOptions::default() }
}

#[tokio::test]
async fn a_whole_storage_is_imported() {
    let storage = filesystem().await;
    let root = storage.root();
    let one = push_image(root, "a/b", "config", &["layer", "base"], &["v1", "latest"]);
    push_image(root, "a/b/c", "config", &["base"], &[]);
    let child = push_image(root, "a", "other", &["base"], &[]);
    let multi = push_manifest(root, "a", &index(&[&image("other", &["base"])]), &["multi"]);
    let loose = push_blob(root, "a-0", "loose");
    write(root, "/docker/registry/v2/repositories/a/_uploads/1/startedat", "2020-01-01T00:00:00Z");

    let metadata = Arc::new(MemoryMetadataStore::new());
    let (report, skipped) = storage.import(Some(&metadata), ImportOptions::default()).await;
    assert_eq!(skipped, [""; 0]);
    assert_eq!((report.repositories, report.left_out, report.skipped), (4, 0, 0));
    assert_eq!(report.tally.manifests, Counts { adopted: 4, kept: 0 });
    assert_eq!(report.tally.blobs, Counts { adopted: 8, kept: 0 });
    assert_eq!(report.tally.tags, Counts { adopted: 3, kept: 0 });
    assert_eq!(metadata.import_state().await.unwrap(), ImportState::Finished);

    let registry = storage.registry(&metadata, LinkUse::default());
    for (repository, wanted, expected) in [
        ("a/b", "latest".to_owned(), one),
        ("a/b", one.to_string(), one),
        ("a", "multi".to_owned(), multi),
        ("a", child.to_string(), child),
    ] {
        let found = registry.get_manifest(&name(repository), &reference(wanted)).await.unwrap();
        assert_eq!(found.digest, expected);
        assert_eq!(Digest::of(Algorithm::Sha256, &found.payload), expected);
    }
    assert_eq!(registry.stat_blob(&name("a-0"), &loose).await.unwrap().size_bytes, 5);
    assert!(registry.stat_blob(&name("a"), &loose).await.is_err(), "only what the repository has");
    let catalog = registry.list_repositories(None, 9).await.unwrap().items;
    assert_eq!(catalog, ["a", "a/b", "a/b/c"].map(name));
}

#[tokio::test]
async fn an_import_goes_on_where_it_stopped() {
    let storage = filesystem().await;
    push_image(storage.root(), "a", "config", &["layer"], &["v1"]);
    let metadata = Arc::new(MemoryMetadataStore::new());
    metadata.begin_import(true).await.unwrap();
    let only_a = ImportOptions { repositories: vec![name("a")], ..resume() };
    storage.import(Some(&metadata), only_a).await;
    assert_eq!(metadata.import_state().await.unwrap(), ImportState::Unfinished);

    push_image(storage.root(), "b", "config", &["layer"], &["v1"]);
    let (report, _) = storage.import(Some(&metadata), resume()).await;
    assert_eq!((report.repositories, report.left_out), (1, 1));
    assert_eq!(metadata.import_state().await.unwrap(), ImportState::Finished);

    let (report, _) = storage.import(Some(&metadata), ImportOptions::default()).await;
    assert_eq!((report.repositories, report.left_out), (2, 0));
    assert_eq!(report.tally.manifests, Counts { adopted: 0, kept: 2 });
    assert_eq!(report.tally.tags, Counts { adopted: 0, kept: 2 });
}

#[tokio::test]
async fn what_clients_pushed_is_kept_unless_it_is_to_be_overwritten() {
    let storage = filesystem().await;
    let old = push_image(storage.root(), "a", "config", &["layer"], &["v1"]);
    let metadata = Arc::new(MemoryMetadataStore::new());
    storage.import(Some(&metadata), ImportOptions::default()).await;
    let registry = storage.registry(&metadata, LinkUse::default());
    let push = ManifestPush {
        reference: reference("v1"),
        tags: Vec::new(),
        content_type: None,
        payload: image("config", &["layer", "layer"]).into(),
    };
    let new = registry.put_manifest(&name("a"), push).await.unwrap().digest;

    let (report, _) = storage.import(Some(&metadata), ImportOptions::default()).await;
    assert_eq!(report.tally.tags, Counts { adopted: 0, kept: 1 });
    assert_eq!(registry.get_manifest(&name("a"), &reference("v1")).await.unwrap().digest, new);
    let (report, _) =
        storage.import(Some(&metadata), ImportOptions { overwrite: true, ..ImportOptions::default() }).await;
    assert_eq!(report.tally.tags, Counts { adopted: 1, kept: 0 });
    assert_eq!(registry.get_manifest(&name("a"), &reference("v1")).await.unwrap().digest, old);
}

#[tokio::test]
async fn what_was_deleted_stays_deleted_when_an_import_goes_on() {
    let storage = filesystem().await;
    let digest = push_image(storage.root(), "a", "config", &["layer"], &["v1"]);
    let metadata = Arc::new(MemoryMetadataStore::new());
    metadata.begin_import(true).await.unwrap();
    let only_a = ImportOptions { repositories: vec![name("a")], ..resume() };
    storage.import(Some(&metadata), only_a).await;
    let registry = storage.registry(&metadata, LinkUse { adopt: true, write: false });
    registry.delete_manifest(&name("a"), &digest).await.unwrap();
    storage.import(Some(&metadata), resume()).await;
    assert!(registry.get_manifest(&name("a"), &reference("v1")).await.is_err());
}

/// distribution keeps a blob that was pushed by its sha512 digest in the place of its sha256 one, with a link for each.
#[tokio::test]
async fn a_blob_with_two_digests_becomes_two() {
    let storage = filesystem().await;
    let root = storage.root();
    let alias = Digest::of(Algorithm::Sha512, b"config");
    push_blob(root, "a", "config");
    link(root, "a", &Link::Blob(alias), &sha256("config").to_string());
    let payload = image("config", &[]).replace(&sha256("config").to_string(), &alias.to_string());
    let digest = push_manifest(root, "a", &payload, &["v1"]);
    let metadata = Arc::new(MemoryMetadataStore::new());
    let (dry, _) = storage.import(None, ImportOptions::default()).await;
    assert!(!storage.has(&alias), "a dry run changes nothing");
    let (report, skipped) = storage.import(Some(&metadata), ImportOptions::default()).await;
    assert_eq!(skipped, [""; 0]);
    assert_eq!((dry.tally, report.tally.blobs.adopted), (report.tally, 2));

    let registry = storage.registry(&metadata, LinkUse::default());
    assert_eq!(registry.get_manifest(&name("a"), &reference("v1")).await.unwrap().digest, digest);
    // Neither needs the other.
    let places = storage.blob_store();
    places.delete(&places.place(&sha256("config"))).await.unwrap();
    let blob = registry.blob(&name("a"), &alias).await.unwrap();
    assert_eq!(blob.size_bytes, 6);
    registry.read_blob(&name("a"), &blob, 0..6).await.unwrap();
    let linked = storage.links().follow(&name("a"), &Link::Blob(alias)).await.unwrap();
    assert_eq!(linked, Some(alias), "distribution finds the bytes as well");
    let (again, _) = storage.import(Some(&metadata), ImportOptions::default()).await;
    assert_eq!((again.tally.blobs.adopted, again.skipped), (0, 0));
}

/// Every kind of damage, beside what is in order.
#[tokio::test]
async fn damage_is_skipped_and_told_of() {
    let storage = filesystem().await;
    let root = storage.root();
    let good = push_image(root, "good", "config", &["layer"], &["v1"]);
    let tag = |name: &str| Link::Tag(name.parse().unwrap());

    // Links.
    link(root, "good", &tag("empty"), "");
    link(root, "good", &tag("text"), &"x".repeat(200));
    link(root, "good", &tag("short"), "sha256:1234");
    link(root, "good", &tag("dangling"), &sha256("deleted").to_string());
    link(root, "good", &Link::Manifest(sha256("elsewhere")), &good.to_string());
    link(root, "good", &Link::Manifest(sha256("no bytes")), &sha256("no bytes").to_string());
    link(root, "good", &Link::Blob(sha256("empty link")), "");
    link(root, "good", &Link::Blob(sha256("no blob")), &sha256("no blob").to_string());
    link(root, "good", &Link::Blob(sha256("another")), &sha256("layer").to_string());
    let alias = Digest::of(Algorithm::Sha512, b"another");
    link(root, "good", &Link::Blob(alias), &sha256("layer").to_string());
    // A tag of which only the history is there is none.
    write(root, "/docker/registry/v2/repositories/good/_manifests/tags/old/index/sha256/x/link", "");
    // Names.
    write(root, "/docker/registry/v2/repositories/good/_layers/sha256/zz/link", "");
    write(root, "/docker/registry/v2/repositories/good/_manifests/tags/-/current/link", "");
    write(root, "/docker/registry/v2/repositories/Bad/_layers/sha256/zz/link", "");
    write(root, "/docker/registry/v2/repositories/stray", "");
    write(root, "/docker/registry/v2/repositories/good/_manifests/tags/v1/current/link.1.tmp", "");
    // Manifests.
    let cut = push_manifest(root, "bad", &image("config", &["layer", "layer"]), &["cut"]);
    data(root, &cut, "{");
    push_manifest(root, "bad", r#"{"schemaVersion":1,"name":"bad","tag":"v0"}"#, &["schema1"]);
    push_manifest(root, "bad", &format!("{{{}}}", " ".repeat(4 * 1024 * 1024)), &[]);
    push_manifest(root, "bad", "no manifest", &[]);
    push_manifest(root, "bad", &image("not here", &[]), &["no-config"]);
    // Blobs.
    push_image(root, "cut", "config", &["a layer", "an empty layer"], &["v1"]);
    data(root, &sha256("a layer"), "a l");
    data(root, &sha256("an empty layer"), "");
    push_blob(root, "cut", "");

    let metadata = Arc::new(MemoryMetadataStore::new());
    let (dry, dry_skipped) = storage.import(None, ImportOptions::default()).await;
    let (report, skipped) = storage.import(Some(&metadata), ImportOptions::default()).await;
    assert_eq!(dry_skipped, skipped);
    assert_eq!((dry.repositories, dry.tally, dry.skipped), (report.repositories, report.tally, report.skipped));
    assert_eq!(report.skipped, skipped.len() as u64);
    assert_eq!(report.tally.manifests.adopted, 1);
    assert_eq!(report.tally.tags.adopted, 1);

    let all = skipped.join("\n");
    for expected in [
        "repository `good`: tag empty: its link cannot be read",
        "repository `good`: tag text: its link cannot be read",
        "repository `good`: tag short: its link cannot be read",
        &format!("repository `good`: tag dangling: it points to manifest `{}`, which the", sha256("deleted")),
        &format!("repository `good`: manifest {}: its link points to `{good}`", sha256("elsewhere")),
        &format!("repository `good`: manifest {}: its bytes are not in the storage", sha256("no bytes")),
        &format!("repository `good`: blob {}: its link cannot be read", sha256("empty link")),
        &format!("repository `good`: blob {}: its bytes are not in the storage", sha256("no blob")),
        &format!("repository `good`: blob {}: its link points to `{}`", sha256("another"), sha256("layer")),
        &format!("repository `good`: blob {alias}: its 5 bytes do not have its digest"),
        "repository `good`: file `/docker/registry/v2/repositories/good/_layers/sha256/zz/link`: its name is not one",
        "repository `good`: file `/docker/registry/v2/repositories/good/_manifests/tags/-/current/link`: its name",
        "file `/docker/registry/v2/repositories/Bad/_layers/sha256/zz/link`: its name",
        "file `/docker/registry/v2/repositories/stray`: its name",
        &format!("repository `bad`: manifest {cut}: its 1 bytes do not have its digest"),
        &format!("repository `bad`: tag cut: it points to manifest `{cut}`: its 1 bytes do not have its digest"),
        "repository `bad`: tag schema1: it points to manifest",
        "Docker image manifest version 2 schema 1 is not supported",
        "it has 4194306 bytes, and a manifest may have at most 4194304",
        "the manifest is not valid JSON",
        &format!("it refers to blob `{}`: the repository does not have it", sha256("not here")),
        &format!("repository `cut`: blob {}: its 3 bytes do not have its digest", sha256("a layer")),
        &format!("repository `cut`: blob {}: its 0 bytes do not have its digest", sha256("an empty layer")),
    ] {
        assert!(all.contains(expected), "{expected}\nis not in\n{all}");
    }
    assert!(!all.contains(".tmp") && !all.contains("tag old"), "{all}");

    let registry = storage.registry(&metadata, LinkUse::default());
    assert_eq!(registry.list_tags(&name("good"), None, 9).await.unwrap().items.len(), 1);
    assert!(
        registry.stat_blob(&name("cut"), &sha256("a layer")).await.is_err(),
        "a cut blob is not promised to anybody"
    );
    assert!(registry.stat_blob(&name("cut"), &sha256("")).await.is_ok(), "an empty blob may be one");
}

#[tokio::test]
async fn only_verifying_finds_a_blob_whose_bytes_are_others() {
    let storage = filesystem().await;
    push_image(storage.root(), "a", "config", &["layer"], &["v1"]);
    data(storage.root(), &sha256("layer"), "LAYER");
    let (report, _) = storage.import(None, ImportOptions::default()).await;
    assert_eq!(report.skipped, 0);
    let (report, skipped) = storage.import(None, ImportOptions { verify: true, ..ImportOptions::default() }).await;
    assert_eq!(report.skipped, 3, "{skipped:?}");
}

#[tokio::test]
async fn many_repositories_and_large_ones_are_listed_whole() {
    let storage = filesystem().await;
    for number in 0..40 {
        push_blob(storage.root(), &format!("many/r{number}"), &format!("{number}"));
    }
    for number in 0..1100 {
        push_blob(storage.root(), "many/large", &format!("{number}"));
    }
    push_blob(storage.root(), "many/large/inner", "x");
    let (report, skipped) = storage.import(None, ImportOptions::default()).await;
    assert_eq!(skipped, [""; 0]);
    assert_eq!((report.repositories, report.tally.blobs.adopted), (42, 1141));
}
