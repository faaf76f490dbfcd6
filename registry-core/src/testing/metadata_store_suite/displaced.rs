use super::fixture::{LATER, at, digest, new_upload, repository};
use crate::store::displaced::{DisplacedBlob, Displacement};
use crate::store::metadata::CommitBlob;
use crate::store::{BlobLocation, ClaimToken, MetadataStore, StoreErrorKind, StoreResult};

/// Displaced bytes have their turn at once, and again after the date that was given; once their blob is moved they are
/// deleted twice.
pub async fn a_displaced_blob_is_moved(store: &dyn MetadataStore) {
    let blob = commit(store, "content", "upload").await.unwrap();
    let recorded = DisplacedBlob { location: location("upload"), state: Displacement::Recorded(blob) };
    assert_eq!(take(store, 1, 5).await, std::slice::from_ref(&recorded));
    assert_eq!(take(store, 4, 9).await, []);
    let record = store.recorded_blob(&blob).await.unwrap().unwrap();
    assert!(store.relocate_blob(&record, &location("place"), at(7)).await.unwrap());
    assert!(!store.relocate_blob(&record, &location("another place"), at(7)).await.unwrap(), "it has changed");
    let moved = store.blob(&repository("a"), &blob).await.unwrap().unwrap();
    assert_eq!((moved.location, moved.size_bytes), (location("place"), 7));
    assert_eq!(take(store, 6, 9).await, []);
    store.forget_displaced(&[location("upload")]).await.unwrap();
    assert_eq!(take(store, 7, 9).await, [DisplacedBlob { state: Displacement::Left, ..recorded.clone() }]);
    assert_eq!(take(store, 9, 11).await, [DisplacedBlob { state: Displacement::Deleted, ..recorded.clone() }]);
    assert_eq!(take(store, 11, 13).await, [DisplacedBlob { state: Displacement::Deleted, ..recorded }]);
    store.forget_displaced(&[location("upload")]).await.unwrap();
    assert_eq!(take(store, i64::MAX, 0).await, []);
}

/// Those that have waited longest have their turn first, and no more than were asked for.
pub async fn displaced_blobs_have_their_turns(store: &dyn MetadataStore) {
    let mut found = Vec::new();
    for (name, date) in [("b", 3), ("c", 2), ("a", 1)] {
        assert_eq!(store.note_displaced(&[location(name)], at(date)).await.unwrap(), 1);
        found.push(name);
    }
    for name in ["a", "c", "b"] {
        let taken = store.take_displaced(at(3), at(9), 1).await.unwrap();
        assert_eq!(taken, [DisplacedBlob { location: location(name), state: Displacement::Left }]);
    }
    assert_eq!(take(store, 8, 20).await, []);
    assert_eq!(take(store, 9, 20).await.len(), 3);
}

/// A blob that is pushed again leaves the bytes that it had, and keeps those that it has now.
pub async fn a_blob_that_is_pushed_again_leaves_its_bytes(store: &dyn MetadataStore) {
    let blob = commit(store, "content", "first").await.unwrap();
    let first = store.recorded_blob(&blob).await.unwrap().unwrap();
    commit(store, "content", "second").await.unwrap();
    assert!(!store.relocate_blob(&first, &location("place"), at(1)).await.unwrap());
    for name in ["first", "second", "unknown"] {
        store.leave_displaced(&location(name), at(4)).await.unwrap();
    }
    let second = DisplacedBlob { location: location("second"), state: Displacement::Recorded(blob) };
    assert_eq!(take(store, 3, 9).await, [second]);
    assert_eq!(take(store, 4, 9).await, [DisplacedBlob { location: location("first"), state: Displacement::Left }]);
    assert_eq!(store.recorded_blob(&blob).await.unwrap().unwrap().location, location("second"));
}

