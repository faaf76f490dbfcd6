use std::collections::BTreeSet;

use futures::FutureExt;

use super::fixture::{LATER, Push, at, commit, digest, queue, repository, stored, tag};
use crate::protocol::digest::Digest;
use crate::protocol::reference::RepositoryName;
use crate::store::gc::{CondemnedBlob, SuspectKind};
use crate::store::metadata::{CommitBlob, PutManifestOutcome, ReviewSubject};
use crate::store::{BlobLocation, MetadataStore, StoreErrorKind, Timestamp};

/// After everything that a case has put into the queue by itself.
const DUE: i64 = 1_000_000;
const LEASE_END: i64 = 3_000_000;

async fn condemn(store: &dyn MetadataStore, now: i64, lease_end: i64) -> Vec<CondemnedBlob> {
    let mut reviewed = store.condemn_blobs(at(now), at(lease_end), 100).await.unwrap();
    assert!(reviewed.done);
    reviewed.condemned.sort_by_key(|blob| blob.digest);
    reviewed.condemned
}

async fn collect(store: &dyn MetadataStore, now: i64) -> Vec<Digest> {
    let reviewed = store.collect_manifests(at(now), at(now + DUE), 100).await.unwrap();
    assert!(reviewed.done);
    let mut deleted: Vec<Digest> = reviewed.deleted.into_iter().map(|(_, digest, _)| digest).collect();
    deleted.sort();
    deleted
}

fn put_off(condemned: &[CondemnedBlob], review_after: Timestamp) -> Vec<(CondemnedBlob, Timestamp)> {
    condemned.iter().map(|blob| (blob.clone(), review_after)).collect()
}

fn sorted<const N: usize>(mut digests: [Digest; N]) -> [Digest; N] {
    digests.sort();
    digests
}

/// A blob that is due and that no manifest refers to is gone for everybody, and its record goes once its bytes are gone.
pub async fn an_unreferenced_blob_is_condemned_and_forgotten(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let blob = commit(store, &a, "content").await;
    store.mount_blob(&b, &blob, None, LATER).await.unwrap().unwrap();
    assert_eq!(condemn(store, DUE - 1, LEASE_END).await, [], "it is not due");

    let condemned = condemn(store, DUE, LEASE_END).await;
    let (location, lease_end) = (BlobLocation::new("content"), at(LEASE_END));
    let repositories = vec![a.clone(), b.clone()];
    let expected = CondemnedBlob { digest: blob, size_bytes: 7, location, lease_end, failures: 0, repositories };
    assert_eq!(condemned, [expected]);
    for name in [&a, &b] {
        assert_eq!(store.blob(name, &blob).await.unwrap(), None);
        assert_eq!(store.mount_blob(&repository("c"), &blob, Some(name), LATER).await.unwrap(), None);
        assert!(!store.unlink_blob(name, &blob, LATER).await.unwrap());
    }
    assert_eq!(store.mount_blob(&b, &blob, None, LATER).await.unwrap(), None);
    assert!(!store.postpone_blob_review(&blob, at(LEASE_END * 2)).await.unwrap());
    let manifest = Push { blobs: vec![blob], ..Push::new(&a, "manifest") };
    assert_eq!(manifest.attempt(store).await, PutManifestOutcome::Missing(vec![blob]));
    assert!(store.explain(&blob, 10).await.unwrap().blob.unwrap().is_condemned);
    assert_eq!(condemn(store, LEASE_END - 1, LEASE_END).await, [], "somebody else deletes it");

    store.forget_blobs(&condemned, &[]).await.unwrap();
    assert_eq!(store.explain(&blob, 10).await.unwrap().blob, None);
    assert!(queue(store).await.is_empty());
    commit(store, &a, "content").await;
    assert!(store.blob(&a, &blob).await.unwrap().is_some());
    assert_eq!(store.blob(&b, &blob).await.unwrap(), None, "it was pushed to the other repository alone");
}

