use super::fixture::{LATER, Push, at, commit, repository, tag};
use crate::store::MetadataStore;
use crate::store::usage::{RepositoryTag, Usage};

fn usage(manifests: u64, tags: u64, logical_bytes: u64, unique_bytes: u64) -> Usage {
    Usage { manifests, tags, logical_bytes, unique_bytes }
}

/// Pushes, repeated pushes, moved tags, deletes, restores and the end of a history.
pub async fn usage_follows_every_change(store: &dyn MetadataStore) {
    let a = repository("n/a");
    let see = async || {
        let of_repository = store.repository_usage(&a).await.unwrap().unwrap();
        assert_eq!(store.namespace_usage("n").await.unwrap(), of_repository, "it is the only one of its namespace");
        of_repository
    };
    assert_eq!(store.repository_usage(&a).await.unwrap(), None);
    let base = commit(store, &a, &"b".repeat(100)).await;
    let layer = commit(store, &a, &"l".repeat(10)).await;
    assert_eq!(see().await, Usage::default(), "a blob alone does not count");

    let first = Push { blobs: vec![base], ..Push::new(&a, "1").tagged(&["t"]) };
    first.to(store).await;
    assert_eq!(see().await, usage(1, 1, 101, 101));
    let second = Push { blobs: vec![base, layer], restorable_until: Some(at(5)), ..Push::new(&a, "22").tagged(&["t"]) };
    second.to(store).await;
    assert_eq!(see().await, usage(2, 1, 213, 113));
    second.to(store).await;
    Push { tags: vec![tag("u")], ..first.clone() }.to(store).await;
    assert_eq!(see().await, usage(2, 2, 213, 113));

    store.delete_manifest(&a, &first.digest(), LATER, Some(at(5))).await.unwrap();
    assert_eq!(see().await, usage(1, 1, 213, 113), "what can be restored is still kept");
    store.drop_history(at(5), 10, LATER).await.unwrap();
    assert_eq!(see().await, usage(1, 1, 112, 112));
    store.delete_tag(&a, &tag("t"), LATER, None).await.unwrap();
    assert_eq!(see().await, usage(1, 0, 112, 112));
    store.delete_manifest(&a, &second.digest(), LATER, None).await.unwrap();
    assert_eq!(see().await, Usage::default());
}

/// Repositories count what they share each, a namespace once, and another namespace as well.
pub async fn a_shared_blob_counts_once_in_its_namespace(store: &dyn MetadataStore) {
    let [one, two, other] = ["n/one", "n/two", "other"].map(repository);
    for name in [&one, &two, &other] {
        let blob = commit(store, name, &"b".repeat(100)).await;
        Push { blobs: vec![blob], ..Push::new(name, "manifest").tagged(&["t"]) }.to(store).await;
    }
    for name in [&one, &two, &other] {
        assert_eq!(store.repository_usage(name).await.unwrap(), Some(usage(1, 1, 108, 108)));
    }
    assert_eq!(store.namespace_usage("n").await.unwrap(), usage(2, 2, 216, 116));
    assert_eq!(store.namespace_usage("").await.unwrap(), usage(1, 1, 108, 108));
    assert_eq!(store.namespace_usage("unknown").await.unwrap(), Usage::default());

    let manifest = Push::new(&one, "manifest").digest();
    store.delete_manifest(&one, &manifest, LATER, None).await.unwrap();
    assert_eq!(store.namespace_usage("n").await.unwrap(), usage(1, 1, 108, 108));
    store.delete_manifest(&two, &manifest, LATER, None).await.unwrap();
    assert_eq!(store.namespace_usage("n").await.unwrap(), Usage::default());

    let namespaces = async |after: Option<&str>, limit| {
        let found = store.namespaces(after, limit).await.unwrap();
        found.into_iter().map(|found| (found.namespace, found.usage.manifests)).collect::<Vec<_>>()
    };
    assert_eq!(namespaces(None, 10).await, [(String::new(), 1), ("n".to_owned(), 0)]);
    assert_eq!(namespaces(None, 1).await, [(String::new(), 1)]);
    assert_eq!(namespaces(Some(""), 10).await, [("n".to_owned(), 0)]);
    assert_eq!(namespaces(Some("n"), 10).await, []);
}

/// All of them, in pages of any size, and none of another namespace.
pub async fn the_tags_of_a_namespace_come_by_repository(store: &dyn MetadataStore) {
    for name in ["n/b", "n/a", "n/a/c", "n", "n-n/a", "m/a"] {
        Push::new(&repository(name), "manifest").tagged(&["B", "a"]).to(store).await;
    }
    Push::new(&repository("n/aa"), "manifest").to(store).await;
    let expected = ["n/a:B", "n/a:a", "n/a/c:B", "n/a/c:a", "n/b:B", "n/b:a"];
    for limit in 1..=expected.len() + 1 {
        let mut seen: Vec<RepositoryTag> = Vec::new();
        loop {
            let page = store.namespace_tags("n", seen.last(), limit).await.unwrap();
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            seen.extend(page);
        }
        let seen: Vec<String> = seen.iter().map(|seen| format!("{}:{}", seen.repository, seen.tag)).collect();
        assert_eq!(seen, expected, "by pages of {limit}");
    }
    assert_eq!(store.namespace_tags("", None, 10).await.unwrap().len(), 2);
    assert_eq!(store.namespace_tags("unknown", None, 10).await.unwrap(), []);
}
