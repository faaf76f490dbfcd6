//! Moving a whole storage to another one: every blob in its place, the links, and the snapshots of the database.
//!
//! Both storages list their blobs in the order of the digests, so one walk along both finds what the second lacks. What is
//! there with the right size is not copied again: only what has its digest ever gets to a blob's place. So a copy that was cut
//! short goes on where it was, and what was pushed meanwhile comes with the next.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::stream::FuturesUnordered;
use futures::{StreamExt, TryStreamExt};

use super::links::LINKS_AT_ONCE;
use super::snapshot::copy_snapshots;
use super::transfer::{put_in_place, verified};
use crate::protocol::digest::Digest;
use crate::protocol::reference::RepositoryName;
use crate::store::inventory::{BlobInventory, StoredFile};
use crate::store::links::{Link, LinkKind, LinkPage, LinkStore};
use crate::store::snapshot::SnapshotStore;
use crate::store::{BlobLocation, BlobStore, StoreError, StoreErrorKind, StoreResult};

/// How much is listed at a time.
const PAGE: usize = 1000;

/// All that is looked at of a storage that is copied, or written in the one that it is copied to.
#[derive(Debug, Clone)]
pub struct CopiedStorage {
    /// What writes blobs.
    pub blobs: Arc<dyn BlobStore>,
    /// The files among the blobs.
    pub inventory: Arc<dyn BlobInventory>,
    /// distribution's links.
    pub links: Arc<dyn LinkStore>,
    /// Copies of the database.
    pub snapshots: Arc<dyn SnapshotStore>,
}

/// How to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyOptions {
    /// How many blobs are copied at the same time, at least 1.
    pub parallelism: usize,
    /// Whether blobs that are there already are read, and copied again unless they have their digest.
    pub verify: bool,
}

/// What was copied, and what was there before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CopyReport {
    /// Blobs that were copied.
    pub copied: u64,
    /// Their sizes in bytes.
    pub copied_bytes: u64,
    /// Blobs that were there.
    pub present: u64,
    /// Their sizes in bytes.
    pub present_bytes: u64,
    /// Blobs that do not have their digest, and were not copied.
    pub damaged: u64,
    /// Files among the blobs that are out of place, and were not copied.
    pub out_of_place: u64,
    /// Links that were written or removed.
    pub links: u64,
    /// Snapshots of the database that were copied.
    pub snapshots: u64,
}

/// Hears of what a copy does.
pub trait CopyObserver: Send {
    /// Something was copied, or found to be there.
    fn progress(&mut self, report: &CopyReport);

    /// A blob is damaged, and was not copied.
    fn damaged(&mut self, digest: &Digest, error: &StoreError);
}

/// Copies all of a storage that a registry needs to another. Clients may push and delete meanwhile. Uploads that are not
/// finished, blobs that are not in their places, and what is in quarantine are left out, and so is the identity. What the other
/// storage has besides stays, apart from links.
///
/// May be dropped at any point. A later copy goes on.
///
/// # Errors
/// What the first store says that fails, unless it is that a blob is damaged.
pub async fn copy_storage(
    from: &CopiedStorage,
    to: &CopiedStorage,
    options: CopyOptions,
    observer: &mut dyn CopyObserver,
) -> StoreResult<CopyReport> {
    let mut report = CopyReport::default();
    copy_blobs(from, to, options, &mut report, observer).await?;
    report.links += write_links(&*from.links, &*to.links).await?;
    report.links += remove_links(&*from.links, &*to.links).await?;
    observer.progress(&report);
    report.snapshots = copy_snapshots(&*from.snapshots, &*to.snapshots).await?;
    observer.progress(&report);
    Ok(report)
}

async fn copy_blobs(
    from: &CopiedStorage,
    to: &CopiedStorage,
    options: CopyOptions,
    report: &mut CopyReport,
    observer: &mut dyn CopyObserver,
) -> StoreResult<()> {
    let (mut wanted, mut there) = (Listing::new(&*from.inventory), Listing::new(&*to.inventory));
    let mut copying = FuturesUnordered::new();
    while let Some(file) = wanted.next().await? {
        let Some(digest) = file.digest else {
            report.out_of_place += 1;
            continue;
        };
        let known_bytes = there.size_of(&digest).await?;
        let is_there = known_bytes == Some(file.size_bytes);
        copying.push(copy_blob(from, to, file, digest, is_there, options.verify));
        if copying.len() >= options.parallelism.max(1)
            && let Some(done) = copying.next().await
        {
            count(done?, report, observer);
        }
    }
    while let Some(done) = copying.next().await {
        count(done?, report, observer);
    }
    Ok(())
}

/// What became of a blob.
enum Outcome {
    Copied(u64),
    Present(u64),
    Damaged(Digest, StoreError),
    /// It was collected meanwhile.
    Gone,
}