/// A blob that a manifest refers to leaves the queue, and comes back with the manifest's end.
pub async fn a_referenced_blob_is_not_condemned(store: &dyn MetadataStore) {
    let a = repository("a");
    let blob = commit(store, &a, "content").await;
    let manifest = Push { blobs: vec![blob], ..Push::new(&a, "manifest").tagged(&["t"]) }.to(store).await;
    // As if somebody had pushed it once more.
    commit(store, &a, "content").await;
    let reviewed = store.condemn_blobs(at(DUE), at(LEASE_END), 100).await.unwrap();
    assert_eq!((reviewed.condemned, reviewed.kept), (vec![], 1));
    assert!(queue(store).await.is_empty());
    assert!(store.blob(&a, &blob).await.unwrap().is_some());

    store.delete_manifest(&a, &manifest, at(DUE), None).await.unwrap();
    assert_eq!(condemn(store, DUE, LEASE_END).await.len(), 1);
}

/// Of what is due, no more than the limit is looked at, those due first in front.
pub async fn blobs_are_condemned_in_batches(store: &dyn MetadataStore) {
    let a = repository("a");
    let mut blobs = Vec::new();
    for (date, content) in [(3, "three"), (1, "one"), (2, "two")] {
        let blob = digest(content);
        let commit = CommitBlob {
            repository: &a,
            digest: &blob,
            size_bytes: 0,
            location: &BlobLocation::new(content),
            is_displaced: false,
            is_replicated: false,
            upload: None,
            hold: None,
            review_after: at(date),
        };
        store.commit_blob(commit).await.unwrap();
        blobs.push(blob);
    }
    let first = store.condemn_blobs(at(9), at(LEASE_END), 2).await.unwrap();
    assert!(!first.done);
    let mut condemned: Vec<Digest> = first.condemned.iter().map(|blob| blob.digest).collect();
    condemned.sort();
    assert_eq!(condemned, sorted([blobs[1], blobs[2]]));
    let second = store.condemn_blobs(at(9), at(LEASE_END), 2).await.unwrap();
    assert!(second.done);
    assert_eq!(second.condemned.iter().map(|blob| blob.digest).collect::<Vec<_>>(), [blobs[0]]);
}

/// If a collector dies, another one takes its blobs over, and the first changes nothing any more. Bytes that could not be
/// deleted are tried again.
pub async fn a_condemned_blob_is_condemned_again(store: &dyn MetadataStore) {
    let a = repository("a");
    commit(store, &a, "content").await;
    let first = condemn(store, DUE, LEASE_END).await;
    let second = condemn(store, LEASE_END, LEASE_END + DUE).await;
    assert_eq!((first.len(), second.len()), (1, 1));
    store.forget_blobs(&first, &[]).await.unwrap();
    assert!(store.explain(&second[0].digest, 10).await.unwrap().blob.is_some(), "it is the other's now");

    store.forget_blobs(&[], &put_off(&second, at(LEASE_END + 5))).await.unwrap();
    assert_eq!(condemn(store, LEASE_END + 4, LEASE_END + DUE).await, []);
    let third = condemn(store, LEASE_END + 5, LEASE_END + DUE).await;
    assert_eq!((second[0].failures, third[0].failures), (0, 1));
    store.forget_blobs(&third, &[]).await.unwrap();
    assert!(queue(store).await.is_empty());
}

/// Of blobs whose deletion failed, each is tried again after a date of its own; the others are gone.
pub async fn a_blob_that_fails_is_put_off_by_itself(store: &dyn MetadataStore) {
    let a = repository("a");
    for content in ["one", "two", "three"] {
        commit(store, &a, content).await;
    }
    let condemned = condemn(store, DUE, LEASE_END).await;
    let [first, second, third] = &condemned[..] else { panic!("{condemned:?}") };
    let failed = [(first.clone(), at(LEASE_END + 1)), (second.clone(), at(LEASE_END + 2))];
    store.forget_blobs(std::slice::from_ref(third), &failed).await.unwrap();
    let dates = [(first.digest, at(LEASE_END + 1)), (second.digest, at(LEASE_END + 2))];
    assert_eq!(queue(store).await, dates.map(|(digest, date)| (ReviewSubject::Blob(digest), date)).into());
}

/// A manifest whose review failed is looked at again after its date, unless something happens to it before.
pub async fn a_manifest_is_put_off(store: &dyn MetadataStore) {
    let a = repository("a");
    let manifest = Push::new(&a, "manifest").to(store).await;
    let tagged = Push::new(&a, "tagged").tagged(&["t"]).to(store).await;
    let put_off = async |date| store.put_off_manifests(&[(a.clone(), manifest, date), (a.clone(), tagged, date)]).await;
    put_off(at(DUE + 5)).await.unwrap();
    put_off(at(DUE + 4)).await.unwrap();
    store.put_off_manifests(&[(repository("b"), manifest, at(DUE * 2))]).await.unwrap();
    assert_eq!(queue(store).await, [(ReviewSubject::Manifest(a.clone(), manifest), at(DUE + 5))].into());
    assert_eq!(collect(store, DUE + 4).await, []);
    assert_eq!(collect(store, DUE + 5).await, [manifest]);
}

