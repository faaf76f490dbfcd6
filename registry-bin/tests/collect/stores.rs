//! The stores of the registries under test, opened beside them or after them: to collect all that is left as if time had
//! passed, to compare what there is with what there has to be, and to break the rules.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use registry_core::{
    Registry, RegistryOptions,
    gc::CollectOptions,
    protocol::reference::Reference,
    registry::LinkUse,
    store::{BlobStore, MetadataStore, Timestamp, UploadId},
};
use registry_db::DatabaseConfig;
use registry_storage::{
    DriverBlobStore, DriverIdentityStore, DriverInventory, DriverLinkStore, FilesystemConfig, StorageConfig,
    driver::StorageDriver,
};

use crate::{
    register::Value,
    rig::digest,
    world::{Manifest, REPOSITORIES, Tag, World},
};

const OPTIONS: CollectOptions = CollectOptions { delete_untagged: true, parallelism: 8 };
/// More than any grace period, hold and lease.
const LONG: Duration = Duration::from_secs(3 * 60 * 60);
/// More than the lifetime of an upload.
const VERY_LONG: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How often what a collection lets go of may let go of something else.
const PASSES: u32 = 50;

/// How a collector breaks the rules.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// Its clock is ahead: nothing has any grace, and without a grace period still no hold lasts.
    Early,
    /// It looks neither who refers to a blob nor who holds it.
    Blind,
}

pub(crate) struct Stores {
    root: PathBuf,
    driver: Arc<dyn StorageDriver>,
    blobs: Arc<dyn BlobStore>,
    metadata: Arc<dyn MetadataStore>,
}

impl Stores {
    /// Opens the storage below `directory` and its database.
    pub(crate) async fn open(directory: &Path, database: &str) -> anyhow::Result<Self> {
        let root = directory.join("storage");
        let driver = StorageConfig::Filesystem(FilesystemConfig::new(&root)).open()?;
        let metadata = registry_db::open(&DatabaseConfig::new(database.parse()?)).await?;
        Ok(Self { root, blobs: Arc::new(DriverBlobStore::new(Arc::clone(&driver))), driver, metadata })
    }

    /// Returns what a tag points to.
    pub(crate) async fn tag(&self, tag: Tag) -> anyhow::Result<Value> {
        let name = REPOSITORIES[tag.repository].parse()?;
        let found = self.metadata.manifest(&name, &Reference::Tag(tag.name().parse()?)).await?;
        Ok(found.map(|manifest| manifest.digest.to_string()))
    }

    fn registry(&self) -> Registry {
        let options = RegistryOptions { delete_enabled: true, ..RegistryOptions::default() };
        let links = Arc::new(DriverLinkStore::new(Arc::clone(&self.driver)));
        let inventory = Arc::new(DriverInventory::new(Arc::clone(&self.driver)));
        let identity = Arc::new(DriverIdentityStore::new(Arc::clone(&self.driver)));
        Registry::new(Arc::clone(&self.blobs), Arc::clone(&self.metadata), options)
            .with_links(links, LinkUse::default())
            .with_files(inventory, identity)
    }

    /// Puts bytes in place like a push that is killed before it records them.
    pub(crate) async fn lose(self, bytes: &[u8]) -> anyhow::Result<()> {
        let (digest, now) = (digest(bytes).parse()?, Timestamp::now());
        let hold = self.metadata.hold_blob(&digest, now, now.plus(Duration::from_secs(60))).await?;
        let staged = self.blobs.stage(UploadId::random()).await?;
        let writer = self.blobs.open_writer(&staged, 0).await?;
        writer.commit(vec![bytes.to_vec().into()], &digest).await?;
        std::mem::forget(hold);
        Ok(())
    }

    /// Collects as often as it takes, each time as if all that was left by the time before was due.
    pub(crate) async fn collect_everything(&self) -> anyhow::Result<()> {
        let registry = self.registry();
        let mut now = Timestamp::now().plus(VERY_LONG);
        registry.purge_uploads(now).await?;
        for pass in 0..PASSES {
            now = now.plus(VERY_LONG);
            let report = registry.collect_garbage(now, OPTIONS, &mut |_| {}).await?;
            ensure!(report.failed == 0, "{} blobs could not be deleted", report.failed);
            // What is done once an hour may have been done in the hour of the first pass before.
            if pass > 0 && report.is_empty() {
                let left = self.metadata.due_reviews(now.plus(VERY_LONG), 1).await?;
                ensure!(left.is_empty(), "a collection left {left:?} in the queue");
                return Ok(());
            }
        }
        bail!("after {PASSES} collections there is still something to collect")
    }

