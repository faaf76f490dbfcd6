use super::fixture::{LATER, at, digest, repository};
use crate::protocol::digest::Digest;
use crate::store::metadata::CommitBlob;
use crate::store::replication::{FailedReplication, Replication, ReplicationEnd, ReplicationStatus, ReplicationTask};
use crate::store::{BlobLocation, MetadataStore, Timestamp};

/// A blob whose pusher says so is behind from its commit until its copy is made, whatever is committed besides.
pub async fn a_committed_blob_is_behind_until_it_is_copied(store: &dyn MetadataStore) {
    let blob = commit(store, "content", true).await;
    commit(store, "content", true).await;
    commit(store, "other", false).await;
    let status = store.replication_status().await.unwrap();
    assert_eq!((status.behind_blobs, status.behind_bytes, status.failing), (1, 7, 0));
    assert!(status.behind_since.is_some_and(|since| since <= Timestamp::now()));
    let taken = take(store, 1, 5).await.unwrap();
    assert_eq!(taken, Replication { digest: blob, task: ReplicationTask::Copy, failures: 0, turn_end: at(5) });
    assert_eq!(take(store, 4, 9).await, None);
    assert!(store.end_replication(&taken, &ReplicationEnd::Copied).await.unwrap());
    assert!(!store.end_replication(&taken, &ReplicationEnd::Copied).await.unwrap(), "it has ended");
    commit(store, "content", true).await;
    assert_eq!(take(store, i64::MAX, 9).await, None);
    assert_eq!(store.replication_status().await.unwrap(), ReplicationStatus::default());
}

/// A turn that is over is somebody else's, and what the first taker says then is not heard.
pub async fn a_turn_that_is_over_is_taken_by_another(store: &dyn MetadataStore) {
    commit(store, "content", true).await;
    let slow = take(store, 1, 5).await.unwrap();
    assert!(store.keep_replication(&slow, at(7)).await.unwrap());
    assert!(!store.keep_replication(&slow, at(8)).await.unwrap(), "that turn has another end");
    assert_eq!(take(store, 6, 9).await, None);
    let slow = Replication { turn_end: at(7), ..slow };
    let next = take(store, 7, 11).await.unwrap();
    for end in [ReplicationEnd::Copied, ReplicationEnd::Forgotten, failed(9)] {
        assert!(!store.end_replication(&slow, &end).await.unwrap(), "{end:?}");
    }
    assert!(!store.keep_replication(&slow, at(12)).await.unwrap());
    assert!(store.end_replication(&next, &ReplicationEnd::Copied).await.unwrap());
}

/// What fails is tried again at its date and told of until it succeeds, and does not keep others from their turn.
pub async fn a_copy_that_fails_is_tried_again_and_told_of(store: &dyn MetadataStore) {
    let [first, other] = [commit(store, "first", true).await, commit(store, "other", true).await];
    let mut taken = Vec::new();
    for _ in 0..2 {
        let one = take(store, 1, 5).await.unwrap();
        taken.push(one.digest);
        assert!(store.end_replication(&one, &failed(20 + i64::from(one.digest == other))).await.unwrap());
    }
    taken.sort();
    let mut both = [first, other];
    both.sort();
    assert_eq!(taken, both);
    let expected = |digest, next_turn| FailedReplication {
        digest,
        size_bytes: 5,
        task: ReplicationTask::Copy,
        failures: 1,
        next_turn: at(next_turn),
        error: "the store is away: ä".to_owned(),
    };
    assert_eq!(store.failed_replications(10).await.unwrap(), [expected(first, 20), expected(other, 21)]);
    assert_eq!(store.failed_replications(1).await.unwrap(), [expected(first, 20)]);
    let status = store.replication_status().await.unwrap();
    assert_eq!((status.behind_blobs, status.behind_bytes, status.failing), (2, 10, 2));
    assert_eq!(take(store, 19, 30).await, None);
    let again = take(store, 20, 30).await.unwrap();
    assert_eq!((again.digest, again.failures), (first, 1));
    assert!(store.end_replication(&again, &ReplicationEnd::Copied).await.unwrap());
    assert_eq!(store.failed_replications(10).await.unwrap(), [expected(other, 21)]);
}

/// Blobs of which nothing is known are found in pages, once, and only those that are served.
pub async fn blobs_without_a_copy_are_found(store: &dyn MetadataStore) {
    let mut expected = Vec::new();
    for content in ["a", "b", "c", "d"] {
        expected.push(commit(store, content, content == "a").await);
    }
    let quarantined = store.recorded_blob(&expected.pop().unwrap()).await.unwrap().unwrap();
    assert!(store.quarantine_blob(&quarantined).await.unwrap());
    let find = async || {
        let (mut noted, mut after, mut pages) = (0, None, 0);
        loop {
            let page = store.note_unreplicated(after.as_ref(), 3).await.unwrap();
            (noted, pages) = (noted + page.noted, pages + 1);
            after = page.last;
            if after.is_none() {
                return (noted, pages);
            }
        }
    };
    assert_eq!(find().await, (2, 3));
    assert_eq!(find().await, (0, 3));
    let mut taken = Vec::new();
    while let Some(one) = take(store, 1, 5).await {
        taken.push(one.digest);
    }
    taken.sort();
    expected.sort();
    assert_eq!(taken, expected);
}

