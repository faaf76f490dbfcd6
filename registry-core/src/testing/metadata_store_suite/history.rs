use super::fixture::{LATER, Push, all_tags, at, commit, digest, queue, repository, stored, tag, tagged};
use crate::protocol::digest::Digest;
use crate::protocol::reference::{RepositoryName, Tag};
use crate::store::history::{DroppedHistory, HistoryQuery, PastTag, RestoreOutcome, RestoreTag};
use crate::store::metadata::ReviewSubject;
use crate::store::{MetadataStore, Timestamp};

/// Until when whatever a case does not look at can be restored.
const KEPT: Option<Timestamp> = Some(at(1000));

/// A moved tag goes back to what it pointed to, or to what it pointed to before that, and forward again.
pub async fn what_a_tag_left_can_be_restored(store: &dyn MetadataStore) {
    let a = repository("a");
    let push = async |content: &'static str| {
        Push { restorable_until: KEPT, ..Push::new(&a, content).tagged(&["t"]) }.to(store).await
    };
    let (first, second, third) = (push("first").await, push("second").await, push("third").await);
    assert_eq!(queue(store).await, [].into(), "history keeps what a tag left");
    assert_eq!(restore(store, &a, "t", None, 0).await, RestoreOutcome::Restored(second));
    assert_eq!(tagged(store, &a, "t").await, Some(second));
    assert_eq!(restore(store, &a, "t", Some(&first), 0).await, RestoreOutcome::Restored(first));
    assert_eq!(restore(store, &a, "t", Some(&third), 0).await, RestoreOutcome::Restored(third));
    assert_eq!(tagged(store, &a, "t").await, Some(third));
    assert_eq!(restore(store, &a, "t", Some(&digest("other")), 0).await, RestoreOutcome::Unknown);
    assert_eq!(restore(store, &a, "u", Some(&first), 0).await, RestoreOutcome::Unknown);
    assert_eq!(restore(store, &repository("b"), "t", None, 0).await, RestoreOutcome::Unknown);
}

/// The date is when it is too late.
pub async fn a_deleted_tag_can_be_restored_until_its_date(store: &dyn MetadataStore) {
    let a = repository("a");
    let manifest = Push::new(&a, "manifest").tagged(&["t", "u"]).to(store).await;
    assert!(store.delete_tag(&a, &tag("t"), LATER, KEPT).await.unwrap());
    assert!(store.delete_tag(&a, &tag("u"), LATER, None).await.unwrap());
    assert_eq!(all_tags(store, &a).await, [""; 0]);
    assert_eq!(restore(store, &a, "u", None, 0).await, RestoreOutcome::Unknown, "it was not to be remembered");
    assert_eq!(restore(store, &a, "t", None, 1000).await, RestoreOutcome::Unknown);
    assert_eq!(restore(store, &a, "t", None, 999).await, RestoreOutcome::Restored(manifest));
    assert_eq!(all_tags(store, &a).await, ["t"]);
    assert_eq!(restore(store, &a, "t", None, 999).await, RestoreOutcome::Restored(manifest), "it can be repeated");
}

/// Deleting by digest hides a manifest from everybody; restoring one of its tags brings back that tag alone.
pub async fn a_withdrawn_manifest_is_gone_until_a_tag_of_it_is_restored(store: &dyn MetadataStore) {
    let a = repository("a");
    let subject = digest("subject");
    let push = Push { subject: Some(subject), ..Push::new(&a, "manifest").tagged(&["t", "u"]) };
    let manifest = push.to(store).await;
    assert!(store.delete_manifest(&a, &manifest, LATER, KEPT).await.unwrap());
    assert!(!stored(store, &a, manifest).await);
    assert_eq!(all_tags(store, &a).await, [""; 0]);
    assert_eq!(store.repositories(None, 10).await.unwrap(), []);
    assert!(!store.delete_manifest(&a, &manifest, LATER, KEPT).await.unwrap());
    let query = crate::store::metadata::ReferrersQuery {
        repository: &a,
        subject: &subject,
        artifact_type: None,
        after: None,
        limit: 10,
        limit_bytes: u64::MAX,
    };
    assert_eq!(store.referrers(query.clone()).await.unwrap().items, []);
    let index = Push { children: vec![manifest], ..Push::new(&a, "index") };
    let refused = crate::store::metadata::PutManifestOutcome::Missing(vec![manifest]);
    assert_eq!(index.attempt(store).await, refused, "it is not there to be referred to");

    assert_eq!(restore(store, &a, "u", None, 0).await, RestoreOutcome::Restored(manifest));
    assert_eq!(all_tags(store, &a).await, ["u"]);
    assert!(stored(store, &a, manifest).await);
    assert_eq!(store.repositories(None, 10).await.unwrap(), [repository("a")]);
    assert_eq!(store.referrers(query).await.unwrap().items.len(), 1);
}