/// A blob that is pushed anew while its lease runs out is there again, and its collector leaves it alone.
pub async fn a_condemned_blob_comes_back_by_a_commit(store: &dyn MetadataStore) {
    let a = repository("a");
    let blob = commit(store, &a, "content").await;
    let condemned = condemn(store, DUE, LEASE_END).await;
    let hold = store.hold_blob(&blob, at(LEASE_END), at(LEASE_END * 2)).await.unwrap();
    let commit = CommitBlob {
        repository: &a,
        digest: &blob,
        size_bytes: 7,
        location: &BlobLocation::new("elsewhere"),
        is_displaced: false,
        is_replicated: false,
        upload: None,
        hold: Some(&hold),
        review_after: at(LEASE_END * 2),
    };
    store.commit_blob(commit).await.unwrap();
    drop(hold);
    store.forget_blobs(&condemned, &[]).await.unwrap();
    store.forget_blobs(&[], &put_off(&condemned, LATER)).await.unwrap();
    let found = store.blob(&a, &blob).await.unwrap().expect("it was pushed");
    assert_eq!((found.location.as_str(), found.review_after), ("elsewhere", Some(at(LEASE_END * 2))));
}

/// As long as somebody is about to put a blob in place, it is not condemned; afterwards its review has a new date.
pub async fn a_held_blob_is_not_condemned(store: &dyn MetadataStore) {
    let a = repository("a");
    let blob = commit(store, &a, "content").await;
    let first = store.hold_blob(&blob, at(DUE), at(LEASE_END)).await.unwrap();
    let second = store.hold_blob(&blob, at(DUE), at(LEASE_END)).await.unwrap();
    for hold in [first, second] {
        assert_eq!(condemn(store, DUE, LEASE_END).await, []);
        let commit = CommitBlob {
            repository: &a,
            digest: &blob,
            size_bytes: 7,
            location: &BlobLocation::new("content"),
            is_displaced: false,
            is_replicated: false,
            upload: None,
            hold: Some(&hold),
            review_after: LATER,
        };
        store.commit_blob(commit).await.unwrap();
    }
    assert_eq!(condemn(store, DUE, LEASE_END).await.len(), 1);
}

/// A hold can end without anything to record.
pub async fn a_hold_that_ended_keeps_nothing(store: &dyn MetadataStore) {
    let a = repository("a");
    let blob = commit(store, &a, "content").await;
    let hold = store.hold_blob(&blob, at(DUE), at(LEASE_END)).await.unwrap();
    assert_eq!(condemn(store, DUE, LEASE_END).await, []);
    assert!(store.end_hold(hold).await.unwrap());
    assert_eq!(condemn(store, DUE, LEASE_END).await.len(), 1);
}

/// Whoever is to put a blob in place that is being deleted waits until that is over, or is told to come again.
pub async fn a_blob_that_is_being_deleted_is_not_held(store: &dyn MetadataStore) {
    let a = repository("a");
    let blob = commit(store, &a, "content").await;
    let condemned = condemn(store, DUE, i64::MAX).await;
    let mut held = store.hold_blob(&blob, at(DUE), at(LEASE_END));
    match held.as_mut().now_or_never() {
        Some(held) => assert_eq!(held.expect_err("it is being deleted").kind(), StoreErrorKind::Unavailable),
        None => {
            store.forget_blobs(&condemned, &[]).await.unwrap();
            held.await.unwrap();
        }
    }
}

/// A manifest without a tag, a parent or a subject goes, with all that deleting it brings about.
pub async fn an_unreferenced_manifest_is_deleted(store: &dyn MetadataStore) {
    let a = repository("a");
    let blob = commit(store, &a, "blob").await;
    let manifest = Push { blobs: vec![blob], ..Push::new(&a, "manifest") }.to(store).await;
    assert_eq!(collect(store, DUE - 1).await, [], "it is not due");
    let reviewed = store.collect_manifests(at(DUE), at(DUE + 1), 100).await.unwrap();
    assert_eq!((reviewed.deleted, reviewed.kept), (vec![(a.clone(), manifest, 8)], 0));
    assert!(!stored(store, &a, manifest).await);
    assert_eq!(queue(store).await, [(ReviewSubject::Blob(blob), at(DUE + 1))].into());
    assert!(store.repositories(None, 10).await.unwrap().is_empty(), "it was the only one");
}

