use super::fixture::{LATER, at, commit, digest, new_upload, queue, repository};
use crate::store::metadata::{BlobRecord, ClaimOutcome, CommitBlob, ReviewSubject};
use crate::store::{BlobLocation, ClaimToken, MetadataStore, StoreErrorKind};

/// What was committed is found as it was committed, and in no other repository.
pub async fn a_committed_blob_is_in_its_repository_alone(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let blob = commit(store, &a, "content").await;
    let (location, review_after) = (BlobLocation::new("content"), queue(store).await[&ReviewSubject::Blob(blob)]);
    let expected = BlobRecord { digest: blob, size_bytes: 7, location, review_after: Some(review_after) };
    assert_eq!(store.blob(&a, &blob).await.unwrap(), Some(expected));
    assert_eq!(store.blob(&b, &blob).await.unwrap(), None);
    assert_eq!(store.blob(&a, &digest("other")).await.unwrap(), None);
}

/// A blob that is committed again is read from where it was just verified, in every repository.
pub async fn the_latest_location_of_a_blob_counts(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let blob = commit(store, &a, "content").await;
    let elsewhere = BlobLocation::new("elsewhere");
    let again = CommitBlob {
        repository: &b,
        digest: &blob,
        size_bytes: 7,
        location: &elsewhere,
        is_displaced: false,
        is_replicated: false,
        upload: None,
        hold: None,
        review_after: LATER,
    };
    store.commit_blob(again).await.unwrap();
    for repository in [&a, &b] {
        assert_eq!(store.blob(repository, &blob).await.unwrap().unwrap().location, elsewhere);
    }
}

/// A commit without an upload can be repeated.
pub async fn a_repeated_commit_changes_nothing(store: &dyn MetadataStore) {
    let a = repository("a");
    let blob = commit(store, &a, "content").await;
    let (record, reviews) = (store.blob(&a, &blob).await.unwrap(), queue(store).await);
    commit(store, &a, "content").await;
    assert_eq!(store.blob(&a, &blob).await.unwrap(), record);
    assert_eq!(queue(store).await, reviews);
}

/// The session by which a blob came is gone with the commit.
pub async fn a_commit_ends_its_upload(store: &dyn MetadataStore) {
    let a = repository("a");
    let (upload, claim, blob) = (new_upload(&a), ClaimToken::random(), digest("content"));
    store.create_upload(&upload).await.unwrap();
    store.claim_upload(&a, upload.id, claim, at(0), at(10)).await.unwrap();
    let commit = CommitBlob {
        repository: &a,
        digest: &blob,
        size_bytes: 7,
        location: &BlobLocation::new("here"),
        is_displaced: false,
        is_replicated: false,
        upload: Some((upload.id, claim)),
        hold: None,
        review_after: LATER,
    };
    store.commit_blob(commit).await.unwrap();
    assert!(store.blob(&a, &blob).await.unwrap().is_some());
    assert_eq!(store.upload(&a, upload.id, at(0)).await.unwrap(), None);
    assert_eq!(store.remove_upload(&a, upload.id).await.unwrap(), None);
}

/// A writer that lost its upload can commit nothing.
pub async fn a_commit_under_a_lost_claim_changes_nothing(store: &dyn MetadataStore) {
    let a = repository("a");
    let (upload, lost, held, blob) = (new_upload(&a), ClaimToken::random(), ClaimToken::random(), digest("content"));
    store.create_upload(&upload).await.unwrap();
    let location = BlobLocation::new("here");
    let commit = |claim| CommitBlob {
        repository: &a,
        digest: &blob,
        size_bytes: 7,
        location: &location,
        is_displaced: false,
        is_replicated: false,
        upload: Some((upload.id, claim)),
        hold: None,
        review_after: LATER,
    };

    assert_eq!(store.commit_blob(commit(lost)).await.unwrap_err().kind(), StoreErrorKind::Conflict, "never claimed");
    store.claim_upload(&a, upload.id, lost, at(0), at(10)).await.unwrap();
    let outcome = store.claim_upload(&a, upload.id, held, at(10), at(20)).await.unwrap();
    assert!(matches!(outcome, ClaimOutcome::TakenOver(_)), "{outcome:?}");
    assert_eq!(store.commit_blob(commit(lost)).await.unwrap_err().kind(), StoreErrorKind::Conflict, "taken over");

    assert!(!store.repository_exists(&a).await.unwrap());
    assert_eq!(store.blob(&a, &blob).await.unwrap(), None);
    assert!(queue(store).await.is_empty());
    assert_eq!(store.upload(&a, upload.id, at(0)).await.unwrap(), Some(upload.clone()));

    store.commit_blob(commit(held)).await.unwrap();
    assert_eq!(store.commit_blob(commit(held)).await.unwrap_err().kind(), StoreErrorKind::Conflict, "ended");
}

/// A mount makes a blob visible in another repository, and can be repeated.
pub async fn a_blob_is_mounted_from_a_repository_that_has_it(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let blob = commit(store, &a, "content").await;
    let record = store.blob(&a, &blob).await.unwrap();
    for _ in 0..2 {
        assert_eq!(store.mount_blob(&b, &blob, Some(&a), LATER).await.unwrap(), record);
    }
    assert_eq!(store.blob(&b, &blob).await.unwrap(), record);
    assert_eq!(store.mount_blob(&a, &blob, Some(&a), LATER).await.unwrap(), record, "from and into itself");
}

/// A blob cannot be had by naming a repository that does not have it, even if another one does.
pub async fn a_blob_is_not_mounted_from_a_repository_that_lacks_it(store: &dyn MetadataStore) {
    let [a, b, c] = ["a", "b", "c"].map(repository);
    let blob = commit(store, &a, "content").await;
    commit(store, &b, "other").await;
    for from in [&b, &c] {
        assert_eq!(store.mount_blob(&c, &blob, Some(from), LATER).await.unwrap(), None);
    }
    assert_eq!(store.blob(&c, &blob).await.unwrap(), None);
}

/// Without a source, whichever repository has the blob serves.
pub async fn a_blob_is_mounted_from_any_repository(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let blob = commit(store, &a, "content").await;
    assert!(store.mount_blob(&b, &blob, None, LATER).await.unwrap().is_some());
    assert!(store.blob(&b, &blob).await.unwrap().is_some());
}

/// A blob that was taken out of its last repository can no longer be mounted.
pub async fn a_blob_that_no_repository_has_is_not_mounted(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let blob = commit(store, &a, "content").await;
    store.unlink_blob(&a, &blob, LATER).await.unwrap();
    assert_eq!(store.mount_blob(&b, &blob, None, LATER).await.unwrap(), None);
    assert_eq!(store.mount_blob(&b, &digest("never seen"), None, LATER).await.unwrap(), None);
}

/// Taking a blob out of one repository leaves it in the others; doing it again finds nothing.
pub async fn an_unlinked_blob_is_gone_from_its_repository_alone(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let blob = commit(store, &a, "content").await;
    store.mount_blob(&b, &blob, Some(&a), LATER).await.unwrap();
    assert!(store.unlink_blob(&a, &blob, LATER).await.unwrap());
    assert!(!store.unlink_blob(&a, &blob, LATER).await.unwrap());
    assert!(!store.unlink_blob(&repository("c"), &blob, LATER).await.unwrap());
    assert_eq!(store.blob(&a, &blob).await.unwrap(), None);
    assert!(store.blob(&b, &blob).await.unwrap().is_some());
}