/// A blob that is collected leaves its bytes too.
pub async fn a_collected_blob_leaves_its_bytes(store: &dyn MetadataStore) {
    let blob = commit(store, "content", "upload").await.unwrap();
    let condemned = store.condemn_blobs(LATER, LATER, 10).await.unwrap().condemned;
    let record = store.recorded_blob(&blob).await.unwrap().unwrap();
    assert!(!store.relocate_blob(&record, &location("place"), at(1)).await.unwrap(), "it is being deleted");
    store.forget_blobs(&condemned, &[]).await.unwrap();
    assert!(!store.relocate_blob(&record, &location("place"), at(1)).await.unwrap(), "it is gone");
    store.leave_displaced(&location("upload"), at(4)).await.unwrap();
    assert_eq!(take(store, 4, 9).await, [DisplacedBlob { location: location("upload"), state: Displacement::Left }]);
}

/// What was found is noted unless it is known, and until its bytes are deleted it can still be recorded.
pub async fn found_bytes_can_be_recorded_until_they_are_deleted(store: &dyn MetadataStore) {
    commit(store, "one", "known").await.unwrap();
    let found = ["known", "late", "lost"].map(location);
    assert_eq!(store.note_displaced(&found, at(5)).await.unwrap(), 2);
    assert_eq!(store.note_displaced(&found, at(9)).await.unwrap(), 0);
    let late = commit(store, "two", "late").await.unwrap();
    let states: Vec<_> = take(store, 5, 6).await.into_iter().map(|blob| blob.state).collect();
    let known = Displacement::Recorded(digest("one"));
    assert_eq!(states, [known, Displacement::Recorded(late), Displacement::Left]);

    let error = commit(store, "three", "lost").await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Conflict);
    assert_eq!(store.recorded_blob(&digest("three")).await.unwrap(), None);
    store.forget_displaced(&found).await.unwrap();
    assert_eq!(take(store, 6, 7).await.len(), 2, "those that are recorded are not forgotten");
    commit(store, "three", "lost").await.unwrap();
}

/// The bytes of a push that is not recorded are known.
pub async fn a_push_that_is_not_recorded_leaves_its_bytes(store: &dyn MetadataStore) {
    let upload = new_upload(&repository("a"));
    store.create_upload(&upload).await.unwrap();
    let [claim, lost] = [ClaimToken::random(), ClaimToken::random()];
    store.claim_upload(&upload.repository, upload.id, claim, at(0), at(9)).await.unwrap();
    let (blob, place) = (digest("content"), location("upload"));
    let commit = CommitBlob {
        repository: &upload.repository,
        digest: &blob,
        size_bytes: 7,
        location: &place,
        is_displaced: true,
        is_replicated: false,
        upload: Some((upload.id, lost)),
        hold: None,
        review_after: LATER,
    };
    assert_eq!(store.commit_blob(commit).await.unwrap_err().kind(), StoreErrorKind::Conflict);
    assert_eq!(store.recorded_blob(&blob).await.unwrap(), None);
    store.renew_claim(upload.id, claim, at(10)).await.unwrap();
    assert_eq!(take(store, 1, 2).await, [DisplacedBlob { location: place, state: Displacement::Recorded(blob) }]);
}

fn location(name: &str) -> BlobLocation {
    BlobLocation::new(name)
}

/// Takes what has its turn, in the order of the locations.
async fn take(store: &dyn MetadataStore, now: i64, next_turn: i64) -> Vec<DisplacedBlob> {
    let mut taken = store.take_displaced(at(now), at(next_turn), 10).await.unwrap();
    taken.sort_by(|one, other| one.location.cmp(&other.location));
    taken
}

/// Makes `content` a blob whose bytes are elsewhere than in its place.
async fn commit(store: &dyn MetadataStore, content: &str, place: &str) -> StoreResult<crate::protocol::digest::Digest> {
    let digest = digest(content);
    let blob = CommitBlob {
        repository: &repository("a"),
        digest: &digest,
        size_bytes: content.len() as u64,
        location: &location(place),
        is_displaced: true,
        is_replicated: false,
        upload: None,
        hold: None,
        review_after: LATER,
    };
    store.commit_blob(blob).await.map(|()| digest)
}
