use super::fixture::{LATER, Push, at, commit, digest, queue, repository, stored, tag, tagged};
use crate::protocol::digest::Digest;
use crate::protocol::reference::RepositoryName;
use crate::store::import::{AdoptBlob, AdoptOutcome, AdoptTag, ImportState};
use crate::store::metadata::{PutManifest, ReviewSubject};
use crate::store::{BlobLocation, MetadataStore};

async fn adopt_blob(store: &dyn MetadataStore, repository: &RepositoryName, content: &str) -> AdoptOutcome {
    let blob = AdoptBlob {
        repository,
        digest: &digest(content),
        size_bytes: content.len() as u64,
        location: &BlobLocation::new("adopted"),
        hold: None,
        review_after: LATER,
    };
    store.adopt_blob(blob).await.unwrap()
}

async fn adopt_manifest(
    store: &dyn MetadataStore,
    repository: &RepositoryName,
    content: &'static str,
    blobs: &[Digest],
) -> AdoptOutcome {
    let manifest = PutManifest {
        repository,
        digest: &digest(content),
        media_type: "application/vnd.oci.image.manifest.v1+json",
        artifact_type: None,
        subject: None,
        annotations: &Default::default(),
        payload: &content.into(),
        blobs,
        optional_blobs: &[],
        children: &[],
        sparse_children: &[],
        tags: &[],
        review_after: LATER,
        restorable_until: None,
    };
    store.adopt_manifest(manifest).await.unwrap()
}

async fn adopt_tag(
    store: &dyn MetadataStore,
    repository: &RepositoryName,
    name: &str,
    target: Digest,
    overwrite: bool,
) -> AdoptOutcome {
    let adopt = AdoptTag { repository, tag: &tag(name), target: &target, overwrite, review_after: at(7) };
    store.adopt_tag(adopt).await.unwrap()
}

/// An import goes from never begun over unfinished to finished, and back when the next begins; a repository is imported
/// once it is finished, and open again in an import that begins afresh.
pub async fn an_import_is_unfinished_until_it_is_finished(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    assert_eq!(store.import_state().await.unwrap(), ImportState::Never);
    store.begin_import(true).await.unwrap();
    assert_eq!(store.import_state().await.unwrap(), ImportState::Unfinished);
    assert!(!store.is_imported(&a).await.unwrap());

    for _ in 0..2 {
        store.finish_repository_import(&a).await.unwrap();
    }
    assert!(store.is_imported(&a).await.unwrap());
    assert!(!store.is_imported(&b).await.unwrap());
    store.begin_import(false).await.unwrap();
    assert!(store.is_imported(&a).await.unwrap(), "an import that goes on leaves it finished");

    store.finish_import().await.unwrap();
    assert_eq!(store.import_state().await.unwrap(), ImportState::Finished);
    assert!(store.is_imported(&b).await.unwrap(), "with the whole storage");
    store.begin_import(false).await.unwrap();
    assert_eq!(store.import_state().await.unwrap(), ImportState::Unfinished);
    assert!(store.is_imported(&a).await.unwrap());
    assert!(!store.is_imported(&b).await.unwrap());

    store.begin_import(true).await.unwrap();
    assert!(!store.is_imported(&a).await.unwrap(), "afresh, it is open again");
    store.finish_repository_import(&a).await.unwrap();
    assert!(store.is_imported(&a).await.unwrap());
    assert!(!store.repository_exists(&a).await.unwrap(), "nothing was put into it");
}

/// What is adopted is as if it had been pushed, and is reviewed like that.
pub async fn what_is_adopted_is_there(store: &dyn MetadataStore) {
    let a = repository("a");
    store.begin_import(true).await.unwrap();
    assert_eq!(adopt_blob(store, &a, "layer").await, AdoptOutcome::Adopted);
    assert_eq!(adopt_manifest(store, &a, "manifest", &[digest("layer")]).await, AdoptOutcome::Adopted);
    assert_eq!(adopt_tag(store, &a, "v1", digest("manifest"), false).await, AdoptOutcome::Adopted);

    let blob = store.blob(&a, &digest("layer")).await.unwrap().unwrap();
    assert_eq!((blob.size_bytes, blob.location.as_str()), (5, "adopted"));
    assert_eq!(tagged(store, &a, "v1").await, Some(digest("manifest")));
    assert_eq!(store.repositories(None, 9).await.unwrap(), std::slice::from_ref(&a));
    let queue = queue(store).await;
    assert!(!queue.contains_key(&ReviewSubject::Blob(digest("layer"))), "the manifest refers to it");
    assert!(queue.contains_key(&ReviewSubject::Manifest(a, digest("manifest"))));
}

