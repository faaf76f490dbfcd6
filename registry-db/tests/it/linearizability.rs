//! Readers beside writers: nobody may see a state that somebody could know to be over.
//!
//! Everything that a pull can see is taken as a register, whose versions one writer brings about one after the other.
//! Some of its calls are dropped when they have just begun, and happen while nobody waits for them. A database of a server
//! is read and written by two replicas, in turn.

mod register;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use registry_db::DatabaseConfig;
use tokio::task::yield_now;

use self::register::{DeletedManifest, DeletedTag, MovedBlob, MovedTag, Register, Retyped, Reviewed, UnlinkedBlob};
use crate::metadata_store::sqlite;
use crate::servers::{mysql_config, postgres_config};

const VERSIONS: u64 = 150;
/// Of servers, where each takes longer.
const VERSIONS_OF_SERVERS: u64 = 60;
const READERS: usize = 2;

/// How registers are written.
#[derive(Debug, Clone, Copy)]
struct Writes {
    versions: u64,
    /// Whether callers go away. Only where writes happen in the order in which they began is the outcome known then.
    are_dropped: bool,
}

const OF_SQLITE: Writes = Writes { versions: VERSIONS, are_dropped: true };
const OF_SERVERS: Writes = Writes { versions: VERSIONS_OF_SERVERS, are_dropped: false };

#[derive(Default)]
struct History {
    begun: AtomicU64,
    /// The latest version that was acknowledged or seen: nobody who begins to read now may see an older one.
    known: AtomicU64,
    reads: AtomicU64,
    /// Whether all versions were written, or something was wrong.
    is_over: AtomicBool,
}

impl History {
    fn is_over(&self) -> bool {
        self.is_over.load(SeqCst)
    }
}

/// Brings about all versions.
async fn write(register: &dyn Register, history: &History, writes: Writes) {
    for version in 1..=writes.versions {
        history.begun.store(version, SeqCst);
        let acknowledged = tokio::select! {
            biased;
            () = register.write(version) => true,
            () = yield_now(), if writes.are_dropped && version % 5 == 0 => false,
        };
        if acknowledged {
            history.known.fetch_max(version, SeqCst);
        }
        // Now the next write comes at once, and now everybody looks first.
        let reads = history.reads.load(SeqCst);
        while version % 3 > 0 && history.reads.load(SeqCst) < reads + 2 * READERS as u64 && !history.is_over() {
            yield_now().await;
        }
    }
    history.is_over.store(true, SeqCst);
}

/// Reads until the last version is there. Returns what was wrong.
async fn read(register: &dyn Register, history: &History) -> Result<(), String> {
    while !history.is_over() {
        let oldest = history.known.load(SeqCst);
        let seen = register.read().await;
        let newest = history.begun.load(SeqCst);
        let Some(version) = (oldest..=newest).find(|version| register.shown(*version) == seen) else {
            history.is_over.store(true, SeqCst);
            return Err(format!("{seen:?} was seen, though version {oldest} was known and {newest} begun"));
        };
        history.known.fetch_max(version, SeqCst);
        history.reads.fetch_add(1, SeqCst);
        yield_now().await;
    }
    Ok(())
}

