//! Every method of the port, for tests that look at the statements that come of them.

use std::collections::BTreeMap;

use bytes::Bytes;
use registry_core::protocol::digest::{Algorithm, Digest, Digester};
use registry_core::protocol::reference::{Reference, RepositoryName, Tag};
use registry_core::store::gc::SuspectKind;
use registry_core::store::history::{HistoryQuery, RestoreOutcome, RestoreTag};
use registry_core::store::metadata::{CommitBlob, PutManifest, PutManifestOutcome, ReferrersQuery, UploadRecord};
use registry_core::store::replication::ReplicationEnd;
use registry_core::store::usage::RepositoryTag;
use registry_core::store::{BlobLocation, ClaimToken, MetadataStore, StagedUpload, Timestamp, UploadId};

const NOW: Timestamp = Timestamp::from_micros(0);
const LATER: Timestamp = Timestamp::from_micros(100);

/// Calls every method of the port, on an empty store. So many uploads are begun that some of them are recorded at once,
/// where the others are kept in memory at first.
pub(crate) async fn call_every_method(store: &dyn MetadataStore, begun_max: usize) {
    let [a, b] = ["a", "b"].map(named);
    commit(store, &a, "blob").await;
    let blob = digest("blob");
    store.mount_blob(&b, &blob, Some(&a), LATER).await.unwrap().unwrap();
    store.mount_blob(&b, &blob, None, LATER).await.unwrap().unwrap();
    store.blob(&a, &blob).await.unwrap().unwrap();
    store.postpone_blob_review(&blob, LATER).await.unwrap();

    let tag: Tag = "t".parse().unwrap();
    let child = put(store, &a, "child", &[], &[], &[], None).await;
    let index = put(store, &a, "index", &[blob], &[child], &["t", "u"], None).await;
    put(store, &a, "referrer", &[], &[], &["t"], Some(&index)).await;
    store.manifest(&a, &Reference::Tag(tag.clone())).await.unwrap().unwrap();
    store.manifest(&a, &Reference::Digest(index)).await.unwrap().unwrap();
    store.tags(&a, Some("a"), 10).await.unwrap();
    store.repository_exists(&a).await.unwrap();
    store.repositories(None, 10).await.unwrap();
    store.check().await.unwrap();
    for artifact_type in [None, Some("type/a")] {
        let query = ReferrersQuery {
            repository: &a,
            subject: &index,
            artifact_type,
            after: None,
            limit: 10,
            limit_bytes: u64::MAX,
        };
        assert_eq!(store.referrers(query).await.unwrap().items.len(), 1);
    }
    store.due_reviews(LATER, 10).await.unwrap();
    for kind in [SuspectKind::Blobs, SuspectKind::Manifests] {
        store.suspects(kind, LATER, 0, 10).await.unwrap();
    }
    assert!(store.delete_tag(&a, &tag, LATER, None).await.unwrap());
    assert!(store.delete_manifest(&a, &index, LATER, None).await.unwrap());
    assert!(store.unlink_blob(&a, &blob, LATER).await.unwrap());
    store.recorded_blobs(None, 10).await.unwrap();
    store.repository_blobs(&b, 0, 10).await.unwrap();
    store.recorded_manifests(0, 10).await.unwrap();
    let record = store.recorded_blob(&blob).await.unwrap().unwrap();
    assert!(store.quarantine_blob(&record).await.unwrap());
    let record = store.recorded_blob(&blob).await.unwrap().unwrap();
    assert!(store.release_blob(&record).await.unwrap());
    let stray = BlobLocation::new("stray");
    assert!(store.record_stray_blob(&digest("stray"), 5, &stray, Timestamp::from_micros(1000)).await.unwrap());
    store.setting("name").await.unwrap();
    store.settle_setting("name", "value").await.unwrap();
    store.replace_setting("name", "value").await.unwrap();
    assert!(store.exchange_setting("name", Some("value"), "other").await.unwrap());
    assert!(store.exchange_setting("another", None, "value").await.unwrap());
    store.put_off_manifests(&[(a.clone(), child, LATER)]).await.unwrap();
    let collected = store.collect_manifests(LATER, LATER, 10).await.unwrap();
    assert_eq!((collected.deleted.len(), collected.kept), (2, 0));
    store.expired_holds(LATER, 10).await.unwrap();
    store.forgotten_holds().await.unwrap();
    store.end_forgotten_holds(1).await.unwrap();
    assert_eq!(store.manifests_among(&[digest("nothing")]).await.unwrap(), []);
    let condemned = store.condemn_blobs(LATER, LATER, 10).await.unwrap().condemned;
    assert_eq!(condemned.len(), 1);
    store.forget_blobs(&[], &[(condemned[0].clone(), LATER)]).await.unwrap();
    store.forget_blobs(&condemned, &[]).await.unwrap();
    call_every_upload_method(store, &a, begun_max).await;
    call_every_displacement_method(store, &a).await;
    call_every_replication_method(store, &a).await;
    call_every_history_method(store, &b).await;
    call_every_removal_and_usage_method(store, &b).await;
}

