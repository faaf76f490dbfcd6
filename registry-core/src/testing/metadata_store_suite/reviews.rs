use std::collections::BTreeMap;

use super::fixture::{LATER, Push, at, commit, digest, queue, repository, tag};
use crate::protocol::digest::Digest;
use crate::protocol::reference::RepositoryName;
use crate::store::metadata::{CommitBlob, Review, ReviewSubject};
use crate::store::{BlobLocation, MetadataStore, Timestamp};

/// A blob that no manifest ever refers to is looked at, and so is one that was taken out of a repository.
pub async fn committed_and_unlinked_blobs_are_reviewed(store: &dyn MetadataStore) {
    let a = repository("a");
    let blob = commit(store, &a, "content").await;
    assert_eq!(queue(store).await, [(ReviewSubject::Blob(blob), LATER)].into());
    store.unlink_blob(&a, &blob, at(2_000_000)).await.unwrap();
    assert_eq!(queue(store).await, [(ReviewSubject::Blob(blob), at(2_000_000))].into());
}

/// A manifest that comes without a tag is looked at; one with a tag is not.
pub async fn untagged_manifests_are_reviewed(store: &dyn MetadataStore) {
    let a = repository("a");
    let untagged = Push { review_after: at(5), ..Push::new(&a, "untagged") }.to(store).await;
    Push::new(&a, "tagged").tagged(&["t"]).to(store).await;
    assert_eq!(queue(store).await, manifests(&a, [(untagged, at(5))]));
}

/// What a tag pointed to before is looked at, unless it is the same manifest.
pub async fn a_moved_tag_has_what_it_left_reviewed(store: &dyn MetadataStore) {
    let a = repository("a");
    let first = Push::new(&a, "first").tagged(&["t", "u"]);
    let left = first.to(store).await;
    first.to(store).await;
    assert!(queue(store).await.is_empty(), "a tag that stays leaves nothing");
    Push { review_after: at(7), ..Push::new(&a, "second").tagged(&["t"]) }.to(store).await;
    assert_eq!(queue(store).await, manifests(&a, [(left, at(7))]));
}

/// A manifest that lost a tag is looked at.
pub async fn a_deleted_tag_has_its_manifest_reviewed(store: &dyn MetadataStore) {
    let a = repository("a");
    let left = Push::new(&a, "manifest").tagged(&["t", "u"]).to(store).await;
    store.delete_tag(&a, &tag("t"), at(7), None).await.unwrap();
    assert_eq!(queue(store).await, manifests(&a, [(left, at(7))]));
}

/// Blobs, children and referrers of a deleted manifest are looked at; the manifest itself is no longer there to be.
pub async fn a_deleted_manifest_has_what_it_referred_to_reviewed(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let blob = commit(store, &a, "blob").await;
    let child = Push::new(&a, "child").tagged(&["child"]).to(store).await;
    Push::new(&b, "child").tagged(&["child"]).to(store).await;
    let index = Push {
        blobs: vec![blob],
        children: vec![child],
        sparse_children: vec![digest("missing")],
        ..Push::new(&a, "index")
    };
    let index = index.to(store).await;
    let referrer = Push { subject: Some(index), ..Push::new(&a, "referrer").tagged(&["referrer"]) }.to(store).await;
    Push { subject: Some(index), ..Push::new(&b, "referrer").tagged(&["referrer"]) }.to(store).await;
    assert!(queue(store).await.contains_key(&ReviewSubject::Manifest(a.clone(), index)), "it has no tag");

    store.delete_manifest(&a, &index, at(2_000_000), None).await.unwrap();
    let mut expected = manifests(&a, [(child, at(2_000_000)), (referrer, at(2_000_000))]);
    expected.insert(ReviewSubject::Blob(blob), at(2_000_000));
    assert_eq!(queue(store).await, expected);
}

/// An earlier date never takes the place of a later one, whatever brings it; postponing what is not queued does nothing.
pub async fn a_review_is_only_ever_postponed(store: &dyn MetadataStore) {
    let a = repository("a");
    let (blob, location) = (digest("content"), BlobLocation::new("content"));
    let commit = |review_after| CommitBlob {
        repository: &a,
        digest: &blob,
        size_bytes: 7,
        location: &location,
        is_displaced: false,
        is_replicated: false,
        upload: None,
        hold: None,
        review_after,
    };
    store.postpone_blob_review(&blob, at(99)).await.unwrap();
    assert!(queue(store).await.is_empty());

    store.commit_blob(commit(at(10))).await.unwrap();
    store.commit_blob(commit(at(5))).await.unwrap();
    store.postpone_blob_review(&blob, at(5)).await.unwrap();
    assert_eq!(queue(store).await, [(ReviewSubject::Blob(blob), at(10))].into());
    store.postpone_blob_review(&blob, at(11)).await.unwrap();
    assert_eq!(queue(store).await, [(ReviewSubject::Blob(blob), at(11))].into());
    store.commit_blob(commit(at(12))).await.unwrap();
    store.unlink_blob(&a, &blob, at(3)).await.unwrap();
    assert_eq!(queue(store).await, [(ReviewSubject::Blob(blob), at(12))].into());

    let manifest = Push { review_after: at(10), ..Push::new(&a, "manifest") };
    manifest.to(store).await;
    Push { review_after: at(5), ..manifest.clone() }.to(store).await;
    assert_eq!(queue(store).await[&ReviewSubject::Manifest(a, manifest.digest())], at(10));
}

/// Who mounts a blob can count on it for the whole grace period.
pub async fn a_mount_postpones_a_review(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let blob = commit(store, &a, "content").await;
    store.mount_blob(&b, &blob, None, at(2_000_000)).await.unwrap();
    assert_eq!(queue(store).await, [(ReviewSubject::Blob(blob), at(2_000_000))].into());
    store.mount_blob(&b, &blob, Some(&b), at(1)).await.unwrap();
    assert_eq!(queue(store).await, [(ReviewSubject::Blob(blob), at(2_000_000))].into());
}

/// Blobs and manifests come in one order, bounded by the limit, and never before their date.
pub async fn due_reviews_come_in_the_order_of_their_dates(store: &dyn MetadataStore) {
    let a = repository("a");
    for (date, content) in [(3, "three"), (1, "one"), (5, "five")] {
        let commit = CommitBlob {
            repository: &a,
            digest: &digest(content),
            size_bytes: 0,
            location: &BlobLocation::new(content),
            is_displaced: false,
            is_replicated: false,
            upload: None,
            hold: None,
            review_after: at(date),
        };
        store.commit_blob(commit).await.unwrap();
    }
    for date in [4, 2] {
        Push { review_after: at(date), ..Push::new(&a, format!("manifest {date}")) }.to(store).await;
    }
    let dates = |due: Vec<Review>| due.iter().map(|review| review.review_after.as_micros()).collect::<Vec<_>>();
    assert_eq!(dates(store.due_reviews(at(5), 10).await.unwrap()), [1, 2, 3, 4, 5]);
    assert_eq!(dates(store.due_reviews(at(5), 3).await.unwrap()), [1, 2, 3]);
    assert_eq!(dates(store.due_reviews(at(3), 10).await.unwrap()), [1, 2, 3]);
    assert_eq!(dates(store.due_reviews(at(0), 10).await.unwrap()), [0; 0]);
}

fn manifests<const N: usize>(
    repository: &RepositoryName,
    dates: [(Digest, Timestamp); N],
) -> BTreeMap<ReviewSubject, Timestamp> {
    dates.map(|(digest, date)| (ReviewSubject::Manifest(repository.clone(), digest), date)).into()
}
