use super::BlobStoreSubject;
use super::fixture::{assert_kind, content, push, read};
use crate::protocol::digest::{Algorithm, Digest};
use crate::store::{BlobLocation, StoreErrorKind};

/// A blob's bytes can be read in its place once they were copied there, and stay when those elsewhere are deleted.
pub async fn a_blob_is_copied_to_its_place(subject: &dyn BlobStoreSubject) {
    let store = subject.open().await;
    let bytes = content(100_000);
    let digest = Digest::of(Algorithm::Sha256, &bytes);
    let (location, place) = (push(&*store, &bytes).await, store.place(&digest));
    // A second time as well, in place of what the first has brought there.
    for _ in 0..2 {
        if location != place {
            store.copy_to_place(&location, &digest).await.expect("copying a blob");
        }
        assert_eq!(read(&*store, &place, 0..bytes.len() as u64).await, bytes);
    }
    if location != place {
        store.delete(&location).await.expect("deleting");
    }
    assert_eq!(read(&*store, &place, 0..bytes.len() as u64).await, bytes);
    store.delete(&place).await.expect("deleting");
    assert_kind(store.copy_to_place(&location, &digest).await, StoreErrorKind::NotFound);
}

/// A list of what is displaced has the blobs that are not in their places, in pages, and nothing else.
pub async fn displaced_bytes_are_found(subject: &dyn BlobStoreSubject) {
    let store = subject.open().await;
    let mut locations = Vec::new();
    let mut displaced = Vec::new();
    for len in [1, 2, 3] {
        let bytes = content(len);
        let location = push(&*store, &bytes).await;
        if location != store.place(&Digest::of(Algorithm::Sha256, &bytes)) {
            displaced.push(location.clone());
        }
        locations.push(location);
    }
    displaced.sort();
    for limit in [1, 2, 10] {
        let mut found: Vec<BlobLocation> = Vec::new();
        loop {
            let page = store.displaced(found.last(), limit).await.expect("listing");
            assert!(page.items.len() <= limit);
            found.extend(page.items);
            if !page.more {
                break;
            }
        }
        assert_eq!(found, displaced, "by pages of {limit}");
    }
    for location in locations {
        store.delete(&location).await.expect("deleting");
    }
    assert_eq!(store.displaced(None, 10).await.expect("listing").items, []);
}