/// A collected blob leaves its copy, which is forgotten, and behind again if the blob is pushed again.
pub async fn a_collected_blob_leaves_its_copy(store: &dyn MetadataStore) {
    let blob = commit(store, "content", true).await;
    let taken = take(store, 1, 5).await.unwrap();
    store.end_replication(&taken, &ReplicationEnd::Copied).await.unwrap();
    collect(store, &blob).await;
    assert_eq!(store.replication_status().await.unwrap(), ReplicationStatus::default());
    let left = take(store, 1, 5).await.unwrap();
    assert_eq!(left, Replication { digest: blob, task: ReplicationTask::Forget, failures: 0, turn_end: at(5) });
    assert!(store.end_replication(&left, &failed(6)).await.unwrap());
    assert_eq!(store.failed_replications(9).await.unwrap()[0].task, ReplicationTask::Forget);
    let again = take(store, 6, 8).await.unwrap();
    assert_eq!((again.task, again.failures), (ReplicationTask::Forget, 1));
    assert!(store.end_replication(&again, &ReplicationEnd::Forgotten).await.unwrap());
    assert_eq!(take(store, 99, 100).await, None);
    commit(store, "content", true).await;
    assert_eq!(take(store, 1, 5).await.unwrap().task, ReplicationTask::Copy);
}

/// A blob that is pushed again is behind at once, unless somebody may still be deleting its copy: then after that.
pub async fn a_blob_that_comes_back_is_copied_after_its_deletion(store: &dyn MetadataStore) {
    let blob = commit(store, "content", true).await;
    let taken = take(store, 1, 5).await.unwrap();
    store.end_replication(&taken, &ReplicationEnd::Copied).await.unwrap();
    collect(store, &blob).await;
    commit(store, "content", true).await;
    let taken = take(store, 1, 5).await.unwrap();
    assert_eq!(taken.task, ReplicationTask::Copy);
    store.end_replication(&taken, &ReplicationEnd::Copied).await.unwrap();

    collect(store, &blob).await;
    let deletion = take(store, 1, 50).await.unwrap();
    assert_eq!(deletion.task, ReplicationTask::Forget);
    commit(store, "content", true).await;
    assert_eq!(take(store, 49, 60).await, None, "the copy may still be deleted");
    for end in [ReplicationEnd::Forgotten, failed(1)] {
        assert!(!store.end_replication(&deletion, &end).await.unwrap());
    }
    assert_eq!(take(store, 50, 60).await.unwrap().task, ReplicationTask::Copy);
}

/// Whoever makes the copy of a blob that is collected meanwhile has the rest of his turn, and no more.
pub async fn a_blob_that_is_collected_is_copied_no_more(store: &dyn MetadataStore) {
    let blob = commit(store, "content", true).await;
    let taken = take(store, 1, 5).await.unwrap();
    collect(store, &blob).await;
    assert!(!store.keep_replication(&taken, at(9)).await.unwrap());
    assert!(!store.end_replication(&taken, &ReplicationEnd::Copied).await.unwrap());
    assert_eq!(take(store, 4, 9).await, None);
    assert_eq!(take(store, 5, 9).await.unwrap().task, ReplicationTask::Forget);
}

fn failed(next_turn: i64) -> ReplicationEnd {
    ReplicationEnd::Failed { next_turn: at(next_turn), error: "the store is away: ä".to_owned() }
}

async fn take(store: &dyn MetadataStore, now: i64, turn_end: i64) -> Option<Replication> {
    store.take_replication(at(now), at(turn_end)).await.unwrap()
}

async fn collect(store: &dyn MetadataStore, blob: &Digest) {
    store.unlink_blob(&repository("a"), blob, LATER).await.unwrap();
    let condemned = store.condemn_blobs(LATER, LATER, 10).await.unwrap().condemned;
    assert_eq!(condemned.iter().map(|blob| blob.digest).collect::<Vec<_>>(), [*blob]);
    store.forget_blobs(&condemned, &[]).await.unwrap();
}

async fn commit(store: &dyn MetadataStore, content: &str, is_replicated: bool) -> Digest {
    let digest = digest(content);
    let blob = CommitBlob {
        repository: &repository("a"),
        digest: &digest,
        size_bytes: content.len() as u64,
        location: &BlobLocation::new(content),
        is_displaced: false,
        is_replicated,
        upload: None,
        hold: None,
        review_after: LATER,
    };
    store.commit_blob(blob).await.unwrap();
    digest
}
