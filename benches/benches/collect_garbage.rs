//! A collection of many small blobs that nothing refers to, beside pushes and pulls: how long it takes, and how long they
//! take meanwhile.
#![expect(clippy::print_stdout, reason = "this program reports to the person who runs it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use benches::{repository, runtime};
use bytes::Bytes;
use clap::Parser;
use futures::StreamExt;
use registry_core::gc::CollectOptions;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::store::metadata::{BlobLinkStore, CommitBlob};
use registry_core::store::{BlobLocation, MetadataStore, StoreErrorKind, Timestamp};
use registry_core::{Registry, RegistryOptions};
use registry_db::DatabaseConfig;
use registry_storage::{FilesystemConfig, StorageConfig, layout};
use tempfile::TempDir;

const BLOB_BYTES: usize = 1024;
const PUSHED_BYTES: usize = 64 * 1024;
/// How many blobs are recorded at a time, and in how many repositories, since what is pushed into one waits for its turn.
const RECORDED_AT_ONCE: u64 = 64;
/// How long pushes and pulls are measured by themselves.
const ALONE: Duration = Duration::from_secs(5);
/// How often a client pushes or pulls at most.
const PAUSE: Duration = Duration::from_millis(5);

/// Measures a collection.
#[derive(Parser)]
struct Arguments {
    /// How many blobs are to be collected.
    #[arg(long, default_value_t = 5_000)]
    blobs: u64,
    /// The database; without it, an embedded one beside the data. It must be empty.
    #[arg(long)]
    database: Option<String>,
    /// Where a directory for the data is made, and removed again.
    #[arg(long, default_value = "/tmp")]
    data: PathBuf,
    /// What cargo says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let arguments = Arguments::parse();
    let directory = tempfile::tempdir_in(&arguments.data).expect("there is room for the data");
    runtime().block_on(measure(&arguments, &directory));
}

async fn measure(arguments: &Arguments, directory: &TempDir) {
    let root = directory.path().join("storage");
    let embedded = format!("sqlite:{}", directory.path().join("registry.db").display());
    let url = arguments.database.as_ref().unwrap_or(&embedded).parse().expect("a URL of a database");
    let metadata = registry_db::open(&DatabaseConfig::new(url)).await.expect("the database opens");
    let blobs = StorageConfig::Filesystem(FilesystemConfig::new(&root)).build().expect("the storage opens");
    let options = RegistryOptions { delete_enabled: true, ..RegistryOptions::default() };
    let registry = Registry::new(blobs, Arc::clone(&metadata), options);

    let begun = Instant::now();
    fill(&root, &metadata, arguments.blobs).await;
    println!("{} blobs of {BLOB_BYTES} bytes made in {:.0?}", arguments.blobs, begun.elapsed());
    beside(&registry, "alone", tokio::time::sleep(ALONE)).await;
    let options = CollectOptions { delete_untagged: false, parallelism: 8 };
    let collection = async {
        let begun = Instant::now();
        let now = Timestamp::now();
        let report = registry.collect_garbage(now, options, &mut |_| {}).await.expect("a collection succeeds");
        assert_eq!((report.blobs, report.failed), (arguments.blobs, 0));
        let rate = arguments.blobs as f64 / begun.elapsed().as_secs_f64();
        println!("{} blobs collected in {:.1?}, {rate:.0} a second", report.blobs, begun.elapsed());
    };
    beside(&registry, "beside the collection", collection).await;
}

/// Puts blobs into the storage and records them as due.
async fn fill(root: &Path, metadata: &Arc<dyn MetadataStore>, count: u64) {
    let due = Timestamp::now();
    let each = futures::stream::iter(0..count).map(|number| async move {
        let content: Vec<u8> = number.to_le_bytes().into_iter().cycle().take(BLOB_BYTES).collect();
        let digest = Digest::of(Algorithm::Sha256, &content);
        let path = layout::blob(&digest);
        let file = root.join(&path.as_str()[1..]);
        fs::create_dir_all(file.parent().expect("a blob has a directory")).expect("a directory can be made");
        fs::write(&file, &content).expect("a file can be written");
        let location = BlobLocation::new(path.as_str());
        let name = format!("library/collected-{}", number % RECORDED_AT_ONCE);
        let blob = CommitBlob {
            repository: &name.parse().expect("the name is valid"),
            digest: &digest,
            size_bytes: BLOB_BYTES as u64,
            location: &location,
            is_displaced: false,
            is_replicated: false,
            upload: None,
            hold: None,
            review_after: due,
        };
        // A database on a busy disk may take longer than a request may wait.
        while let Err(error) = BlobLinkStore::commit_blob(&**metadata, blob.clone()).await {
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "a blob is recorded: {error:?}");
        }
    });
    each.buffer_unordered(RECORDED_AT_ONCE as usize).collect::<Vec<()>>().await;
}

/// Pushes and pulls while something goes on, and tells how long that took.
async fn beside(registry: &Registry, when: &str, work: impl Future<Output = ()>) {
    static PUSHED: AtomicU64 = AtomicU64::new(0);
    let stop = Arc::new(AtomicBool::new(false));
    let first = push(registry, u64::MAX).await;
    let pushes = tokio::spawn({
        let (registry, stop) = (registry.clone(), Arc::clone(&stop));
        async move {
            let mut times = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let begun = Instant::now();
                push(&registry, u64::MAX / 2 + PUSHED.fetch_add(1, Ordering::Relaxed)).await;
                times.push(begun.elapsed());
                tokio::time::sleep(PAUSE).await;
            }
            times
        }
    });
    let pulls = tokio::spawn({
        let (registry, stop) = (registry.clone(), Arc::clone(&stop));
        async move {
            let mut times = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let blob = registry.stat_blob(&repository(), &first).await.expect("it was pushed");
                registry.read_blob(&repository(), &blob, 0..PUSHED_BYTES as u64).await.expect("it can be read");
                times.push(begun.elapsed());
                tokio::time::sleep(PAUSE).await;
            }
            times
        }
    });
    work.await;
    stop.store(true, Ordering::Relaxed);
    tell("push", when, pushes.await.expect("pushes go on to the end"));
    tell("pull", when, pulls.await.expect("pulls go on to the end"));
}

async fn push(registry: &Registry, number: u64) -> Digest {
    let content: Vec<u8> = number.to_le_bytes().into_iter().cycle().take(PUSHED_BYTES).collect();
    let digest = Digest::of(Algorithm::Sha256, &content);
    let body = futures::stream::iter([Ok(Bytes::from(content))]).boxed();
    registry.push_blob(&repository(), &digest, body).await.expect("a push succeeds");
    digest
}

fn tell(what: &str, when: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let share = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    let (median, p99, longest) = (share(0.5), share(0.99), share(1.0));
    println!("{what} {when}: {} times, p50 {median:.1} ms, p99 {p99:.1} ms, longest {longest:.1} ms", times.len());
}