/// A manifest that has lost a tag stays for as long as it has another, is listed, or refers to one that is there.
pub async fn a_manifest_with_a_tag_a_parent_or_a_subject_is_kept(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let review_after = at(1);
    let tagged = Push { review_after, ..Push::new(&a, "tagged").tagged(&["t", "u"]) }.to(store).await;
    store.delete_tag(&a, &tag("u"), review_after, None).await.unwrap();
    let child = Push { review_after, ..Push::new(&a, "child").tagged(&["child"]) }.to(store).await;
    Push { children: vec![child], ..Push::new(&a, "index").tagged(&["index"]) }.to(store).await;
    store.delete_tag(&a, &tag("child"), review_after, None).await.unwrap();
    let referrer = Push { subject: Some(tagged), review_after, ..Push::new(&a, "referrer") }.to(store).await;
    // In another repository the same ones have none of that.
    let alone = [("tagged", None), ("child", None), ("referrer", Some(tagged))];
    for (payload, subject) in &alone[1..] {
        Push { subject: *subject, review_after, ..Push::new(&b, *payload) }.to(store).await;
    }
    assert_eq!(collect(store, 1).await, sorted([child, referrer]));
    for kept in [tagged, child, referrer] {
        assert!(stored(store, &a, kept).await);
    }
    assert!(queue(store).await.keys().all(|subject| !matches!(subject, ReviewSubject::Manifest(..))));
}

/// What an index lists, or what refers to it, goes after the index, and not while its review is still to come.
pub async fn children_and_referrers_go_with_their_index(store: &dyn MetadataStore) {
    let a = repository("a");
    let child = Push { review_after: at(1), ..Push::new(&a, "child") }.to(store).await;
    let index = Push { children: vec![child], review_after: at(9), ..Push::new(&a, "index") }.to(store).await;
    let referrer = Push { subject: Some(index), review_after: at(1), ..Push::new(&a, "referrer") }.to(store).await;
    store.delete_tag(&a, &tag("none"), at(1), None).await.unwrap();
    assert_eq!(collect(store, 8).await, []);
    assert!(stored(store, &a, child).await && stored(store, &a, referrer).await);
    assert_eq!(collect(store, 9).await, [index]);
    assert_eq!(collect(store, 9 + DUE).await, sorted([child, referrer]));
    assert!(queue(store).await.is_empty());
}

/// An index may list a manifest and refer to it as its subject; nothing else keeps the two.
pub async fn manifests_that_keep_only_each_other_go_together(store: &dyn MetadataStore) {
    let a = repository("a");
    let child = Push { review_after: at(1), ..Push::new(&a, "inner").tagged(&["t"]) }.to(store).await;
    let circle = Push { children: vec![child], subject: Some(child), review_after: at(2), ..Push::new(&a, "circle") };
    let circle = circle.to(store).await;
    assert_eq!(collect(store, 2).await, [], "a tag keeps the one, and the one the other");
    store.delete_tag(&a, &tag("t"), at(3), None).await.unwrap();
    assert_eq!(collect(store, 3).await, [], "the other one has left the queue, and gets a grace period of its own");
    assert_eq!(collect(store, DUE + 2).await, []);
    assert_eq!(collect(store, DUE + 3).await, sorted([child, circle]));
    assert!(queue(store).await.is_empty());
}