async fn call_every_displacement_method(store: &dyn MetadataStore, repository: &RepositoryName) {
    let (digest, location) = (digest("displaced"), BlobLocation::new("upload"));
    let commit = || CommitBlob {
        repository,
        digest: &digest,
        size_bytes: 9,
        location: &location,
        is_displaced: true,
        is_replicated: false,
        upload: None,
        hold: None,
        review_after: LATER,
    };
    store.commit_blob(commit()).await.unwrap();
    store.commit_blob(commit()).await.unwrap();
    store.leave_displaced(&location, NOW).await.unwrap();
    let found = BlobLocation::new("found");
    assert_eq!(store.note_displaced(&[location.clone(), found], NOW).await.unwrap(), 1);
    assert_eq!(store.take_displaced(NOW, NOW, 10).await.unwrap().len(), 2);
    let record = store.recorded_blob(&digest).await.unwrap().unwrap();
    assert!(store.relocate_blob(&record, &BlobLocation::new("place"), NOW).await.unwrap());
    assert_eq!(store.take_displaced(NOW, NOW, 10).await.unwrap().len(), 2);
    store.forget_displaced(&[location]).await.unwrap();
}

async fn call_every_replication_method(store: &dyn MetadataStore, repository: &RepositoryName) {
    let (end, later) = (Timestamp::from_micros(200), Timestamp::from_micros(300));
    let push = async || {
        let blob = CommitBlob {
            repository,
            digest: &digest("replicated"),
            size_bytes: 10,
            location: &BlobLocation::new("here"),
            is_displaced: false,
            is_replicated: true,
            upload: None,
            hold: None,
            review_after: NOW,
        };
        store.commit_blob(blob).await.unwrap();
    };
    let take = async || store.take_replication(NOW, end).await.unwrap().unwrap();
    push().await;
    let mut taken = take().await;
    assert!(store.keep_replication(&taken, later).await.unwrap());
    taken.turn_end = later;
    let failed = ReplicationEnd::Failed { next_turn: NOW, error: "away".to_owned() };
    assert!(store.end_replication(&taken, &failed).await.unwrap());
    assert_eq!(store.replication_status().await.unwrap().failing, 1);
    assert_eq!(store.failed_replications(10).await.unwrap().len(), 1);
    let taken = take().await;
    assert!(store.end_replication(&taken, &ReplicationEnd::Copied).await.unwrap());
    for _ in 0..2 {
        store.unlink_blob(repository, &digest("replicated"), NOW).await.unwrap();
        let condemned = store.condemn_blobs(LATER, LATER, 10).await.unwrap().condemned;
        store.forget_blobs(&condemned, &[]).await.unwrap();
        push().await;
    }
    store.unlink_blob(repository, &digest("replicated"), NOW).await.unwrap();
    let condemned = store.condemn_blobs(LATER, LATER, 10).await.unwrap().condemned;
    store.forget_blobs(&condemned, &[]).await.unwrap();
    let taken = take().await;
    assert!(store.end_replication(&taken, &ReplicationEnd::Forgotten).await.unwrap());
    commit(store, repository, "unreplicated").await;
    assert!(store.note_unreplicated(None, 10).await.unwrap().noted > 0);
}

async fn call_every_history_method(store: &dyn MetadataStore, repository: &RepositoryName) {
    commit(store, repository, "blob").await;
    let tag: Tag = "t".parse().unwrap();
    let child = put(store, repository, "child", &[], &[], &[], None).await;
    let parent = put(store, repository, "parent", &[digest("blob")], &[child], &["t", "u"], None).await;
    put(store, repository, "referrer", &[], &[], &["r"], Some(&parent)).await;
    store.thin_tags(repository, &parent, 1, Some(LATER)).await.unwrap();
    store.delete_tag(repository, &"r".parse().unwrap(), LATER, Some(LATER)).await.unwrap();
    assert!(store.delete_manifest(repository, &parent, LATER, Some(LATER)).await.unwrap());
    for (tag, after) in [(None, None), (Some(&tag), None), (None, Some((&tag, NOW)))] {
        store.tag_history(HistoryQuery { repository, tag, after, limit: 10 }).await.unwrap();
    }
    for digest in [None, Some(&parent)] {
        let restore =
            RestoreTag { repository, tag: &tag, digest, now: NOW, restorable_until: Some(LATER), review_after: LATER };
        assert_eq!(store.restore_tag(restore).await.unwrap(), RestoreOutcome::Restored(parent));
    }
    assert!(store.delete_manifest(repository, &parent, LATER, Some(LATER)).await.unwrap());
    assert!(store.drop_history(LATER, 10, LATER).await.unwrap().past_tags > 2);
}