/// A push makes it an ordinary manifest, with the tags of the push.
pub async fn a_withdrawn_manifest_is_back_when_it_is_pushed_again(store: &dyn MetadataStore) {
    let a = repository("a");
    let manifest = Push::new(&a, "manifest").tagged(&["t"]).to(store).await;
    store.delete_manifest(&a, &manifest, LATER, KEPT).await.unwrap();
    Push::new(&a, "manifest").tagged(&["u"]).to(store).await;
    assert!(stored(store, &a, manifest).await);
    assert_eq!(all_tags(store, &a).await, ["u"]);
    assert_eq!(store.drop_history(at(1000), 10, LATER).await.unwrap().past_tags, 1);
    assert!(stored(store, &a, manifest).await, "its history does not take it along");
}

/// Nothing is left to restore, neither of its tags nor of what they pointed to before.
pub async fn without_a_date_a_manifest_goes_with_its_history(store: &dyn MetadataStore) {
    let a = repository("a");
    let blob = commit(store, &a, "blob").await;
    let push = |content: &'static str| Push {
        blobs: vec![blob],
        restorable_until: KEPT,
        ..Push::new(&a, content).tagged(&["t"])
    };
    let first = push("first").to(store).await;
    let second = push("second").to(store).await;
    assert!(store.delete_manifest(&a, &first, LATER, None).await.unwrap());
    assert_eq!(restore(store, &a, "t", None, 0).await, RestoreOutcome::Unknown);
    store.delete_manifest(&a, &second, LATER, KEPT).await.unwrap();
    assert!(store.delete_manifest(&a, &second, at(2_000_000), None).await.unwrap(), "also if it is withdrawn");
    assert_eq!(restore(store, &a, "t", None, 0).await, RestoreOutcome::Unknown);
    assert_eq!(queue(store).await, [(ReviewSubject::Blob(blob), at(2_000_000))].into());
    assert_eq!(store.manifest_digests(&a, None, 10).await.unwrap(), []);
}

/// What is restored can be pulled: it is refused if a blob was taken out, or a child is withdrawn itself.
pub async fn what_lost_a_blob_or_a_child_is_not_restored(store: &dyn MetadataStore) {
    let a = repository("a");
    let blob = commit(store, &a, "blob").await;
    let child = Push::new(&a, "child").tagged(&["c"]).to(store).await;
    let push = Push { blobs: vec![blob], children: vec![child], ..Push::new(&a, "index").tagged(&["t"]) };
    let index = push.to(store).await;
    for manifest in [index, child] {
        store.delete_manifest(&a, &manifest, LATER, KEPT).await.unwrap();
    }
    store.unlink_blob(&a, &blob, LATER).await.unwrap();
    assert_eq!(restore(store, &a, "t", None, 0).await, RestoreOutcome::Missing(vec![blob, child]));
    assert_eq!(all_tags(store, &a).await, [""; 0]);
    commit(store, &a, "blob").await;
    assert_eq!(restore(store, &a, "t", None, 0).await, RestoreOutcome::Missing(vec![child]));
    assert_eq!(restore(store, &a, "c", None, 0).await, RestoreOutcome::Restored(child));
    assert_eq!(restore(store, &a, "t", None, 0).await, RestoreOutcome::Restored(index));
}