/// Of what is due together the first by its digest goes first, whatever the dates: with a subject its referrer gets a new
/// date, and with a referrer its subject goes.
pub async fn what_is_due_together_is_looked_at_in_the_order_of_digests(store: &dyn MetadataStore) {
    let mut payloads = ["one", "two"];
    payloads.sort_by_key(|payload| digest(payload));
    for (name, [subject, referrer]) in [("a", payloads), ("b", [payloads[1], payloads[0]])] {
        let repository = repository(name);
        let referrer = Push { subject: Some(digest(subject)), review_after: at(3), ..Push::new(&repository, referrer) };
        let referrer = referrer.to(store).await;
        let subject = Push { review_after: at(5), ..Push::new(&repository, subject) }.to(store).await;
        let reviewed = store.collect_manifests(at(10), at(15), 10).await.unwrap();
        let deleted: BTreeSet<Digest> = reviewed.deleted.iter().map(|(_, digest, _)| *digest).collect();
        let together = BTreeSet::from([subject, referrer]);
        assert_eq!(deleted, if subject < referrer { BTreeSet::from([subject]) } else { together });
        assert_eq!(stored(store, &repository, referrer).await, subject < referrer);
        let left = store.collect_manifests(LATER, LATER, 10).await.unwrap();
        assert_eq!(left.deleted.len(), usize::from(subject < referrer));
    }
}

/// What a manifest refers to leaves the queue with the push, and so does a manifest that gets a tag.
pub async fn what_is_referred_to_leaves_the_queue(store: &dyn MetadataStore) {
    let a = repository("a");
    let blob = commit(store, &a, "blob").await;
    let child = Push::new(&a, "child").to(store).await;
    let sparse = Push::new(&a, "sparse").to(store).await;
    let index =
        Push { blobs: vec![blob], children: vec![child], sparse_children: vec![sparse], ..Push::new(&a, "index") };
    let pushed = index.to(store).await;
    assert_eq!(queue(store).await, [(ReviewSubject::Manifest(a.clone(), pushed), LATER)].into());
    index.tagged(&["t"]).to(store).await;
    assert!(queue(store).await.is_empty());
}

/// A blob that may be missing is kept by the manifest if it was there when that was pushed.
pub async fn an_optional_blob_is_kept_if_it_is_there(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let (there, elsewhere) = (commit(store, &a, "there").await, commit(store, &b, "elsewhere").await);
    let manifest =
        Push { optional_blobs: vec![there, elsewhere, digest("nowhere")], ..Push::new(&a, "manifest").tagged(&["t"]) };
    manifest.to(store).await;
    let condemned = condemn(store, DUE, LEASE_END).await;
    assert_eq!(condemned.into_iter().map(|blob| blob.digest).collect::<Vec<_>>(), [elsewhere]);
    assert!(store.blob(&a, &there).await.unwrap().is_some());
}

/// What a review would find is told without doing it, in pages.
pub async fn suspects_are_told_of(store: &dyn MetadataStore) {
    let a = repository("a");
    let used = commit(store, &a, "used").await;
    let unused = commit(store, &a, "unused").await;
    let tagged = Push { blobs: vec![used], ..Push::new(&a, "tagged").tagged(&["t", "u"]) }.to(store).await;
    let untagged = Push::new(&a, "untagged").to(store).await;
    commit(store, &a, "used").await;
    store.delete_tag(&a, &tag("t"), LATER, None).await.unwrap();

    for (kind, expected) in [
        (SuspectKind::Blobs, [(ReviewSubject::Blob(used), 4, true), (ReviewSubject::Blob(unused), 6, false)]),
        (
            SuspectKind::Manifests,
            [
                (ReviewSubject::Manifest(a.clone(), tagged), 6, true),
                (ReviewSubject::Manifest(a.clone(), untagged), 8, false),
            ],
        ),
    ] {
        assert_eq!(store.suspects(kind, at(DUE - 1), 0, 10).await.unwrap(), []);
        let (mut found, mut cursor) = (Vec::new(), 0);
        loop {
            let page = store.suspects(kind, at(DUE), cursor, 1).await.unwrap();
            let Some(last) = page.last() else { break };
            cursor = last.cursor;
            found.extend(page.into_iter().map(|found| (found.subject, found.size_bytes, found.is_referenced)));
        }
        found.sort();
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(found, expected);
    }
}

