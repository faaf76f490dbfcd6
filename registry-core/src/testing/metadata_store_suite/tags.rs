use futures::future::join_all;

use super::fixture::{LATER, Push, all_tags, digest, queue, repository, stored, tag, tagged};
use crate::protocol::reference::Tag;
use crate::store::MetadataStore;
use crate::store::metadata::PutManifestOutcome;

/// A push with several tags sets all of them; one that is refused sets none and moves none.
pub async fn all_tags_of_a_push_are_set_or_none(store: &dyn MetadataStore) {
    let a = repository("a");
    let first = Push::new(&a, "first").tagged(&["1", "1.0", "latest"]).to(store).await;
    assert_eq!(all_tags(store, &a).await, ["1", "1.0", "latest"]);
    let reviews = queue(store).await;

    let refused = Push { blobs: vec![digest("missing")], ..Push::new(&a, "second").tagged(&["latest", "2"]) };
    assert!(matches!(refused.attempt(store).await, PutManifestOutcome::Missing(_)));
    assert_eq!(all_tags(store, &a).await, ["1", "1.0", "latest"]);
    assert_eq!(tagged(store, &a, "latest").await, Some(first));
    assert_eq!(queue(store).await, reviews);
}

/// A tag points to what was pushed with it last; what it left stays.
pub async fn a_tag_moves_to_the_last_push(store: &dyn MetadataStore) {
    let a = repository("a");
    let first = Push::new(&a, "first").tagged(&["t"]).to(store).await;
    let second = Push::new(&a, "second").tagged(&["t"]).to(store).await;
    assert_eq!(tagged(store, &a, "t").await, Some(second));
    assert!(stored(store, &a, first).await);
    Push::new(&a, "first").tagged(&["t"]).to(store).await;
    assert_eq!(tagged(store, &a, "t").await, Some(first));
}

/// Deleting a tag removes that name only.
pub async fn a_deleted_tag_leaves_its_manifest(store: &dyn MetadataStore) {
    let a = repository("a");
    let digest = Push::new(&a, "manifest").tagged(&["t", "u"]).to(store).await;
    assert!(store.delete_tag(&a, &tag("t"), LATER, None).await.unwrap());
    assert_eq!(all_tags(store, &a).await, ["u"]);
    assert!(stored(store, &a, digest).await);
}

/// `Latest` and `latest` are two tags, and a list is in the order of bytes, not of a language.
pub async fn tags_differ_by_case_and_come_in_byte_order(store: &dyn MetadataStore) {
    let a = repository("a");
    let lower = Push::new(&a, "lower").tagged(&["latest"]).to(store).await;
    let upper = Push::new(&a, "upper").tagged(&["Latest"]).to(store).await;
    assert_eq!(tagged(store, &a, "latest").await, Some(lower));
    assert_eq!(tagged(store, &a, "Latest").await, Some(upper));
    Push::new(&a, "more").tagged(&["_", "a", "B", "b", "1", "10", "2"]).to(store).await;
    assert_eq!(all_tags(store, &a).await, ["1", "10", "2", "B", "Latest", "_", "a", "b", "latest"]);
}

/// Going on after the last tag of a page gives every tag once, also while tags come and go around it.
pub async fn tag_pages_neither_skip_nor_repeat(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let names = ["0", "A", "Z", "_x", "a", "a-", "a.", "aa", "z"];
    Push::new(&a, "manifest").tagged(&names).to(store).await;
    Push::new(&b, "manifest").tagged(&["c"]).to(store).await;
    for limit in 1..=names.len() + 1 {
        let mut seen: Vec<String> = Vec::new();
        loop {
            let page = store.tags(&a, seen.last().map(String::as_str), limit).await.unwrap();
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            seen.extend(page.iter().map(Tag::to_string));
        }
        assert_eq!(seen, names, "by pages of {limit}");
    }

    store.delete_tag(&a, &tag("Z"), LATER, None).await.unwrap();
    let after_deleted = store.tags(&a, Some("Z"), 2).await.unwrap();
    assert_eq!(after_deleted, [tag("_x"), tag("a")], "a page goes on after a tag that is gone");
    assert_eq!(store.tags(&a, Some("~ no tag"), 2).await.unwrap(), []);
    assert_eq!(store.tags(&repository("c"), None, 2).await.unwrap(), []);
}

/// Of many pushes at once the last one wins, and all are stored.
pub async fn concurrent_pushes_to_a_tag_leave_it_at_one_of_them(store: &dyn MetadataStore) {
    let a = repository("a");
    let pushes: Vec<Push> =
        (0..16).map(|i| Push::new(&a, format!("manifest {i}")).tagged(&["t", &format!("t{i}")])).collect();
    let digests = join_all(pushes.iter().map(|push| push.to(store))).await;
    let winner = tagged(store, &a, "t").await.expect("the tag is set");
    assert!(digests.contains(&winner));
    for (i, digest) in digests.into_iter().enumerate() {
        assert_eq!(tagged(store, &a, &format!("t{i}")).await, Some(digest));
    }
}
