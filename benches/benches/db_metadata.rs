//! The metadata in SQLite: the calls behind pushes, pulls and lists, each a transaction.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use benches::{digest, image, repository, runtime};
use bytes::Bytes;
use divan::Bencher;
use divan::counter::ItemsCount;
use futures::future::join_all;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::protocol::media_type::OCI_MANIFEST;
use registry_core::protocol::reference::Tag;
use registry_core::store::metadata::{CommitBlob, PutManifest, PutManifestOutcome, ReferrersQuery};
use registry_core::store::{BlobLocation, MetadataStore, Timestamp};
use registry_db::{DatabaseConfig, DatabaseUrl};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const TAGS: usize = 100_000;
/// How many blobs are committed by so many writers.
const BLOBS_AT_ONCE: usize = 64;
const REFERRERS: usize = 200;
const PAGE: usize = 100;

fn main() {
    divan::main();
}

/// A database with one repository: the blobs 0 to 10, an image of them with many tags, and referrers to it.
struct Database {
    metadata: Arc<dyn MetadataStore>,
    image: Bytes,
    image_digest: Digest,
    runtime: Runtime,
    _directory: TempDir,
}

impl Database {
    fn open() -> Self {
        let directory = tempfile::tempdir().expect("there is a directory for temporary files");
        let runtime = runtime();
        let config = DatabaseConfig::new(DatabaseUrl::Sqlite(directory.path().join("registry.db")));
        let metadata = runtime.block_on(registry_db::open(&config)).expect("the database opens");
        let image = image(&digest(0), &blobs()[1..]);
        let image_digest = Digest::of(Algorithm::Sha256, &image);
        Self { metadata, image, image_digest, runtime, _directory: directory }
    }

    fn filled() -> Self {
        let database = Self::open();
        database.runtime.block_on(async {
            for blob in blobs() {
                database.commit_blob(&blob).await;
            }
            let tags: Vec<Tag> = (0..TAGS).map(tag).collect();
            database.put_manifest(&database.image_digest, None, &tags).await;
            for number in 0..REFERRERS {
                database.put_manifest(&digest(1000 + number), Some(&database.image_digest), &[]).await;
            }
        });
        database
    }

    async fn commit_blob(&self, digest: &Digest) {
        let location = BlobLocation::new(format!("/{digest}"));
        let blob = CommitBlob {
            repository: &repository(),
            digest,
            size_bytes: 1000,
            location: &location,
            is_displaced: false,
            is_replicated: false,
            upload: None,
            hold: None,
            review_after: Timestamp::now(),
        };
        self.metadata.commit_blob(blob).await.expect("the blob is committed");
    }

    /// The store takes a manifest's name as given, so one payload does for all of them.
    async fn put_manifest(&self, digest: &Digest, subject: Option<&Digest>, tags: &[Tag]) {
        let manifest = PutManifest {
            repository: &repository(),
            digest,
            media_type: OCI_MANIFEST,
            artifact_type: Some("application/vnd.example"),
            subject,
            annotations: &BTreeMap::new(),
            payload: &self.image,
            blobs: &blobs(),
            optional_blobs: &[],
            children: &[],
            sparse_children: &[],
            tags,
            review_after: Timestamp::now(),
            restorable_until: None,
        };
        let outcome = self.metadata.put_manifest(manifest).await.expect("the manifest is put");
        assert_eq!(outcome, PutManifestOutcome::Stored);
    }
}

fn blobs() -> Vec<Digest> {
    (0..=10).map(digest).collect()
}

fn tag(number: usize) -> Tag {
    format!("v{number:06}").parse().expect("the tag is valid")
}

/// A blob that is new, committed with `synchronous=FULL`.
#[divan::bench]
fn commit_blob(bencher: Bencher<'_, '_>) {
    let (database, next) = (Database::open(), AtomicUsize::new(0));
    let new = || digest(next.fetch_add(1, Ordering::Relaxed));
    bencher.with_inputs(new).bench_refs(|digest| database.runtime.block_on(database.commit_blob(digest)));
}

/// Blobs that are new, by several writers at once, who share the syncs of the log.
#[divan::bench(args = [1, 4, 16])]
fn commit_blobs_at_once(bencher: Bencher<'_, '_>, writers: usize) {
    let (database, next) = (Database::open(), AtomicUsize::new(0));
    let write = async || {
        for _ in 0..BLOBS_AT_ONCE / writers {
            database.commit_blob(&digest(next.fetch_add(1, Ordering::Relaxed))).await;
        }
    };
    let bencher = bencher.counter(ItemsCount::new(BLOBS_AT_ONCE));
    bencher.bench(|| database.runtime.block_on(join_all((0..writers).map(|_| write()))));
}

/// A manifest with one tag, in the repository with many.
#[divan::bench]
fn delete_manifest(bencher: Bencher<'_, '_>) {
    let (database, next) = (Database::filled(), AtomicUsize::new(1_000_000));
    let repository = repository();
    let new = || {
        let number = next.fetch_add(1, Ordering::Relaxed);
        database.runtime.block_on(database.put_manifest(&digest(number), None, &[tag(number)]));
        digest(number)
    };
    bencher.with_inputs(new).bench_refs(|digest| {
        database.runtime.block_on(database.metadata.delete_manifest(&repository, digest, Timestamp::now(), None))
    });
}

/// An image of ten layers that is new, with a tag that moves to it.
#[divan::bench]
fn put_manifest(bencher: Bencher<'_, '_>) {
    let (database, next) = (Database::filled(), AtomicUsize::new(1_000_000));
    let new = || digest(next.fetch_add(1, Ordering::Relaxed));
    let tags = [tag(0)];
    bencher.with_inputs(new).bench_refs(|digest| database.runtime.block_on(database.put_manifest(digest, None, &tags)));
}

#[divan::bench]
fn manifest_by_tag(bencher: Bencher<'_, '_>) {
    let (database, repository) = (Database::filled(), repository());
    let reference = tag(TAGS / 2).as_str().parse().expect("the tag is valid");
    bencher.bench(|| database.runtime.block_on(database.metadata.manifest(&repository, &reference)));
}

#[divan::bench]
fn blob(bencher: Bencher<'_, '_>) {
    let (database, repository) = (Database::filled(), repository());
    bencher.bench(|| database.runtime.block_on(database.metadata.blob(&repository, &digest(5))));
}

/// A page in the middle of the list.
#[divan::bench]
fn page_of_tags(bencher: Bencher<'_, '_>) {
    let (database, repository) = (Database::filled(), repository());
    let after = tag(TAGS / 2);
    bencher.bench(|| database.runtime.block_on(database.metadata.tags(&repository, Some(after.as_str()), PAGE)));
}

#[divan::bench]
fn page_of_referrers(bencher: Bencher<'_, '_>) {
    let (database, repository) = (Database::filled(), repository());
    let query = || ReferrersQuery {
        repository: &repository,
        subject: &database.image_digest,
        artifact_type: None,
        after: None,
        limit: PAGE,
        limit_bytes: u64::MAX,
    };
    bencher.bench(|| database.runtime.block_on(database.metadata.referrers(query())));
}