async fn call_every_removal_and_usage_method(store: &dyn MetadataStore, repository: &RepositoryName) {
    put(store, repository, "tagged", &[], &[], &["t"], None).await;
    let seen = store.tag_records(repository, None, 10).await.unwrap();
    assert!(store.delete_unchanged_tag(repository, &seen[0], LATER, None).await.unwrap());
    let ever = Timestamp::from_micros(i64::MAX);
    let untagged = store.untagged_manifests(repository, ever, None, 10).await.unwrap().unreferenced;
    assert!(store.delete_untagged_manifest(repository, &untagged[0], ever, LATER).await.unwrap());
    store.manifest_digests(repository, None, 10).await.unwrap();
    store.some_blobs(repository, 10).await.unwrap();
    commit(store, &named("empty"), "blob").await;
    store.unlink_blob(&named("empty"), &digest("blob"), LATER).await.unwrap();
    assert!(store.remove_empty_repository(&named("empty")).await.unwrap());

    store.repository_usage(repository).await.unwrap().unwrap();
    store.namespaces(None, 10).await.unwrap();
    store.namespaces(Some(""), 10).await.unwrap();
    store.namespace_usage("").await.unwrap();
    let after = RepositoryTag { repository: repository.clone(), tag: "t".parse().unwrap() };
    for after in [None, Some(&after)] {
        store.namespace_tags("", after, 10).await.unwrap();
    }
}

async fn call_every_upload_method(store: &dyn MetadataStore, repository: &RepositoryName, begun_max: usize) {
    let begin = async || {
        let upload = UploadRecord {
            id: UploadId::random(),
            repository: repository.clone(),
            staged: StagedUpload::new("staged"),
            offset: 0,
            algorithm: Algorithm::Sha256,
            digester_state: Digester::new(Algorithm::Sha256).save(),
            expires_at: LATER,
        };
        store.create_upload(&upload).await.unwrap();
        upload
    };
    // First while only memory knows of it, then when it is recorded.
    let mut upload = begin().await;
    let claim = ClaimToken::random();
    for offset in [1, 2] {
        store.claim_upload(repository, upload.id, claim, NOW, LATER).await.unwrap();
        store.renew_claim(upload.id, claim, LATER).await.unwrap();
        upload.offset = offset;
        store.release_upload(&upload, claim).await.unwrap();
        assert_eq!(store.upload(repository, upload.id, NOW).await.unwrap().as_ref(), Some(&upload));
    }
    assert_eq!(store.expired_uploads(LATER, 10).await.unwrap().len(), 1);
    for upload in [upload, begin().await] {
        store.claim_upload(repository, upload.id, claim, NOW, LATER).await.unwrap();
        let commit = CommitBlob {
            repository,
            digest: &digest("uploaded"),
            size_bytes: 8,
            location: &BlobLocation::new("here"),
            is_displaced: false,
            is_replicated: false,
            upload: Some((upload.id, claim)),
            hold: None,
            review_after: LATER,
        };
        store.commit_blob(commit).await.unwrap();
        assert_eq!(store.upload(repository, upload.id, NOW).await.unwrap(), None);
        assert_eq!(store.remove_upload(repository, upload.id).await.unwrap(), None);
    }
    // More than memory has room for.
    for _ in 0..=begun_max {
        let upload = begin().await;
        assert_eq!(store.upload(repository, upload.id, NOW).await.unwrap(), Some(upload));
    }
    let expired = store.expired_uploads(LATER, usize::MAX).await.unwrap();
    assert_eq!(expired.len(), begun_max + 1);
}

async fn put(
    store: &dyn MetadataStore,
    repository: &RepositoryName,
    payload: &'static str,
    blobs: &[Digest],
    children: &[Digest],
    tags: &[&str],
    subject: Option<&Digest>,
) -> Digest {
    let digest = digest(payload);
    let tags: Vec<Tag> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
    let put = PutManifest {
        repository,
        digest: &digest,
        media_type: "application/vnd.oci.image.manifest.v1+json",
        artifact_type: Some("type/a"),
        subject,
        annotations: &BTreeMap::new(),
        payload: &Bytes::from_static(payload.as_bytes()),
        blobs,
        optional_blobs: &[],
        children,
        sparse_children: &[],
        tags: &tags,
        review_after: LATER,
        restorable_until: Some(LATER),
    };
    assert_eq!(store.put_manifest(put).await.unwrap(), PutManifestOutcome::Stored);
    digest
}

async fn commit(store: &dyn MetadataStore, repository: &RepositoryName, content: &str) {
    let blob = CommitBlob {
        repository,
        digest: &digest(content),
        size_bytes: content.len() as u64,
        location: &BlobLocation::new("here"),
        is_displaced: false,
        is_replicated: false,
        upload: None,
        hold: None,
        review_after: NOW,
    };
    store.commit_blob(blob).await.unwrap();
}

fn named(name: &str) -> RepositoryName {
    name.parse().unwrap()
}

fn digest(content: &str) -> Digest {
    Digest::of(Algorithm::Sha256, content.as_bytes())
}
