//! Every statement that the port's methods issue must find its rows by an index.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use diesel::connection::InstrumentationEvent;
use diesel::prelude::*;
use registry_core::protocol::digest::Digester;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::protocol::reference::{Reference, RepositoryName, Tag};
use registry_core::store::gc::{CollectionStore, SuspectKind};
use registry_core::store::history::{HistoryQuery, HistoryStore, RestoreOutcome, RestoreTag};
use registry_core::store::inventory::BlobRecordStore;
use registry_core::store::metadata::{
    BlobLinkStore, CommitBlob, ManifestStore, PutManifest, PutManifestOutcome, ReferrersQuery, RepositoryStore,
    ReviewStore, UploadRecord, UploadStore,
};
use registry_core::store::removal::RemovalStore;
use registry_core::store::setting::SettingStore;
use registry_core::store::usage::{RepositoryTag, UsageStore};
use registry_core::store::{BlobLocation, ClaimToken, StagedUpload, Timestamp, UploadId};

use super::super::BEGUN_MAX;
use super::{SqliteStore, commit, digest, on_reader, on_writer, repository, store};

const NOW: Timestamp = Timestamp::from_micros(0);
const LATER: Timestamp = Timestamp::from_micros(100);

#[tokio::test]
async fn every_statement_uses_an_index() {
    let (store, _directory) = store().await;
    let statements = record(&store);
    call_every_method(&store).await;

    let statements = statements.lock().unwrap().ran.clone();
    for table in
        ["repositories", "blobs", "manifests", "tags", "uploads", "gc_blob_reviews", "gc_manifest_reviews", "settings"]
    {
        assert!(statements.iter().any(|statement| statement.contains(&format!("`{table}`"))), "{table} was never used");
    }
    for statement in statements {
        let explain = format!("EXPLAIN QUERY PLAN {statement}");
        let plan: Vec<Step> = on_reader(&store, move |inner| diesel::sql_query(explain).load(inner).unwrap());
        let plan: Vec<String> = plan.into_iter().map(|step| step.detail).collect();
        let scans = plan.iter().any(|step| step.starts_with("SCAN") && step != "SCAN CONSTANT ROW");
        assert!(!scans, "{statement} reads a whole table: {plan:#?}");
        // A page that must be sorted is a page for which everything behind it is read.
        let sorts = statement.contains("LIMIT") && plan.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(!sorts, "{statement} sorts: {plan:#?}");
        // The other manifests of the repository may be many.
        let by_subject = plan.iter().any(|step| step.contains("manifests_by_subject"));
        assert!(
            by_subject || !statement.contains("`manifests`.`subject` ="),
            "{statement} reads other manifests: {plan:#?}"
        );
    }
}

/// Preparing takes longer than running, and diesel by itself keeps no statement whose text could depend on its values.
#[tokio::test]
async fn every_statement_is_prepared_once() {
    let (store, _directory) = store().await;
    let statements = record(&store);
    call_every_method(&store).await;
    let Statements { ran, kept } = &*statements.lock().unwrap();
    assert!(ran.len() > 10);
    // A limit that is bound has SQLite prepare a statement anew each time. Only pages are worth that.
    let is_limited = |ran: &&String| ran.starts_with("SELECT") && ran.contains("LIMIT") && !ran.contains("ORDER BY");
    assert_eq!(ran.iter().filter(is_limited).collect::<Vec<_>>(), [""; 0]);
    assert_eq!(ran.difference(kept).collect::<Vec<_>>(), [""; 0]);
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = diesel::sql_types::Text)]
    detail: String,
}

#[derive(Default)]
struct Statements {
    ran: BTreeSet<String>,
    kept: BTreeSet<String>,
}

