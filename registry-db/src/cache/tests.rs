use std::collections::HashSet;

use registry_core::protocol::digest::Algorithm;
use registry_core::protocol::reference::Tag;
use registry_core::store::{BlobLocation, Timestamp};

use super::*;

const LIMIT: u64 = 1024 * 1024;

fn repository(name: &str) -> RepositoryName {
    name.parse().unwrap()
}

fn tag(name: &str) -> Tag {
    name.parse().unwrap()
}

fn manifest(payload: impl Into<Bytes>) -> ManifestRecord {
    let payload = payload.into();
    ManifestRecord { digest: Digest::of(Algorithm::Sha256, &payload), media_type: "type/a".into(), payload }
}

fn blob(content: &str) -> BlobRecord {
    BlobRecord {
        digest: Digest::of(Algorithm::Sha256, content.as_bytes()),
        size_bytes: content.len() as u64,
        location: BlobLocation::new(content),
        review_after: Some(Timestamp::from_micros(1)),
    }
}

#[test]
fn an_answer_is_kept_for_its_repository_and_name_alone() {
    let cache = Cache::new(LIMIT);
    let [a, b] = ["a", "b"].map(repository);
    let [t, u] = ["t", "u"].map(|name| Reference::Tag(tag(name)));
    let (record, other) = (manifest("one"), manifest("other"));
    let (by_digest, other) = (Reference::Digest(record.digest), Reference::Digest(other.digest));
    cache.keep_manifest(cache.ticket(), &a, &t, &record);
    assert_eq!(cache.manifest(&a, &t), Some(record.clone()));
    assert_eq!(cache.manifest(&a, &by_digest), Some(record), "who has the tag asks by digest next");
    for (repository, reference) in [(&a, &u), (&a, &other), (&b, &t), (&b, &by_digest)] {
        assert_eq!(cache.manifest(repository, reference), None, "{repository} {reference}");
    }

    let (record, other) = (blob("one"), blob("other"));
    cache.keep_blob(cache.ticket(), &a, &record);
    assert_eq!(cache.blob(&a, &record.digest), Some(record.clone()));
    assert_eq!(cache.blob(&b, &record.digest), None);
    assert_eq!(cache.blob(&a, &other.digest), None);
}

#[test]
fn a_change_ends_belief_in_what_rests_on_its_subject_and_in_nothing_else() {
    let a = repository("a");
    let (t, record, blob) = (tag("t"), manifest("manifest"), blob("blob"));
    let by = [Reference::Tag(t.clone()), Reference::Digest(record.digest)];
    let cases = [
        (Subject::Tag(&a, &t), [false, true, true]),
        (Subject::Manifest(&a, &record.digest), [false, false, true]),
        (Subject::Blob(&blob.digest), [true, true, false]),
        (Subject::EveryBlob, [true, true, false]),
    ];
    // Chance may give one stripe to two subjects, which then change together.
    let distinct = |cache: &Cache| {
        let stripes: HashSet<_> = cases.iter().map(|(subject, _)| cache.changes.index(*subject)).collect();
        stripes.len() == cases.len()
    };
    for (subject, expected) in cases {
        let cache = std::iter::repeat_with(|| Cache::new(LIMIT)).find(distinct).unwrap();
        let keep = || {
            cache.keep_manifest(cache.ticket(), &a, &by[0], &record);
            cache.keep_blob(cache.ticket(), &a, &blob);
        };
        let believed = || {
            let [tag, digest] = by.each_ref().map(|reference| cache.manifest(&a, reference).is_some());
            [tag, digest, cache.blob(&a, &blob.digest).is_some()]
        };
        keep();
        assert_eq!(believed(), [true; 3]);
        let change = cache.begin([subject]);
        assert_eq!(believed(), expected, "during a change of {subject:?}");
        keep();
        assert_eq!(believed(), expected, "asked during a change of {subject:?}");
        drop(change);
        assert_eq!(believed(), expected, "after a change of {subject:?}");
        keep();
        assert_eq!(believed(), [true; 3], "asked after a change of {subject:?}");
    }
}

#[test]
fn two_changes_of_one_subject_are_both_waited_for() {
    let cache = Cache::new(LIMIT);
    let (a, record) = (repository("a"), blob("blob"));
    let subject = || Subject::Blob(&record.digest);
    let (first, second) = (cache.begin([subject()]), cache.begin([subject(), subject()]));
    drop(first);
    cache.keep_blob(cache.ticket(), &a, &record);
    assert_eq!(cache.blob(&a, &record.digest), None);
    drop(second);
    assert_eq!(cache.blob(&a, &record.digest), None);
    cache.keep_blob(cache.ticket(), &a, &record);
    assert!(cache.blob(&a, &record.digest).is_some());
}

#[test]
fn an_answer_from_before_a_change_is_not_believed_however_late_it_comes() {
    let cache = Cache::new(LIMIT);
    let (a, t) = (repository("a"), tag("t"));
    let reference = Reference::Tag(t.clone());
    let before = cache.ticket();
    drop(cache.begin([Subject::Tag(&a, &t)]));
    cache.keep_manifest(cache.ticket(), &a, &reference, &manifest("new"));
    cache.keep_manifest(before, &a, &reference, &manifest("old"));
    assert_eq!(cache.manifest(&a, &reference), None);
}

#[test]
fn answers_stay_within_the_limit() {
    let cache = Cache::new(LIMIT);
    let a = repository("a");
    let mut kept = 0;
    for index in 0..20_000 {
        let record = manifest(format!("{index}{}", " ".repeat(index % 1000)));
        cache.keep_manifest(cache.ticket(), &a, &Reference::Tag(tag(&index.to_string())), &record);
        cache.keep_blob(cache.ticket(), &a, &blob(&index.to_string()));
        kept += usize::from(cache.blob(&a, &blob(&index.to_string()).digest).is_some());
    }
    let weight = cache.manifests.weight() + cache.payloads.weight() + cache.blobs.weight();
    assert!((LIMIT * 3 / 4..=LIMIT).contains(&weight), "{weight} bytes");
    assert!(kept > 10_000, "only {kept} answers were there a moment later");
}

#[test]
fn what_is_too_large_is_not_kept() {
    let cache = Cache::new(LIMIT);
    let (a, t) = (repository("a"), Reference::Tag(tag("t")));
    cache.keep_manifest(cache.ticket(), &a, &t, &manifest(vec![b' '; LIMIT as usize / 16]));
    assert_eq!(cache.manifest(&a, &t), None);
    cache.keep_manifest(cache.ticket(), &a, &t, &manifest(vec![b' '; LIMIT as usize / 64]));
    assert!(cache.manifest(&a, &t).is_some());
}

#[test]
fn without_room_nothing_is_kept() {
    let cache = Cache::new(0);
    let a = repository("a");
    cache.keep_blob(cache.ticket(), &a, &blob("blob"));
    cache.keep_manifest(cache.ticket(), &a, &Reference::Tag(tag("t")), &manifest("manifest"));
    assert_eq!(cache.blob(&a, &blob("blob").digest), None);
    assert_eq!(cache.manifest(&a, &Reference::Tag(tag("t"))), None);
}
