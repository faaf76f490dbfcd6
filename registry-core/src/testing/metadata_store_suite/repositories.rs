use super::fixture::{LATER, Push, commit, new_upload, repository};
use crate::protocol::reference::RepositoryName;
use crate::store::MetadataStore;

/// A store that works says so.
pub async fn a_reachable_store_passes_its_check(store: &dyn MetadataStore) {
    store.check().await.unwrap();
}

/// A blob, a mount or a manifest brings a repository into being; an upload session or a refused manifest does not.
pub async fn a_repository_exists_once_something_was_put_into_it(store: &dyn MetadataStore) {
    let [by_blob, by_mount, by_manifest, nothing] = ["a/blob", "a/mount", "a/manifest", "a/nothing"].map(repository);
    let blob = commit(store, &by_blob, "content").await;
    store.mount_blob(&by_mount, &blob, Some(&by_blob), LATER).await.unwrap().unwrap();
    Push::new(&by_manifest, "manifest").to(store).await;

    store.create_upload(&new_upload(&nothing)).await.unwrap();
    Push { blobs: vec![blob], ..Push::new(&nothing, "refused") }.attempt(store).await;
    store.mount_blob(&nothing, &blob, Some(&by_manifest), LATER).await.unwrap();

    for existing in [&by_blob, &by_mount, &by_manifest] {
        assert!(store.repository_exists(existing).await.unwrap(), "{existing}");
    }
    assert!(!store.repository_exists(&nothing).await.unwrap());
    assert!(!store.repository_exists(&repository("a")).await.unwrap(), "a part of a name is no repository");
}

/// A repository leaves the catalog with its last manifest, goes on to exist, and comes back with the next one.
pub async fn the_catalog_shows_only_repositories_with_manifests(store: &dyn MetadataStore) {
    let [full, bare] = ["full", "bare"].map(repository);
    commit(store, &bare, "content").await;
    let first = Push::new(&full, "first").to(store).await;
    let second = Push::new(&full, "second").to(store).await;
    assert_eq!(catalog(store).await, ["full"]);

    store.delete_manifest(&full, &first, LATER, None).await.unwrap();
    assert_eq!(catalog(store).await, ["full"]);
    store.delete_manifest(&full, &second, LATER, None).await.unwrap();
    assert_eq!(catalog(store).await, [""; 0]);
    assert!(store.repository_exists(&full).await.unwrap());

    Push::new(&full, "third").to(store).await;
    Push::new(&bare, "third").to(store).await;
    assert_eq!(catalog(store).await, ["bare", "full"]);
}

/// Pages are in byte order, and going on after the last name of a page gives every name once.
pub async fn catalog_pages_neither_skip_nor_repeat(store: &dyn MetadataStore) {
    // In byte order: `-` < `.` < `/` < digits < `_` < letters.
    let names = ["a", "a-b", "a.b", "a/b", "a0", "a_b", "aa", "b"];
    for name in names.iter().rev() {
        Push::new(&repository(name), *name).to(store).await;
    }
    for limit in 1..=names.len() + 1 {
        let mut seen: Vec<String> = Vec::new();
        loop {
            let page = store.repositories(seen.last().map(String::as_str), limit).await.unwrap();
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            seen.extend(page.iter().map(RepositoryName::to_string));
        }
        assert_eq!(seen, names, "by pages of {limit}");
    }
    assert_eq!(store.repositories(Some("a1"), 1).await.unwrap(), [repository("a_b")], "after what is not there");
}

async fn catalog(store: &dyn MetadataStore) -> Vec<String> {
    store.repositories(None, 100).await.unwrap().iter().map(RepositoryName::to_string).collect()
}
