//! `registry storage copy`: a storage, moved to another one.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use registry_core::protocol::digest::Digest;
use registry_core::registry::{CopiedStorage, CopyObserver, CopyOptions, CopyReport, Finding, copy_storage};
use registry_core::store::identity::StorageIdentity;
use registry_core::store::{StoreError, Timestamp};
use registry_http::metrics::Metrics;
use registry_storage::driver::StorageDriver;
use registry_storage::{DriverBlobStore, DriverLinkStore};
use serde_json::json;

use crate::config::Config;
use crate::paced_inventory::PacedInventory;
use crate::wire::{self, Stores};

/// How often progress is shown: on a terminal in one line, elsewhere in a line each.
const ON_TERMINAL: Duration = Duration::from_millis(100);
const ELSEWHERE: Duration = Duration::from_secs(10);

/// What the command line says.
pub(crate) struct Arguments {
    /// Whether the database is to be used with the second storage from now on.
    pub(crate) finish: bool,
    /// The most bytes that are read in a second.
    pub(crate) rate: Option<u64>,
    /// Print JSON.
    pub(crate) json: bool,
    /// How to copy.
    pub(crate) options: CopyOptions,
}

/// Copies, prints how much, and returns whether nothing is damaged; or to finish, whether nothing is missing.
pub(crate) fn run(from: &Config, to: &Config, arguments: &Arguments) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let second = wire::driver(&to.storage).await.context("opening the second storage")?;
        match arguments.finish {
            true => finish(from, to, &second, arguments).await,
            false => {
                let first = wire::driver(&from.storage).await.context("opening the first storage")?;
                ensure_not_foreign(wire::identity_store(&first).identity().await?, &second).await?;
                let report = copy(&first, &second, arguments).await?;
                tell(&report, None, arguments.json)?;
                Ok(report.damaged == 0)
            }
        }
    })
}

/// Copies what is left once no server runs, and makes the second storage that of the database if it has all of it.
async fn finish(
    from: &Config,
    to: &Config,
    second: &Arc<dyn StorageDriver>,
    arguments: &Arguments,
) -> anyhow::Result<bool> {
    let Stores { driver: first, metadata } = wire::bound_stores(from).await.map_err(|error| {
        let in_use = matches!(error.downcast_ref(), Some(registry_db::OpenError::InUse { .. }));
        if in_use { error.context("stop the server before `--finish`") } else { error }
    })?;
    let identity = wire::identity_store(&first).identity().await?.context("the first storage has no identity")?;
    ensure_not_foreign(Some(identity), second).await?;
    // Nobody asks for them.
    let mut metrics = Metrics::new(env!("CARGO_PKG_VERSION"), "");
    let stores = Stores { driver: Arc::clone(&first), metadata: Arc::clone(&metadata) };
    // What is not in its place is moved there, so that the records hold for both storages.
    wire::registry(from, stores, &mut metrics)?.move_displaced(Timestamp::now()).await?;
    let report = copy(&first, second, arguments).await?;
    let missing = missing(to, second, metadata).await?;
    let is_complete = missing == 0;
    if is_complete {
        wire::identity_store(second)
            .replace_identity(identity)
            .await
            .context("giving the second storage its identity")?;
    }
    tell(&report, Some(missing), arguments.json)?;
    if wire::database_url(from) != wire::database_url(to) {
        let mut stderr = io::stderr().lock();
        writeln!(
            stderr,
            "note: the second configuration names another `database.url`; a server needs that of the first"
        )?;
    }
    Ok(is_complete)
}

/// Counts the blobs that the database has, and the second storage has not, or not whole.
async fn missing(
    to: &Config,
    second: &Arc<dyn StorageDriver>,
    metadata: Arc<dyn registry_core::store::MetadataStore>,
) -> anyhow::Result<u64> {
    let mut metrics = Metrics::new(env!("CARGO_PKG_VERSION"), "");
    let registry = wire::registry(to, Stores { driver: Arc::clone(second), metadata }, &mut metrics)?;
    let inventory = wire::inventory(second);
    let mut comparison = registry.fsck(&*inventory);
    let mut missing = 0;
    while let Some(finding) = comparison.next_finding().await? {
        if let Finding::Missing(blob) | Finding::WrongSize { blob, .. } = finding {
            missing += 1;
            writeln!(io::stderr(), "missing: blob {} of {} bytes at {}", blob.digest, blob.size_bytes, blob.location)?;
        }
    }
    Ok(missing)
}

