use super::fixture::{LATER, commit, digest, repository};
use crate::protocol::digest::Digest;
use crate::store::MetadataStore;

/// Every blob is recorded once, whoever has it, and pages in the order of the digests give each once.
pub async fn recorded_blobs_come_in_the_order_of_their_digests(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let mut committed = Vec::new();
    for number in 0..10 {
        committed.push(commit(store, &a, &format!("content {number}")).await);
    }
    commit(store, &b, "content 0").await;
    store.unlink_blob(&a, &digest("content 1"), LATER).await.unwrap();
    committed.sort_by_key(Digest::to_string);
    for limit in [1, 3, 10, 11] {
        let mut seen: Vec<Digest> = Vec::new();
        loop {
            let page = store.recorded_blobs(seen.last(), limit).await.unwrap();
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            seen.extend(page.iter().map(|blob| blob.digest));
        }
        assert_eq!(seen, committed, "by pages of {limit}");
    }
    let record = store.recorded_blob(&digest("content 1")).await.unwrap().unwrap();
    assert_eq!((record.digest, record.size_bytes, record.is_served), (digest("content 1"), 9, true));
    assert_eq!(record.location.as_str(), "content 1");
    assert_eq!(store.recorded_blob(&digest("other")).await.unwrap(), None);
}
