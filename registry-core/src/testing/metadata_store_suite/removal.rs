use super::fixture::{LATER, Push, all_tags, at, commit, digest, repository, stored, tag};
use crate::protocol::digest::Digest;
use crate::store::removal::UntaggedManifests;
use crate::store::{MetadataStore, Timestamp};

/// Far later than anything was pushed.
const EVER: Timestamp = at(i64::MAX);

/// So that the deletion of a manifest with very many tags can be cut into pieces.
pub async fn no_more_tags_than_the_limit_are_left_at_a_manifest(store: &dyn MetadataStore) {
    let a = repository("a");
    let manifest = Push::new(&a, "manifest").tagged(&["1", "2", "3", "4", "5"]).to(store).await;
    Push::new(&a, "other").tagged(&["6", "7", "8"]).to(store).await;
    assert!(store.thin_tags(&a, &manifest, 2, None).await.unwrap());
    assert_eq!(all_tags(store, &a).await.len(), 6);
    assert!(store.thin_tags(&a, &manifest, 2, Some(LATER)).await.unwrap());
    assert!(!store.thin_tags(&a, &manifest, 2, None).await.unwrap());
    assert!(stored(store, &a, manifest).await);
    assert_eq!(all_tags(store, &a).await[1..], ["6", "7", "8"]);
    assert!(!store.thin_tags(&a, &digest("missing"), 2, None).await.unwrap());
    assert!(!store.thin_tags(&repository("b"), &manifest, 2, None).await.unwrap());
}

/// A push of the same manifest counts as one, too.
pub async fn a_tag_that_was_pushed_since_it_was_seen_stays(store: &dyn MetadataStore) {
    let a = repository("a");
    let push = Push::new(&a, "manifest").tagged(&["s", "t", "u"]);
    let manifest = push.to(store).await;
    let seen = store.tag_records(&a, Some(&tag("s")), 10).await.unwrap();
    assert_eq!(
        seen.iter().map(|record| (record.tag.as_str(), record.digest)).collect::<Vec<_>>(),
        [("t", manifest), ("u", manifest)]
    );
    // Dates have microseconds, and a push of less is not known.
    while Timestamp::now() <= seen[0].updated_at {}
    Push::new(&a, "manifest").tagged(&["t"]).to(store).await;
    assert!(!store.delete_unchanged_tag(&a, &seen[0], LATER, None).await.unwrap());
    assert!(store.delete_unchanged_tag(&a, &seen[1], LATER, None).await.unwrap());
    assert!(!store.delete_unchanged_tag(&a, &seen[1], LATER, None).await.unwrap());
    assert_eq!(all_tags(store, &a).await, ["s", "t"]);
}

/// A tag, a past tag, an index, and a subject that exists keep a manifest.
pub async fn what_something_refers_to_is_not_untagged(store: &dyn MetadataStore) {
    let a = repository("a");
    Push::new(&a, "tagged").tagged(&["t"]).to(store).await;
    let past = Push::new(&a, "past").tagged(&["u"]).to(store).await;
    store.delete_tag(&a, &tag("u"), LATER, Some(LATER)).await.unwrap();
    let child = Push::new(&a, "child").to(store).await;
    let index = Push { children: vec![child], ..Push::new(&a, "index") }.to(store).await;
    let referring = Push { subject: Some(index), ..Push::new(&a, "referring") }.to(store).await;
    let dangling = Push { subject: Some(digest("missing")), ..Push::new(&a, "dangling") }.to(store).await;
    let mut expected = vec![index, dangling];
    expected.sort_unstable();
    for limit in 1..8 {
        assert_eq!(untagged(store, EVER, limit).await, expected, "by parts of {limit}");
    }
    assert_eq!(untagged(store, at(0), 10).await, [], "nothing is that old");

    for kept in [past, child, referring, digest("missing")] {
        assert!(!store.delete_untagged_manifest(&a, &kept, EVER, LATER).await.unwrap());
    }
    assert!(!store.delete_untagged_manifest(&a, &index, at(0), LATER).await.unwrap());
    assert!(store.delete_untagged_manifest(&a, &index, EVER, LATER).await.unwrap());
    assert!(!stored(store, &a, index).await);
    let mut expected = vec![child, referring, dangling];
    expected.sort_unstable();
    assert_eq!(untagged(store, EVER, 10).await, expected);
}

/// Neither a manifest nor a blob may be left, nor anything that is withdrawn.
pub async fn a_repository_is_removed_when_it_is_empty(store: &dyn MetadataStore) {
    let a = repository("a");
    let blob = commit(store, &a, "blob").await;
    let manifest = Push { blobs: vec![blob], ..Push::new(&a, "manifest").tagged(&["t"]) }.to(store).await;
    assert_eq!(store.some_blobs(&a, 10).await.unwrap(), [blob]);
    store.delete_manifest(&a, &manifest, LATER, Some(LATER)).await.unwrap();
    store.unlink_blob(&a, &blob, LATER).await.unwrap();
    assert!(!store.remove_empty_repository(&a).await.unwrap());
    assert_eq!(store.manifest_digests(&a, None, 10).await.unwrap(), [manifest]);
    store.delete_manifest(&a, &manifest, LATER, None).await.unwrap();
    commit(store, &a, "blob").await;
    assert!(!store.remove_empty_repository(&a).await.unwrap());
    store.unlink_blob(&a, &blob, LATER).await.unwrap();
    assert!(store.remove_empty_repository(&a).await.unwrap());
    assert!(!store.repository_exists(&a).await.unwrap());
    assert!(store.remove_empty_repository(&a).await.unwrap(), "it can be repeated");
    Push::new(&a, "manifest").tagged(&["t"]).to(store).await;
    assert_eq!(all_tags(store, &a).await, ["t"]);
}

async fn untagged(store: &dyn MetadataStore, before: Timestamp, limit: usize) -> Vec<Digest> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let part: UntaggedManifests =
            store.untagged_manifests(&repository("a"), before, after.as_ref(), limit).await.unwrap();
        found.extend(part.unreferenced);
        match part.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}