async fn copy_blob(
    from: &CopiedStorage,
    to: &CopiedStorage,
    file: StoredFile,
    digest: Digest,
    is_there: bool,
    verify: bool,
) -> StoreResult<Outcome> {
    let size_bytes = file.size_bytes;
    if is_there && (!verify || is_whole(&*to.inventory, &to.blobs.place(&digest), digest, size_bytes).await?) {
        return Ok(Outcome::Present(size_bytes));
    }
    let copied = async {
        let content = from.inventory.read_stored(&file.location, size_bytes).await?;
        put_in_place(&*to.blobs, &digest, verified(content, digest)).await
    };
    match copied.await {
        Ok(()) => Ok(Outcome::Copied(size_bytes)),
        Err(error) if error.kind() == StoreErrorKind::Corrupt => Ok(Outcome::Damaged(digest, error)),
        Err(error) if error.kind() == StoreErrorKind::NotFound => {
            match from.inventory.stored_size(&file.location).await? {
                Some(_) => Err(error),
                None => Ok(Outcome::Gone),
            }
        }
        Err(error) => Err(error),
    }
}

/// Reads a blob, and tells whether it has its digest.
async fn is_whole(
    inventory: &dyn BlobInventory,
    location: &BlobLocation,
    digest: Digest,
    size_bytes: u64,
) -> StoreResult<bool> {
    let read = async {
        let mut content = verified(inventory.read_stored(location, size_bytes).await?, digest);
        while content.try_next().await?.is_some() {}
        StoreResult::Ok(())
    };
    match read.await {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind(), StoreErrorKind::Corrupt | StoreErrorKind::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}

fn count(done: Outcome, report: &mut CopyReport, observer: &mut dyn CopyObserver) {
    match done {
        Outcome::Copied(size_bytes) => {
            report.copied += 1;
            report.copied_bytes += size_bytes;
        }
        Outcome::Present(size_bytes) => {
            report.present += 1;
            report.present_bytes += size_bytes;
        }
        Outcome::Damaged(digest, error) => {
            report.damaged += 1;
            observer.damaged(&digest, &error);
        }
        Outcome::Gone => {}
    }
    observer.progress(report);
}

/// The files of a storage, one after the other.
struct Listing<'a> {
    inventory: &'a dyn BlobInventory,
    page: VecDeque<StoredFile>,
    last: Option<BlobLocation>,
    more: bool,
}

impl<'a> Listing<'a> {
    fn new(inventory: &'a dyn BlobInventory) -> Self {
        Self { inventory, page: VecDeque::new(), last: None, more: true }
    }

    async fn fill(&mut self) -> StoreResult<()> {
        while self.page.is_empty() && self.more {
            let page = self.inventory.stored_files(self.last.as_ref(), PAGE).await?;
            self.more = page.more;
            if let Some(last) = page.items.last() {
                self.last = Some(last.location.clone());
            }
            self.page = page.items.into();
        }
        Ok(())
    }

    async fn next(&mut self) -> StoreResult<Option<StoredFile>> {
        self.fill().await?;
        Ok(self.page.pop_front())
    }

    /// Goes on to a blob, and returns how long it is if it is there. Blobs have to be asked for in their order.
    async fn size_of(&mut self, digest: &Digest) -> StoreResult<Option<u64>> {
        loop {
            self.fill().await?;
            match self.page.front() {
                Some(file) if file.digest.is_none_or(|found| found < *digest) => {
                    self.page.pop_front();
                }
                Some(file) if file.digest == Some(*digest) => return Ok(Some(file.size_bytes)),
                _ => return Ok(None),
            }
        }
    }
}

/// Has every link of one storage point to the same in the other. Returns how many did not.
async fn write_links(from: &dyn LinkStore, to: &dyn LinkStore) -> StoreResult<u64> {
    each_link(from, async |repository: &RepositoryName, link: &Link| {
        let Some(target) = readable(from.follow(repository, link).await)? else { return Ok(false) };
        if readable(to.follow(repository, link).await)? == Some(target) {
            return Ok(false);
        }
        to.set(repository, link, &target).await?;
        Ok(true)
    })
    .await
}

/// Removes every link of the second storage that the first does not have. Returns how many there were.
async fn remove_links(from: &dyn LinkStore, to: &dyn LinkStore) -> StoreResult<u64> {
    each_link(to, async |repository: &RepositoryName, link: &Link| {
        let is_stale = from.follow(repository, link).await?.is_none();
        if is_stale {
            to.remove(repository, link).await?;
        }
        Ok(is_stale)
    })
    .await
}

/// Does something with every link of a storage, some at a time, and counts those for which that returns `true`.
async fn each_link(
    links: &dyn LinkStore,
    each: impl AsyncFn(&RepositoryName, &Link) -> StoreResult<bool>,
) -> StoreResult<u64> {
    let (mut counted, mut after) = (0, None);
    loop {
        let repositories: LinkPage<RepositoryName> = links.repositories(after.as_ref(), PAGE).await?;
        for repository in &repositories.items {
            for kind in [LinkKind::Blob, LinkKind::Manifest, LinkKind::Tag] {
                let mut after = None;
                loop {
                    let page = links.links(repository, kind, after.as_ref(), PAGE).await?;
                    let done = page.items.iter().map(|link| each(repository, link));
                    let done: Vec<bool> =
                        futures::stream::iter(done).buffer_unordered(LINKS_AT_ONCE).try_collect().await?;
                    counted += done.into_iter().filter(|is_counted| *is_counted).count() as u64;
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
            }
        }
        after = repositories.next;
        if after.is_none() {
            return Ok(counted);
        }
    }
}

/// Takes a link that has no digest in it for none.
fn readable(found: StoreResult<Option<Digest>>) -> StoreResult<Option<Digest>> {
    match found {
        Err(error) if error.kind() == StoreErrorKind::Corrupt => Ok(None),
        found => found,
    }
}
