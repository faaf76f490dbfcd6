use std::collections::BTreeMap;

use super::fixture::{LATER, Push, digest, repository};
use crate::protocol::digest::Digest;
use crate::protocol::reference::RepositoryName;
use crate::store::MetadataStore;
use crate::store::metadata::{Referrer, ReferrersQuery};

/// Referrers come with all that their descriptors show, in the order of their digests, and from one repository.
pub async fn referrers_are_found_whether_or_not_the_subject_exists(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let subject = Push::new(&a, "subject").digest();
    let annotations = BTreeMap::from([("k".to_owned(), "v \u{1f40b}\"".to_owned()), (String::new(), String::new())]);
    let push = Push { subject: Some(subject), ..Push::new(&a, "plain") };
    let signature = Push { artifact_type: Some("application/signature"), annotations, ..push.clone() };
    let signature = Push { payload: "signed".into(), media_type: "application/artifact", ..signature };
    push.to(store).await;
    signature.to(store).await;
    Push { repository: b.clone(), ..push.clone() }.to(store).await;
    Push { subject: Some(digest("another subject")), ..Push::new(&a, "not asked for") }.to(store).await;

    let mut expected = [&push, &signature].map(|push| Referrer {
        digest: push.digest(),
        media_type: push.media_type.to_owned(),
        size_bytes: push.payload.len() as u64,
        artifact_type: push.artifact_type.map(str::to_owned),
        annotations: push.annotations.clone(),
    });
    expected.sort_by_key(|referrer| referrer.digest.to_string());
    assert_eq!(all(store, &a, &subject).await, expected, "the subject does not exist");

    Push::new(&a, "subject").to(store).await;
    assert_eq!(all(store, &a, &subject).await, expected, "the subject exists");
    store.delete_manifest(&a, &push.digest(), LATER, None).await.unwrap();
    assert_eq!(all(store, &a, &subject).await.len(), 1, "a deleted manifest refers to nothing");
    assert_eq!(all(store, &b, &subject).await.len(), 1);
    assert_eq!(all(store, &repository("c"), &subject).await, []);
}

/// A filter leaves only what has that very type.
pub async fn referrers_are_filtered_by_artifact_type(store: &dyn MetadataStore) {
    let a = repository("a");
    let subject = digest("subject");
    for (payload, artifact_type) in
        [("1", Some("type/a")), ("2", Some("type/b")), ("3", None), ("4", Some("type/a")), ("5", Some("type/A"))]
    {
        Push { subject: Some(subject), artifact_type, ..Push::new(&a, payload) }.to(store).await;
    }
    for (artifact_type, count) in [("type/a", 2), ("type/b", 1), ("type/A", 1), ("type", 0), ("", 0)] {
        let query = ReferrersQuery { artifact_type: Some(artifact_type), ..everything(&a, &subject) };
        let page = store.referrers(query).await.unwrap();
        assert_eq!(page.items.len(), count, "{artifact_type}");
        assert!(page.items.iter().all(|referrer| referrer.artifact_type.as_deref() == Some(artifact_type)));
        assert!(!page.more);
    }
}

/// Pages of every size give every referrer once, and tell whether there are more.
pub async fn referrer_pages_end_at_the_limit(store: &dyn MetadataStore) {
    let a = repository("a");
    let subject = digest("subject");
    for i in 0..7 {
        let artifact_type = (i % 2 == 0).then_some("type/even");
        Push { subject: Some(subject), artifact_type, ..Push::new(&a, format!("referrer {i}")) }.to(store).await;
    }
    for artifact_type in [None, Some("type/even")] {
        let whole = ReferrersQuery { artifact_type, ..everything(&a, &subject) };
        let expected = store.referrers(whole.clone()).await.unwrap();
        assert!(!expected.more);
        for limit in 1..=8 {
            let mut seen: Vec<Referrer> = Vec::new();
            loop {
                let after = seen.last().map(|referrer| referrer.digest);
                let query = ReferrersQuery { after: after.as_ref(), limit, ..whole.clone() };
                let page = store.referrers(query).await.unwrap();
                assert!((1..=limit).contains(&page.items.len()));
                seen.extend(page.items);
                assert_eq!(page.more, seen.len() < expected.items.len());
                if !page.more {
                    break;
                }
            }
            assert_eq!(seen, expected.items, "by pages of {limit}");
        }
    }
}

/// A page ends before its manifests' sizes add up to more than the limit, but always has one.
pub async fn referrer_pages_end_at_the_limit_in_bytes(store: &dyn MetadataStore) {
    let a = repository("a");
    let subject = digest("subject");
    for i in 0..4 {
        Push { subject: Some(subject), ..Push::new(&a, format!("{i}{:99}", "")) }.to(store).await;
    }
    for (limit_bytes, count) in [(0, 1), (99, 1), (100, 1), (199, 1), (200, 2), (399, 3), (400, 4), (u64::MAX, 4)] {
        let page = store.referrers(ReferrersQuery { limit_bytes, ..everything(&a, &subject) }).await.unwrap();
        assert_eq!((page.items.len(), page.more), (count, count < 4), "of {limit_bytes} bytes");
    }
    let query = ReferrersQuery { limit: 2, limit_bytes: 300, ..everything(&a, &subject) };
    assert_eq!(store.referrers(query).await.unwrap().items.len(), 2, "the smaller limit counts");
}

fn everything<'a>(repository: &'a RepositoryName, subject: &'a Digest) -> ReferrersQuery<'a> {
    ReferrersQuery { repository, subject, artifact_type: None, after: None, limit: 100, limit_bytes: u64::MAX }
}

async fn all(store: &dyn MetadataStore, repository: &RepositoryName, subject: &Digest) -> Vec<Referrer> {
    store.referrers(everything(repository, subject)).await.unwrap().items
}