/// Refuses to write to the storage of another registry.
async fn ensure_not_foreign(first: Option<StorageIdentity>, second: &Arc<dyn StorageDriver>) -> anyhow::Result<()> {
    if let Some(found) = wire::identity_store(second).identity().await?
        && Some(found) != first
    {
        anyhow::bail!(
            "the second storage is that of another registry, with the identity {found}; to give that up, remove its file \
             `registry/identity`"
        );
    }
    Ok(())
}

async fn copy(
    first: &Arc<dyn StorageDriver>,
    second: &Arc<dyn StorageDriver>,
    arguments: &Arguments,
) -> anyhow::Result<CopyReport> {
    let mut from = copied(first);
    if let Some(rate) = arguments.rate {
        from.inventory = Arc::new(PacedInventory::new(from.inventory, rate));
    }
    let mut told = Told::new();
    let report = copy_storage(&from, &copied(second), arguments.options, &mut told).await;
    told.clear();
    Ok(report?)
}

fn copied(driver: &Arc<dyn StorageDriver>) -> CopiedStorage {
    CopiedStorage {
        blobs: Arc::new(DriverBlobStore::new(Arc::clone(driver))),
        inventory: wire::inventory(driver),
        links: Arc::new(DriverLinkStore::new(Arc::clone(driver))),
        snapshots: wire::snapshot_store(driver),
    }
}

fn tell(report: &CopyReport, missing: Option<u64>, as_json: bool) -> io::Result<()> {
    let CopyReport { copied, copied_bytes, present, present_bytes, damaged, out_of_place, links, snapshots } = report;
    if as_json {
        let summary = json!({
            "result": match missing {
                None if *damaged == 0 => "copied",
                Some(0) => "finished",
                _ => "incomplete",
            },
            "copied": copied,
            "copied_bytes": copied_bytes,
            "present": present,
            "present_bytes": present_bytes,
            "damaged": damaged,
            "out_of_place": out_of_place,
            "links": links,
            "snapshots": snapshots,
            "missing": missing,
        });
        return writeln!(io::stdout(), "{summary}");
    }
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "copied        {copied} blobs of {copied_bytes} bytes, {links} links, {snapshots} snapshots")?;
    writeln!(stdout, "there before  {present} blobs of {present_bytes} bytes")?;
    writeln!(stdout, "left out      {damaged} damaged blobs, {out_of_place} files out of place")?;
    match missing {
        Some(0) => writeln!(stdout, "the second storage has all that the database knows, and belongs to it now"),
        Some(missing) => writeln!(stdout, "missing       {missing} blobs; the second storage cannot be used yet"),
        None => writeln!(stdout, "once no server uses the first storage, `--finish` copies the rest"),
    }
}

/// Shows a copy to whoever waits for it.
struct Told {
    terminal: bool,
    shown: Instant,
}

impl Told {
    fn new() -> Self {
        Self { terminal: io::stderr().is_terminal(), shown: Instant::now() }
    }

    /// Clears the line that shows progress.
    fn clear(&self) {
        if self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// What cannot be shown is not worth ending a copy for.
impl CopyObserver for Told {
    fn progress(&mut self, report: &CopyReport) {
        if self.shown.elapsed() < if self.terminal { ON_TERMINAL } else { ELSEWHERE } {
            return;
        }
        self.shown = Instant::now();
        let CopyReport { copied, copied_bytes, present, .. } = report;
        let line = format!("{copied} blobs of {copied_bytes} bytes copied, {present} there before");
        let _ = if self.terminal { write!(io::stderr(), "\r\x1b[K{line}") } else { writeln!(io::stderr(), "{line}") };
    }

    fn damaged(&mut self, digest: &Digest, error: &StoreError) {
        self.clear();
        let _ = writeln!(io::stderr(), "damaged: blob {digest} is not copied: {error}");
    }
}