/// Everything that keeps a blob or a manifest is named, up to the limit.
pub async fn what_keeps_something_is_explained(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let unknown = store.explain(&digest("unknown"), 10).await.unwrap();
    assert_eq!((unknown.blob, unknown.manifests, unknown.more), (None, vec![], false));

    let blob = commit(store, &a, "blob").await;
    store.mount_blob(&b, &blob, None, LATER).await.unwrap();
    let subject = Push::new(&a, "subject").tagged(&["subject"]).to(store).await;
    let image = Push { blobs: vec![blob], subject: Some(subject), ..Push::new(&a, "image").tagged(&["t", "u"]) };
    let image = image.to(store).await;
    let index = Push { children: vec![image], ..Push::new(&a, "index") }.to(store).await;

    let kept = store.explain(&blob, 10).await.unwrap();
    let found = kept.blob.unwrap();
    assert_eq!((found.size_bytes, found.is_condemned, found.review_after), (4, false, None));
    assert_eq!((found.repositories, found.manifests), (vec![a.clone(), b], vec![(a.clone(), image)]));
    assert!(kept.manifests.is_empty() && !kept.more);
    let cut = store.explain(&blob, 1).await.unwrap();
    assert_eq!(cut.blob.unwrap().repositories.len(), 1);
    assert!(cut.more);

    let explained = async |digest: &Digest| -> (RepositoryName, Vec<String>, Vec<Digest>, Option<Digest>) {
        let found = store.explain(digest, 10).await.unwrap().manifests.remove(0);
        (found.repository, found.tags.iter().map(ToString::to_string).collect(), found.parents, found.subject)
    };
    assert_eq!(explained(&image).await, (a.clone(), vec!["t".into(), "u".into()], vec![index], Some(subject)));
    assert_eq!(explained(&subject).await, (a.clone(), vec!["subject".into()], vec![], None));
    assert_eq!(store.explain(&index, 10).await.unwrap().manifests[0].review_after, Some(LATER));
}

/// A past tag is as good as a tag, for the manifest and for all that it holds on to.
pub async fn what_can_be_restored_is_kept_and_explained(store: &dyn MetadataStore) {
    let a = repository("a");
    let blob = commit(store, &a, "blob").await;
    let child = Push { blobs: vec![blob], review_after: at(1), ..Push::new(&a, "child") }.to(store).await;
    let index = Push { children: vec![child], ..Push::new(&a, "index").tagged(&["t", "u"]) }.to(store).await;
    let referrer = Push { subject: Some(index), review_after: at(1), ..Push::new(&a, "referrer") }.to(store).await;
    store.delete_tag(&a, &tag("u"), at(1), Some(at(8))).await.unwrap();
    store.delete_manifest(&a, &index, at(1), Some(at(9))).await.unwrap();
    // What once was due for some other reason is looked at all the same.
    Push::new(&a, "child").to(store).await;
    assert_eq!(collect(store, DUE).await, []);
    assert_eq!(condemn(store, DUE, LEASE_END).await, []);
    assert!(stored(store, &a, child).await && stored(store, &a, referrer).await);

    let found = store.explain(&index, 10).await.unwrap().manifests.remove(0);
    assert_eq!(found.past_tags, [(tag("t"), at(9)), (tag("u"), at(8))]);
    assert_eq!((found.is_withdrawn, found.tags, found.review_after), (true, Vec::new(), None));
    let cut = store.explain(&index, 1).await.unwrap();
    assert_eq!((cut.manifests[0].past_tags.len(), cut.more), (1, true));
    assert!(!store.explain(&child, 10).await.unwrap().manifests[0].is_withdrawn);
}

/// The end of its last past tag puts a manifest into the queue, or if it is withdrawn, what it held on to.
pub async fn a_manifest_goes_once_it_can_be_restored_no_more(store: &dyn MetadataStore) {
    let a = repository("a");
    let blob = commit(store, &a, "blob").await;
    let untagged = Push { blobs: vec![blob], ..Push::new(&a, "untagged").tagged(&["t"]) }.to(store).await;
    store.delete_tag(&a, &tag("t"), at(1), Some(at(5))).await.unwrap();
    let withdrawn = Push { blobs: vec![blob], ..Push::new(&a, "withdrawn").tagged(&["u"]) }.to(store).await;
    store.delete_manifest(&a, &withdrawn, at(1), Some(at(5))).await.unwrap();
    assert_eq!(collect(store, DUE).await, []);

    let dropped = store.drop_history(at(5), 100, at(7)).await.unwrap();
    assert_eq!((dropped.past_tags, dropped.deleted), (2, vec![(a.clone(), withdrawn, 9)]));
    assert_eq!(collect(store, 6).await, [], "it has its grace period");
    assert_eq!(collect(store, 7).await, [untagged]);
    let condemned = condemn(store, DUE + 7, LEASE_END).await;
    assert_eq!(condemned.into_iter().map(|blob| blob.digest).collect::<Vec<_>>(), [blob]);
}