    /// Compares manifests, records and files with what can be reached from the tags.
    ///
    /// Nothing is left of pushes that were killed.
    pub(crate) async fn compare(&self, world: &World, tags: &[(Tag, Value)]) -> anyhow::Result<()> {
        let mut present = Vec::new();
        for (at, manifest) in world.manifests() {
            let (name, reference) = (REPOSITORIES[at].parse()?, manifest.digest.parse()?);
            if self.metadata.manifest(&name, &reference).await?.is_some() {
                present.push((at, manifest));
            }
        }
        require_reachable(tags, &present)?;
        let needed: BTreeSet<&String> = present.iter().flat_map(|(_, manifest)| &manifest.blobs).collect();
        let stored = self.stored_blobs()?;
        let lost = needed.iter().find(|blob| !stored.contains(**blob));
        ensure!(lost.is_none(), "a blob that is needed has no bytes: {lost:?}");
        let left = stored.iter().find(|blob| !needed.contains(blob));
        ensure!(left.is_none(), "bytes are left that nothing refers to: {left:?}");
        let mut findings = Vec::new();
        let inventory = DriverInventory::new(Arc::clone(&self.driver));
        let registry = self.registry();
        let mut fsck = registry.fsck(&inventory);
        while let Some(finding) = fsck.next_finding().await? {
            findings.push(finding);
        }
        let report = fsck.report();
        ensure!(findings.is_empty(), "database and storage differ: {findings:?}");
        ensure!(report.recorded == needed.len() as u64, "{} blobs are recorded of {}", report.recorded, needed.len());
        let uploads = fs::read_dir(self.root.join("docker/registry/v2/uploads"))?.count();
        ensure!(uploads == 0, "{uploads} files of uploads are left");
        Ok(())
    }

    /// Returns the blobs of which there are bytes, each of which must be what it is called.
    fn stored_blobs(&self) -> anyhow::Result<BTreeSet<String>> {
        let mut stored = BTreeSet::new();
        for first in fs::read_dir(self.root.join("docker/registry/v2/blobs/sha256"))? {
            for blob in fs::read_dir(first?.path())? {
                let blob = blob?;
                let data = blob.path().join("data");
                // The directory of a blob that is gone may stay.
                if !data.exists() {
                    continue;
                }
                let named = format!("sha256:{}", blob.file_name().to_string_lossy());
                ensure!(digest(&fs::read(&data)?) == named, "{} has other bytes", data.display());
                stored.insert(named);
            }
        }
        Ok(stored)
    }

    /// Collects against the rules for a second.
    pub(crate) async fn misbehave(directory: &Path, database: &str, fault: Fault) -> anyhow::Result<()> {
        let (stores, begun) = (Self::open(directory, database).await?, Instant::now());
        let mut behind = None;
        while begun.elapsed() < Duration::from_secs(1) {
            match fault {
                Fault::Early => {
                    let now = Timestamp::now().plus(LONG);
                    let reviewed = stores.metadata.condemn_blobs(now, now, 100).await?;
                    for blob in &reviewed.condemned {
                        stores.blobs.delete(&blob.location).await?;
                    }
                    stores.metadata.forget_blobs(&reviewed.condemned, &[]).await?;
                }
                Fault::Blind => {
                    // One after the other: a single one may be a blob that nobody asks for any more.
                    for blob in stores.metadata.recorded_blobs(behind.as_ref(), 1).await? {
                        stores.blobs.delete(&blob.location).await?;
                        behind = Some(blob.digest);
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

/// Requires that what a tag points to is present, with the children of indexes, and that nothing else is but what refers
/// to something present as its subject.
fn require_reachable(tags: &[(Tag, Value)], present: &[(usize, Manifest)]) -> anyhow::Result<()> {
    let mut ahead: Vec<(usize, String)> =
        tags.iter().filter_map(|(tag, value)| Some((tag.repository, value.clone()?))).collect();
    let mut reached = BTreeSet::new();
    while let Some((at, digest)) = ahead.pop() {
        if !reached.insert((at, digest.clone())) {
            continue;
        }
        let manifest = present.iter().find(|(found, manifest)| (*found, &manifest.digest) == (at, &digest));
        let (_, manifest) = manifest.with_context(|| format!("manifest {digest} is gone, but can be reached"))?;
        ahead.extend(manifest.children.iter().map(|child| (at, child.clone())));
        let referrers = present.iter().filter(|(found, other)| (*found, &other.subject) == (at, &Some(digest.clone())));
        ahead.extend(referrers.map(|(_, referrer)| (at, referrer.digest.clone())));
    }
    let left = present.iter().find(|(at, manifest)| !reached.contains(&(*at, manifest.digest.clone())));
    if let Some((at, manifest)) = left {
        let (name, bytes) = (REPOSITORIES[*at], String::from_utf8_lossy(&manifest.bytes));
        bail!("manifest {} is left in {name}, but cannot be reached from a tag: {bytes}", manifest.digest);
    }
    Ok(())
}