/// Notes every statement.
fn record(store: &SqliteStore) -> Arc<Mutex<Statements>> {
    let statements = Arc::new(Mutex::new(Statements::default()));
    let note = || {
        let statements = Arc::clone(&statements);
        move |event: InstrumentationEvent<'_>| match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                let text = query.to_string();
                let statement = text.split(" -- binds").next().unwrap_or(&text).to_owned();
                if ["SELECT", "INSERT", "UPDATE", "DELETE"].iter().any(|verb| statement.starts_with(verb)) {
                    statements.lock().unwrap().ran.insert(statement);
                }
            }
            InstrumentationEvent::CacheQuery { sql, .. } => {
                statements.lock().unwrap().kept.insert(sql.to_owned());
            }
            _ => {}
        }
    };
    let [of_reader, of_writer] = [note(), note()];
    on_reader(store, move |inner| inner.set_instrumentation(of_reader));
    on_writer(store, move |inner| inner.set_instrumentation(of_writer));
    statements
}

async fn call_every_method(store: &SqliteStore) {
    let [a, b] = ["a", "b"].map(repository);
    commit(store, &a, "blob").await.unwrap();
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
    store.recorded_blob(&blob).await.unwrap().unwrap();
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
    let collected = store.collect_manifests(LATER, LATER, 10).await.unwrap();
    assert_eq!((collected.deleted.len(), collected.kept), (2, 0));
    let condemned = store.condemn_blobs(LATER, LATER, 10).await.unwrap().condemned;
    assert_eq!(condemned.len(), 1);
    store.forget_blobs(&[], &condemned, LATER).await.unwrap();
    store.forget_blobs(&condemned, &[], LATER).await.unwrap();
    call_every_upload_method(store, &a).await;
    call_every_history_method(store, &b).await;
    call_every_removal_and_usage_method(store, &b).await;
}

async fn call_every_history_method(store: &SqliteStore, repository: &RepositoryName) {
    commit(store, repository, "blob").await.unwrap();
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

async fn call_every_removal_and_usage_method(store: &SqliteStore, repository: &RepositoryName) {
    put(store, repository, "tagged", &[], &[], &["t"], None).await;
    let seen = store.tag_records(repository, None, 10).await.unwrap();
    assert!(store.delete_unchanged_tag(repository, &seen[0], LATER, None).await.unwrap());
    let ever = Timestamp::from_micros(i64::MAX);
    let untagged = store.untagged_manifests(repository, ever, None, 10).await.unwrap().unreferenced;
    assert!(store.delete_untagged_manifest(repository, &untagged[0], ever, LATER).await.unwrap());
    store.manifest_digests(repository, None, 10).await.unwrap();
    store.some_blobs(repository, 10).await.unwrap();
    commit(store, &super::repository("empty"), "blob").await.unwrap();
    store.unlink_blob(&super::repository("empty"), &digest("blob"), LATER).await.unwrap();
    assert!(store.remove_empty_repository(&super::repository("empty")).await.unwrap());

    store.repository_usage(repository).await.unwrap().unwrap();
    store.namespaces(None, 10).await.unwrap();
    store.namespaces(Some(""), 10).await.unwrap();
    store.namespace_usage("").await.unwrap();
    let after = RepositoryTag { repository: repository.clone(), tag: "t".parse().unwrap() };
    for after in [None, Some(&after)] {
        store.namespace_tags("", after, 10).await.unwrap();
    }
}

async fn call_every_upload_method(store: &SqliteStore, repository: &RepositoryName) {
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
            upload: Some((upload.id, claim)),
            hold: None,
            review_after: LATER,
        };
        store.commit_blob(commit).await.unwrap();
        assert_eq!(store.upload(repository, upload.id, NOW).await.unwrap(), None);
        assert_eq!(store.remove_upload(repository, upload.id).await.unwrap(), None);
    }
    // More than memory has room for.
    for _ in 0..=BEGUN_MAX {
        let upload = begin().await;
        assert_eq!(store.upload(repository, upload.id, NOW).await.unwrap(), Some(upload));
    }
    let expired = store.expired_uploads(LATER, usize::MAX).await.unwrap();
    assert_eq!(expired.len(), BEGUN_MAX + 1);
}

async fn put(
    store: &SqliteStore,
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
