use super::fixture::{LATER, Push, all_tags, commit, digest, queue, repository, stored, tagged};
use crate::protocol::reference::Reference;
use crate::store::MetadataStore;
use crate::store::metadata::PutManifestOutcome;

/// Bytes and media type come back exactly, by tag and by digest.
pub async fn a_manifest_comes_back_as_it_was_pushed(store: &dyn MetadataStore) {
    let a = repository("a");
    let push = Push { media_type: "Text/X-Odd; q=1", ..Push::new(&a, &b"{ \"\0\xff\" }\r\n"[..]).tagged(&["t"]) };
    let digest = push.to(store).await;
    for reference in [Reference::Digest(digest), "t".parse().unwrap()] {
        assert_eq!(store.manifest(&a, &reference).await.unwrap(), Some(push.record()), "{reference}");
    }
    assert_eq!(tagged(store, &a, "other").await, None);
}

/// The same bytes in two repositories are two manifests.
pub async fn a_manifest_is_in_its_repository_alone(store: &dyn MetadataStore) {
    let [a, b, c] = ["a", "b", "c"].map(repository);
    let digest = Push::new(&a, "manifest").tagged(&["t"]).to(store).await;
    Push::new(&b, "manifest").tagged(&["t"]).to(store).await;
    assert!(!stored(store, &c, digest).await);
    store.delete_manifest(&a, &digest, LATER, None).await.unwrap();
    assert!(!stored(store, &a, digest).await);
    assert_eq!(tagged(store, &b, "t").await, Some(digest));
}

/// Blobs must be in the same repository. All that are missing are named, and nothing has changed.
pub async fn a_manifest_whose_blobs_are_missing_is_not_stored(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let present = commit(store, &a, "present").await;
    let elsewhere = commit(store, &b, "elsewhere").await;
    let unlinked = commit(store, &a, "unlinked").await;
    store.unlink_blob(&a, &unlinked, LATER).await.unwrap();
    let reviews = queue(store).await;

    let blobs = vec![elsewhere, present, digest("nowhere"), unlinked];
    let push = Push { blobs, ..Push::new(&a, "manifest").tagged(&["t"]) };
    let missing = vec![elsewhere, digest("nowhere"), unlinked];
    assert_eq!(push.attempt(store).await, PutManifestOutcome::Missing(missing), "in the manifest's order");
    assert!(!stored(store, &a, push.digest()).await);
    assert!(all_tags(store, &a).await.is_empty());
    assert_eq!(queue(store).await, reviews);
}

/// Children must be manifests of the same repository; a blob of that digest is none.
pub async fn a_manifest_whose_children_are_missing_is_not_stored(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let present = Push::new(&a, "present").to(store).await;
    let elsewhere = Push::new(&b, "elsewhere").to(store).await;
    let a_blob = commit(store, &a, "blob").await;
    let push = Push { children: vec![elsewhere, present, a_blob], ..Push::new(&a, "index").tagged(&["t"]) };
    assert_eq!(push.attempt(store).await, PutManifestOutcome::Missing(vec![elsewhere, a_blob]));
    assert!(!stored(store, &a, push.digest()).await);
    assert_eq!(tagged(store, &a, "t").await, None);
}

/// Children that may be missing are not asked for, the others still are.
pub async fn sparse_children_may_be_missing(store: &dyn MetadataStore) {
    let a = repository("a");
    let present = Push::new(&a, "present").to(store).await;
    let index = Push { sparse_children: vec![digest("missing"), present], ..Push::new(&a, "index") };
    index.to(store).await;
    let refused = Push { children: vec![digest("required")], ..Push { payload: "other".into(), ..index } };
    assert_eq!(refused.attempt(store).await, PutManifestOutcome::Missing(vec![digest("required")]));
}

/// The last push says what the bytes are.
pub async fn a_push_of_a_stored_digest_sets_its_media_type_anew(store: &dyn MetadataStore) {
    let a = repository("a");
    let first = Push::new(&a, "manifest").tagged(&["t"]);
    first.to(store).await;
    let second = Push { media_type: "application/other", tags: Vec::new(), ..first };
    let digest = second.to(store).await;
    assert_eq!(store.manifest(&a, &Reference::Digest(digest)).await.unwrap(), Some(second.record()));
    assert_eq!(tagged(store, &a, "t").await, Some(digest));
}

/// A push can be repeated.
pub async fn a_repeated_push_changes_nothing(store: &dyn MetadataStore) {
    let a = repository("a");
    let blobs = vec![commit(store, &a, "one").await, commit(store, &a, "two").await];
    let children = vec![Push::new(&a, "child").to(store).await];
    let push = Push { blobs, children, ..Push::new(&a, "index").tagged(&["t", "u"]) };
    push.to(store).await;
    let reviews = queue(store).await;
    push.to(store).await;
    assert_eq!(all_tags(store, &a).await, ["t", "u"]);
    assert_eq!(queue(store).await, reviews);
}

/// Deleting by digest removes every tag that points to it, and no other.
pub async fn a_deleted_manifest_takes_its_tags_along(store: &dyn MetadataStore) {
    let a = repository("a");
    let digest = Push::new(&a, "manifest").tagged(&["t", "u"]).to(store).await;
    Push::new(&a, "other").tagged(&["v"]).to(store).await;
    assert!(store.delete_manifest(&a, &digest, LATER, None).await.unwrap());
    assert!(!stored(store, &a, digest).await);
    assert_eq!(all_tags(store, &a).await, ["v"]);
    assert_eq!(tagged(store, &a, "t").await, None);
}

/// A second delete, or one in the wrong repository, finds nothing.
pub async fn deleting_what_is_not_there_changes_nothing(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let push = Push::new(&a, "manifest").tagged(&["t"]);
    let digest = push.to(store).await;
    assert!(!store.delete_manifest(&b, &digest, LATER, None).await.unwrap());
    assert!(!store.delete_tag(&b, &push.tags[0], LATER, None).await.unwrap());
    assert!(store.delete_manifest(&a, &digest, LATER, None).await.unwrap());
    let reviews = queue(store).await;
    assert!(!store.delete_manifest(&a, &digest, LATER, None).await.unwrap());
    assert!(!store.delete_tag(&a, &push.tags[0], LATER, None).await.unwrap());
    assert_eq!(queue(store).await, reviews);
    assert!(!store.repository_exists(&b).await.unwrap());
}

/// References are checked and recorded whatever their number.
pub async fn a_manifest_may_refer_to_very_many_blobs_and_manifests(store: &dyn MetadataStore) {
    let a = repository("a");
    let blob = commit(store, &a, "blob").await;
    let child = Push::new(&a, "child").to(store).await;
    let many = |kind: &str| (0..1500).map(|i| digest(&format!("{kind} {i}"))).collect::<Vec<_>>();
    let (blobs, children) = (many("blob"), many("child"));
    let push = Push {
        blobs: [&blobs[..], &[blob]].concat(),
        children: [&children[..], &[child]].concat(),
        sparse_children: many("sparse"),
        ..Push::new(&a, "index")
    };
    assert_eq!(push.attempt(store).await, PutManifestOutcome::Missing([blobs, children].concat()));
    let index = Push { blobs: vec![blob], children: vec![child], ..push }.to(store).await;
    assert!(store.delete_manifest(&a, &index, LATER, None).await.unwrap());
}
