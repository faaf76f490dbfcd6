use diesel::connection::SimpleConnection;
use registry_core::store::StoreErrorKind;
use registry_core::store::metadata::{BlobLinkStore, RepositoryStore};

use super::{SqliteStore, commit, digest, on_writer, repository, store};

/// Allows the database so many pages; it behaves like a disk that has room for no more.
fn limit_pages(store: &SqliteStore, pages: u32) {
    on_writer(store, move |inner| inner.batch_execute(&format!("PRAGMA max_page_count = {pages};"))).unwrap();
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_is_over_when_there_is_room() {
    let (store, _directory) = store().await;
    let a = repository("a");
    // No limit below the present size takes effect, so that the next page is one too many.
    limit_pages(&store, 1);
    let mut stored = 0;
    let error = loop {
        match commit(&store, &a, &stored.to_string()).await {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 10_000, "the limit does not work");
    };
    assert_eq!(error.kind(), StoreErrorKind::OutOfSpace, "{error:?}");
    assert_eq!(commit(&store, &a, &stored.to_string()).await.unwrap_err().kind(), StoreErrorKind::OutOfSpace);

    store.check().await.unwrap();
    for content in 0..stored {
        assert!(store.blob(&a, &digest(&content.to_string())).await.unwrap().is_some(), "{content} is lost");
    }
    assert!(store.blob(&a, &digest(&stored.to_string())).await.unwrap().is_none(), "a part was recorded");

    limit_pages(&store, u32::MAX / 2);
    commit(&store, &a, &stored.to_string()).await.unwrap();
    assert!(store.blob(&a, &digest(&stored.to_string())).await.unwrap().is_some());
}
