use super::fixture::{LATER, Push, at, commit, digest, queue, repository, stored};
use crate::protocol::digest::Digest;
use crate::store::inventory::{BlobState, RecordedBlob};
use crate::store::metadata::{PutManifestOutcome, ReviewSubject};
use crate::store::{BlobLocation, MetadataStore};

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
    assert_eq!((record.digest, record.size_bytes, record.state), (digest("content 1"), 9, BlobState::Served));
    assert_eq!(record.location.as_str(), "content 1");
    assert_eq!(store.recorded_blob(&digest("other")).await.unwrap(), None);
}

/// The blobs of one repository come once each, whatever the length of a page, and those of others do not.
pub async fn the_blobs_of_a_repository_come_in_pages(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let mut committed = Vec::new();
    for number in 0..5 {
        committed.push(commit(store, &a, &format!("content {number}")).await);
    }
    commit(store, &b, "another").await;
    quarantine(store, &committed[0]).await;
    committed.sort();
    for limit in [1, 2, 5, 6] {
        let (mut seen, mut after) = (Vec::new(), 0);
        loop {
            let page = store.repository_blobs(&a, after, limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = last.cursor;
            seen.extend(page.into_iter().map(|found| found.blob));
        }
        seen.sort_by_key(|blob| blob.digest);
        assert_eq!(seen.iter().map(|blob| blob.digest).collect::<Vec<_>>(), committed, "by pages of {limit}");
        for blob in seen {
            assert_eq!(blob, recorded(store, &blob.digest).await);
        }
    }
    assert_eq!(store.repository_blobs(&repository("c"), 0, 10).await.unwrap(), []);
}

/// Every manifest of every repository is recorded once, with its bytes, whatever the length of a page.
pub async fn recorded_manifests_come_in_pages(store: &dyn MetadataStore) {
    let mut pushed = Vec::new();
    for (name, count) in [("a", 3), ("b", 2)] {
        for number in 0..count {
            let push = Push::new(&repository(name), format!("manifest {number}"));
            push.to(store).await;
            pushed.push((push.repository.clone(), push.digest(), push.payload.clone()));
        }
    }
    pushed.sort();
    for limit in [1, 2, 5, 6] {
        let (mut seen, mut after) = (Vec::new(), 0);
        loop {
            let page = store.recorded_manifests(after, limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = last.cursor;
            seen.extend(page.into_iter().map(|manifest| (manifest.repository, manifest.digest, manifest.payload)));
        }
        seen.sort();
        assert_eq!(seen, pushed, "by pages of {limit}");
    }
}

/// Of some digests those are told that are names of manifests.
pub async fn manifests_are_told_among_digests(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let blob = commit(store, &a, "content").await;
    let mut manifests = vec![Push::new(&a, "one").to(store).await, Push::new(&b, "two").to(store).await];
    Push::new(&b, "one").to(store).await;
    let mut told = store.manifests_among(&[&[blob, digest("other")], &manifests[..]].concat()).await.unwrap();
    told.sort();
    manifests.sort();
    assert_eq!(told, manifests);
    assert_eq!(store.manifests_among(&[]).await.unwrap(), []);
}

/// Nobody is told of a quarantined blob, in whatever repository, and no manifest gets it.
pub async fn a_quarantined_blob_is_in_no_repository(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let blob = commit(store, &a, "content").await;
    store.mount_blob(&b, &blob, Some(&a), LATER).await.unwrap();
    assert!(store.blob(&a, &blob).await.unwrap().is_some(), "before, which a cache may remember");
    let record = recorded(store, &blob).await;
    assert!(!store.explain(&blob, 10).await.unwrap().blob.unwrap().is_quarantined);
    assert!(store.quarantine_blob(&record).await.unwrap());
    assert!(store.explain(&blob, 10).await.unwrap().blob.unwrap().is_quarantined);

    let hidden = recorded(store, &blob).await;
    assert_eq!(hidden.state, BlobState::Quarantined);
    assert!(hidden.changed_at > record.changed_at);
    assert_eq!(store.recorded_blobs(None, 10).await.unwrap(), [hidden]);
    for repository in [&a, &b] {
        assert_eq!(store.blob(repository, &blob).await.unwrap(), None);
    }
    for from in [Some(&a), None] {
        assert_eq!(store.mount_blob(&repository("c"), &blob, from, LATER).await.unwrap(), None);
    }
    assert!(!store.postpone_blob_review(&blob, at(2_000_000)).await.unwrap());
    let push = Push { blobs: vec![blob], ..Push::new(&a, "manifest") };
    assert_eq!(push.attempt(store).await, PutManifestOutcome::Missing(vec![blob]));
    let push = Push { optional_blobs: vec![blob], ..Push::new(&a, "manifest") };
    assert_eq!(push.attempt(store).await, PutManifestOutcome::Stored, "without it");
    assert!(!store.quarantine_blob(&record).await.unwrap(), "it is already");
}

/// A push of the same content repairs a blob, in every repository and for every manifest that has it.
pub async fn a_push_repairs_a_quarantined_blob(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let blob = commit(store, &a, "content").await;
    store.mount_blob(&b, &blob, Some(&a), LATER).await.unwrap();
    let push = Push { blobs: vec![blob], ..Push::new(&a, "manifest").tagged(&["latest"]) };
    let manifest = push.to(store).await;
    quarantine(store, &blob).await;
    assert!(stored(store, &a, manifest).await, "the manifest is still there");
    let record = recorded(store, &blob).await;
    commit(store, &repository("c"), "content").await;
    for name in ["a", "b", "c"] {
        assert_eq!(store.blob(&repository(name), &blob).await.unwrap().unwrap().size_bytes, 7, "{name}");
    }
    assert_eq!(recorded(store, &blob).await.state, BlobState::Served);
    assert!(!store.release_blob(&record).await.unwrap(), "there is nothing to be released");
}

/// A blob that was pushed again since it was looked at stays served: what was found concerns bytes that are gone.
pub async fn a_blob_that_has_changed_is_not_quarantined(store: &dyn MetadataStore) {
    let a = repository("a");
    let blob = commit(store, &a, "content").await;
    let seen = recorded(store, &blob).await;
    commit(store, &a, "content").await;
    assert!(!store.quarantine_blob(&seen).await.unwrap());
    assert!(store.blob(&a, &blob).await.unwrap().is_some());

    let seen = recorded(store, &blob).await;
    store.unlink_blob(&a, &blob, at(0)).await.unwrap();
    let condemned = store.condemn_blobs(LATER, at(2_000_000), 10).await.unwrap().condemned;
    assert!(!store.quarantine_blob(&seen).await.unwrap(), "it is being deleted");
    store.forget_blobs(&condemned, &[]).await.unwrap();
    assert!(!store.quarantine_blob(&seen).await.unwrap(), "it is gone");
}

/// A blob whose bytes turn out to be whole is served again where it was.
pub async fn a_released_blob_is_served_again(store: &dyn MetadataStore) {
    let a = repository("a");
    let blob = commit(store, &a, "content").await;
    let before = store.blob(&a, &blob).await.unwrap();
    let first = quarantine(store, &blob).await;
    assert!(!store.release_blob(&first).await.unwrap(), "that record was served");
    let record = recorded(store, &blob).await;
    assert!(store.release_blob(&record).await.unwrap());
    assert_eq!(store.blob(&a, &blob).await.unwrap(), before);
    assert!(!store.release_blob(&record).await.unwrap());
    assert!(!store.quarantine_blob(&first).await.unwrap(), "it was looked at since");
}

/// A quarantined blob that nothing refers to is collected like any other; one that a manifest refers to stays.
pub async fn a_quarantined_blob_is_collected_if_nothing_refers_to_it(store: &dyn MetadataStore) {
    let a = repository("a");
    let [kept, collected] = [commit(store, &a, "kept").await, commit(store, &a, "collected").await];
    Push { blobs: vec![kept], ..Push::new(&a, "manifest").tagged(&["latest"]) }.to(store).await;
    for blob in [kept, collected] {
        quarantine(store, &blob).await;
    }
    store.unlink_blob(&a, &kept, LATER).await.unwrap();
    let reviewed = store.condemn_blobs(LATER, at(2_000_000), 10).await.unwrap();
    assert_eq!(reviewed.condemned.iter().map(|blob| blob.digest).collect::<Vec<_>>(), [collected]);
    assert_eq!(reviewed.kept, 1);
    store.forget_blobs(&reviewed.condemned, &[]).await.unwrap();
    assert_eq!(store.recorded_blob(&collected).await.unwrap(), None);
    assert_eq!(recorded(store, &kept).await.state, BlobState::Quarantined);
}

/// Bytes that nobody knows are put up for review, in no repository, and what is recorded stays as it is.
pub async fn a_stray_blob_is_put_up_for_review(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let (stray, location) = (digest("stray"), BlobLocation::new("there"));
    assert!(store.record_stray_blob(&stray, 5, &location, at(3)).await.unwrap());
    let record = recorded(store, &stray).await;
    assert_eq!((record.size_bytes, &record.location, record.state), (5, &location, BlobState::Served));
    assert_eq!(queue(store).await[&ReviewSubject::Blob(stray)], at(3));
    assert_eq!(store.mount_blob(&b, &stray, None, LATER).await.unwrap(), None);
    assert!(!store.record_stray_blob(&stray, 6, &BlobLocation::new("elsewhere"), at(9)).await.unwrap());
    assert_eq!(recorded(store, &stray).await, record);

    let blob = commit(store, &a, "content").await;
    assert!(!store.record_stray_blob(&blob, 7, &location, at(3)).await.unwrap());
    assert_eq!(store.blob(&a, &blob).await.unwrap().unwrap().location.as_str(), "content");
    let condemned = store.condemn_blobs(at(3), at(2_000_000), 10).await.unwrap().condemned;
    assert_eq!(condemned.iter().map(|blob| blob.digest).collect::<Vec<_>>(), [stray]);
    store.forget_blobs(&condemned, &[]).await.unwrap();
}

async fn recorded(store: &dyn MetadataStore, blob: &Digest) -> RecordedBlob {
    store.recorded_blob(blob).await.unwrap().expect("it is recorded")
}

/// Quarantines what must be served, and returns the record that it was found by.
async fn quarantine(store: &dyn MetadataStore, blob: &Digest) -> RecordedBlob {
    let record = recorded(store, blob).await;
    assert!(store.quarantine_blob(&record).await.unwrap());
    record
}