/// Has registers written and read at the same time. Returns what was wrong.
async fn observe(registers: Vec<Arc<dyn Register>>, writes: Writes) -> Vec<String> {
    let mut tasks = Vec::new();
    for register in registers {
        let history = Arc::new(History::default());
        for _ in 0..READERS {
            let (register, history) = (Arc::clone(&register), Arc::clone(&history));
            tasks.push(tokio::spawn(async move { read(&*register, &history).await }));
        }
        tasks.push(tokio::spawn(async move {
            write(&*register, &history, writes).await;
            Ok(())
        }));
    }
    join_all(tasks).await.into_iter().filter_map(|result| result.unwrap().err()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_sees_what_is_known_to_be_over() {
    let (store, _directory) = sqlite().await;
    let registers: Vec<Arc<dyn Register>> = vec![
        Arc::new(MovedTag(Arc::clone(&store))),
        Arc::new(DeletedTag(Arc::clone(&store))),
        Arc::new(DeletedManifest(Arc::clone(&store))),
        Arc::new(Retyped(Arc::clone(&store))),
        Arc::new(MovedBlob(Arc::clone(&store))),
        Arc::new(UnlinkedBlob(Arc::clone(&store))),
        Arc::new(Reviewed::new(store).await),
    ];
    assert_eq!(observe(registers, OF_SQLITE).await, [""; 0]);
}

/// One thing, that two replicas write and read in turn.
struct Shared {
    replicas: [Arc<dyn Register>; 2],
    reads: AtomicU64,
}

#[async_trait]
impl Register for Shared {
    async fn write(&self, version: u64) {
        self.replicas[usize::from(version.is_multiple_of(2))].write(version).await;
    }

    async fn read(&self) -> Option<u64> {
        // Not in step with the writes.
        let read = self.reads.fetch_add(1, SeqCst);
        self.replicas[usize::from(read.is_multiple_of(3))].read().await
    }

    fn shown(&self, version: u64) -> Option<u64> {
        self.replicas[0].shown(version)
    }
}

async fn nobody_sees_what_another_replica_knows_to_be_over(mut config: DatabaseConfig) {
    // It is not about time.
    config.server.timeout = Duration::from_secs(60);
    let open = async || registry_db::open(&config).await.unwrap();
    let (one, other) = (open().await, open().await);
    fn shared<R: Register + 'static>(replicas: [R; 2]) -> Arc<dyn Register> {
        Arc::new(Shared { replicas: replicas.map(|replica| Arc::new(replica) as _), reads: AtomicU64::new(0) })
    }
    let both = || [Arc::clone(&one), Arc::clone(&other)];
    let reviewed = Reviewed::new(Arc::clone(&one)).await;
    let registers = vec![
        shared(both().map(MovedTag)),
        shared(both().map(DeletedTag)),
        shared(both().map(DeletedManifest)),
        shared(both().map(Retyped)),
        shared(both().map(MovedBlob)),
        shared(both().map(UnlinkedBlob)),
        shared([reviewed.seen_by(Arc::clone(&other)), reviewed]),
    ];
    assert_eq!(observe(registers, OF_SERVERS).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replicas_on_postgres_agree() {
    nobody_sees_what_another_replica_knows_to_be_over(postgres_config().await.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replicas_on_mysql_agree() {
    nobody_sees_what_another_replica_knows_to_be_over(mysql_config().await.0).await;
}

/// What a cache does that only forgets after each write: a reader that asked before the write remembers after it.
struct Forgetful {
    inner: MovedTag,
    remembered: Mutex<Option<Option<u64>>>,
    written: AtomicU64,
}

#[async_trait]
impl Register for Forgetful {
    async fn write(&self, version: u64) {
        self.inner.write(version).await;
        *self.remembered.lock().unwrap() = None;
        self.written.store(version, SeqCst);
    }

    async fn read(&self) -> Option<u64> {
        let remembered = *self.remembered.lock().unwrap();
        if let Some(seen) = remembered {
            return seen;
        }
        let before = self.written.load(SeqCst);
        let seen = self.inner.read().await;
        // As slow as it takes.
        while before + 10 < VERSIONS && self.written.load(SeqCst) <= before {
            yield_now().await;
        }
        *self.remembered.lock().unwrap() = Some(seen);
        seen
    }

    fn shown(&self, version: u64) -> Option<u64> {
        self.inner.shown(version)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cache_that_only_forgets_after_each_write_is_found_out() {
    let (store, _directory) = sqlite().await;
    let forgetful = Forgetful { inner: MovedTag(store), remembered: Mutex::default(), written: AtomicU64::new(0) };
    let wrong = observe(vec![Arc::new(forgetful)], OF_SQLITE).await;
    assert!(!wrong.is_empty());
}
