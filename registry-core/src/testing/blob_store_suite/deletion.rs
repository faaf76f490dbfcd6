//! Cases about blobs that go.

use super::BlobStoreSubject;
use super::fixture::{assert_kind, content, push, read, write};
use crate::protocol::digest::{Algorithm, Digest};
use crate::store::StoreErrorKind;

/// A deleted location is `NotFound`, and deleting it again succeeds.
pub async fn deleted_is_gone(subject: &dyn BlobStoreSubject) {
    let store = subject.open().await;
    let (content, kept_content) = (content(100), content(101));
    let location = push(&*store, &content).await;
    let kept = push(&*store, &kept_content).await;
    store.delete(&location).await.expect("deleting");
    assert_kind(subject.open().await.read(&location, 0..100).await, StoreErrorKind::NotFound);
    store.delete(&location).await.expect("deleting again");
    assert_eq!(read(&*store, &kept, 0..101).await, kept_content);

    let location = push(&*store, &content).await;
    assert_eq!(read(&*store, &location, 0..100).await, content);
    store.delete(&location).await.expect("deleting the new one");
    store.delete(&kept).await.expect("deleting the other");
}

/// The same for `delete_all`, which leaves all others alone.
pub async fn all_that_were_deleted_are_gone(subject: &dyn BlobStoreSubject) {
    let store = subject.open().await;
    let kept_content = content(50);
    let kept = push(&*store, &kept_content).await;
    let mut locations = Vec::new();
    for size_bytes in 100..120 {
        locations.push(push(&*store, &content(size_bytes)).await);
    }
    store.delete(&locations[7]).await.expect("deleting one of them before");
    assert!(store.delete_all(&[]).await.is_empty());
    let deleted = store.delete_all(&locations).await;
    assert_eq!(deleted.len(), locations.len());
    deleted.into_iter().for_each(|deleted| deleted.expect("deleting all"));
    for location in &locations {
        assert_kind(store.read(location, 0..100).await, StoreErrorKind::NotFound);
    }
    assert_eq!(read(&*store, &kept, 0..50).await, kept_content);
    store.delete(&kept).await.expect("deleting the other");
}

/// What was found damaged stays to be looked at, whatever becomes of the blob.
pub async fn what_was_set_aside_outlives_the_blob(subject: &dyn BlobStoreSubject) {
    let store = subject.open().await;
    let [damaged, whole] = [&b"damaged"[..], b"whole"];
    let digest = Digest::of(Algorithm::Sha256, whole);
    let write_as = async |content: &[u8]| {
        let staged = write(&*store, content).await;
        let location = store.commit(&staged, &digest, content.len() as u64).await.expect("committing");
        store.discard(&staged).await.expect("discarding");
        location
    };
    let first = write_as(damaged).await;
    let aside = store.set_aside(&first, &digest).await.expect("setting aside");
    assert_eq!(read(&*store, &first, 0..7).await, damaged, "the blob stays");
    let location = write_as(whole).await;
    let again = store.set_aside(&location, &digest).await.expect("setting aside");
    assert_ne!(aside, again);
    for location in [&first, &location] {
        store.delete(location).await.expect("deleting");
    }
    assert_eq!(read(&*store, &aside, 0..7).await, damaged);
    assert_eq!(read(&*store, &again, 0..5).await, whole);
    assert_kind(store.set_aside(&location, &digest).await, StoreErrorKind::NotFound);
    for aside in [aside, again] {
        store.delete(&aside).await.expect("deleting");
    }
}