/// With the last of its past tags a withdrawn manifest goes and another is reviewed, and not before.
pub async fn dropped_history_lets_go_of_its_manifests(store: &dyn MetadataStore) {
    let a = repository("a");
    let blob = commit(store, &a, "blob").await;
    let withdrawn = Push { blobs: vec![blob], ..Push::new(&a, "withdrawn").tagged(&["t", "u"]) }.to(store).await;
    store.delete_tag(&a, &tag("u"), LATER, Some(at(20))).await.unwrap();
    store.delete_manifest(&a, &withdrawn, LATER, Some(at(10))).await.unwrap();
    let untagged = Push::new(&a, "untagged").tagged(&["v"]).to(store).await;
    store.delete_tag(&a, &tag("v"), LATER, Some(at(10))).await.unwrap();

    assert_eq!(store.drop_history(at(9), 10, at(2_000_000)).await.unwrap(), DroppedHistory::default());
    assert_eq!(store.drop_history(at(10), 10, at(2_000_000)).await.unwrap().past_tags, 2);
    let (of_blob, of_untagged) = (ReviewSubject::Blob(blob), ReviewSubject::Manifest(a.clone(), untagged));
    assert_eq!(queue(store).await, [(of_untagged.clone(), at(2_000_000))].into());
    assert!(stored(store, &a, untagged).await);
    assert_eq!(store.manifest_digests(&a, None, 10).await.unwrap().len(), 2);

    let dropped = DroppedHistory { past_tags: 1, deleted: vec![(a.clone(), withdrawn, "withdrawn".len() as u64)] };
    assert_eq!(store.drop_history(at(20), 10, at(3_000_000)).await.unwrap(), dropped);
    assert_eq!(queue(store).await, [(of_blob, at(3_000_000)), (of_untagged, at(2_000_000))].into());
    assert_eq!(store.manifest_digests(&a, None, 10).await.unwrap(), [untagged]);
    assert_eq!(history(store, &a, None, 10).await, []);
}

/// By tag, and for each tag the oldest first, in pages of any size.
pub async fn history_pages_neither_skip_nor_repeat(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    for content in ["1", "2", "3"] {
        let tags = ["A", "a", "b"];
        Push { restorable_until: KEPT, ..Push::new(&a, content).tagged(&tags) }.to(store).await;
        Push { restorable_until: KEPT, ..Push::new(&b, content).tagged(&["a"]) }.to(store).await;
    }
    let expected: Vec<(String, Digest)> =
        ["A", "a", "b"].iter().flat_map(|name| ["1", "2"].map(|content| (name.to_string(), digest(content)))).collect();
    for limit in 1..=expected.len() + 1 {
        let seen = history(store, &a, None, limit).await;
        let seen: Vec<_> = seen.into_iter().map(|past| (past.tag.to_string(), past.digest)).collect();
        assert_eq!(seen, expected, "by pages of {limit}");
        let of_tag = history(store, &a, Some(&tag("a")), limit).await;
        assert_eq!(of_tag.iter().map(|past| past.digest).collect::<Vec<_>>(), [digest("1"), digest("2")]);
        assert!(of_tag.iter().all(|past| past.set_at <= past.ended_at && Some(past.restorable_until) == KEPT));
    }
    assert_eq!(history(store, &repository("c"), None, 10).await, []);
}

async fn history(
    store: &dyn MetadataStore,
    repository: &RepositoryName,
    tag: Option<&Tag>,
    limit: usize,
) -> Vec<PastTag> {
    let mut seen: Vec<PastTag> = Vec::new();
    loop {
        let last = seen.last().cloned();
        let after = last.as_ref().map(|past| (&past.tag, past.ended_at));
        let page = store.tag_history(HistoryQuery { repository, tag, after, limit }).await.unwrap();
        assert!(page.len() <= limit);
        if page.is_empty() {
            return seen;
        }
        seen.extend(page);
    }
}

async fn restore(
    store: &dyn MetadataStore,
    repository: &RepositoryName,
    name: &str,
    digest: Option<&Digest>,
    now: i64,
) -> RestoreOutcome {
    let restore =
        RestoreTag { repository, tag: &tag(name), digest, now: at(now), restorable_until: KEPT, review_after: LATER };
    store.restore_tag(restore).await.unwrap()
}