/// What was pushed stays as it was pushed, and what was adopted is not adopted twice.
pub async fn adopting_keeps_what_is_there(store: &dyn MetadataStore) {
    let a = repository("a");
    store.begin_import(true).await.unwrap();
    let pushed = commit(store, &a, "layer").await;
    let manifest = Push { blobs: vec![pushed], media_type: "application/x", ..Push::new(&a, "manifest") };
    manifest.clone().tagged(&["v1"]).to(store).await;
    let other = Push::new(&a, "other").to(store).await;
    let reviews = queue(store).await;

    assert_eq!(adopt_blob(store, &a, "layer").await, AdoptOutcome::Kept);
    assert_eq!(store.blob(&a, &pushed).await.unwrap().unwrap().location.as_str(), "layer");
    assert_eq!(adopt_manifest(store, &a, "manifest", &[pushed]).await, AdoptOutcome::Kept);
    let found = store.manifest(&a, &crate::protocol::reference::Reference::Tag(tag("v1"))).await.unwrap();
    assert_eq!(found.unwrap().media_type, "application/x");
    assert_eq!(adopt_tag(store, &a, "v1", other, false).await, AdoptOutcome::Kept);
    assert_eq!(adopt_tag(store, &a, "v1", manifest.digest(), true).await, AdoptOutcome::Kept);
    assert_eq!(tagged(store, &a, "v1").await, Some(manifest.digest()));
    assert_eq!(queue(store).await, reviews);

    assert_eq!(adopt_blob(store, &repository("b"), "layer").await, AdoptOutcome::Adopted, "another repository");
    let blob = store.blob(&repository("b"), &pushed).await.unwrap().unwrap();
    assert_eq!(blob.location.as_str(), "layer", "the location that is recorded stays");
}

/// A tag is moved only if that is asked for, and what it left is reviewed.
pub async fn adopting_moves_a_tag_only_when_asked_to(store: &dyn MetadataStore) {
    let a = repository("a");
    store.begin_import(true).await.unwrap();
    let first = Push::new(&a, "first").tagged(&["v1"]).to(store).await;
    let second = Push::new(&a, "second").tagged(&["v2"]).to(store).await;
    assert_eq!(adopt_tag(store, &a, "v1", second, false).await, AdoptOutcome::Kept);
    assert_eq!(tagged(store, &a, "v1").await, Some(first));
    assert_eq!(adopt_tag(store, &a, "v1", second, true).await, AdoptOutcome::Adopted);
    assert_eq!(tagged(store, &a, "v1").await, Some(second));
    assert!(queue(store).await.contains_key(&ReviewSubject::Manifest(a, first)));
}

/// A manifest without its blobs, and a tag without its manifest, are not adopted.
pub async fn adopting_needs_what_is_referred_to(store: &dyn MetadataStore) {
    let a = repository("a");
    store.begin_import(true).await.unwrap();
    assert_eq!(adopt_manifest(store, &a, "manifest", &[digest("layer")]).await, AdoptOutcome::Missing);
    assert!(!stored(store, &a, digest("manifest")).await);
    assert_eq!(adopt_tag(store, &a, "v1", digest("manifest"), false).await, AdoptOutcome::Missing);
    Push::new(&a, "other").to(store).await;
    assert_eq!(adopt_tag(store, &a, "v1", digest("manifest"), true).await, AdoptOutcome::Missing);
    assert_eq!(tagged(store, &a, "v1").await, None);
}

/// Nothing is adopted into a repository that is finished, so that nothing deleted comes back.
pub async fn nothing_is_adopted_into_a_finished_repository(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    store.begin_import(true).await.unwrap();
    assert_eq!(adopt_manifest(store, &a, "manifest", &[]).await, AdoptOutcome::Adopted);
    store.finish_repository_import(&a).await.unwrap();
    store.delete_manifest(&a, &digest("manifest"), LATER, None).await.unwrap();
    let reviews = queue(store).await;

    assert_eq!(adopt_blob(store, &a, "layer").await, AdoptOutcome::Closed);
    assert_eq!(adopt_manifest(store, &a, "manifest", &[]).await, AdoptOutcome::Closed);
    assert_eq!(adopt_tag(store, &a, "v1", digest("manifest"), true).await, AdoptOutcome::Closed);
    assert!(!stored(store, &a, digest("manifest")).await);
    assert_eq!(store.blob(&a, &digest("layer")).await.unwrap(), None);
    assert_eq!(queue(store).await, reviews);

    store.finish_import().await.unwrap();
    assert_eq!(adopt_blob(store, &b, "layer").await, AdoptOutcome::Closed);
    assert!(!store.repository_exists(&b).await.unwrap());
}
