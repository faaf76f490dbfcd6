//! Comparing the database with the storage.
//!
//! Both list their blobs in the order of the digests, so one walk along both finds what only one of them has, in memory
//! that is bounded by a page of each. While clients push and garbage is collected, a list is old when its end is
//! reached: whatever looks wrong is asked for once more before it is told. Where distribution's links are written, they
//! are compared as well, after the blobs.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::Registry;
use super::link_walk::{LinkWalk, MissingLink};
use crate::protocol::digest::Digest;
use crate::store::inventory::{BlobInventory, BlobState, RecordedBlob, StoredFile};
use crate::store::{BlobLocation, MetadataStore, StoreResult};

/// How many blobs are listed at a time.
const PAGE: usize = 1000;
/// How many files are gathered that no blob has, before it is asked which of them are manifests.
const STRAYS: usize = 500;

/// Something that the database and the storage do not agree upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The database records a blob whose bytes are not there.
    Missing(RecordedBlob),
    /// The database records another size than the bytes have.
    WrongSize {
        /// What the database records.
        blob: RecordedBlob,
        /// How long the file is.
        stored_bytes: u64,
    },
    /// The blob's bytes were found damaged or missing before, and it waits for a push of the same content.
    Quarantined(RecordedBlob),
    /// The storage has bytes that the database does not know.
    Unknown(StoredFile),
    /// The storage lacks a link that distribution would need.
    MissingLink(MissingLink),
}

/// How much was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FsckReport {
    /// Blobs that the database records.
    pub recorded: u64,
    /// Their sizes in bytes.
    pub recorded_bytes: u64,
    /// Files among the blobs in the storage.
    pub stored: u64,
    /// Their sizes in bytes.
    pub stored_bytes: u64,
    /// Blobs whose bytes are missing.
    pub missing: u64,
    /// Blobs whose bytes have another size.
    pub wrong_size: u64,
    /// Blobs that were found damaged or missing before.
    pub quarantined: u64,
    /// Files that the database does not know.
    pub unknown: u64,
    /// Their sizes in bytes.
    pub unknown_bytes: u64,
    /// Links that have to be there.
    pub links: u64,
    /// Those that are not.
    pub missing_links: u64,
}

impl FsckReport {
    /// Tells whether database and storage agree.
    pub const fn is_clean(&self) -> bool {
        let Self { missing, wrong_size, quarantined, unknown, missing_links, .. } = *self;
        missing == 0 && wrong_size == 0 && quarantined == 0 && unknown == 0 && missing_links == 0
    }
}

/// A comparison under way. It changes nothing, and may be dropped at any point.
#[derive(Debug)]
pub struct Fsck<'a> {
    metadata: &'a dyn MetadataStore,
    inventory: &'a dyn BlobInventory,
    recorded: VecDeque<RecordedBlob>,
    last_record: Option<Digest>,
    records_end: bool,
    stored: VecDeque<StoredFile>,
    last_file: Option<BlobLocation>,
    files_end: bool,
    /// Files that no blob has, and that may be manifests.
    strays: Vec<StoredFile>,
    /// Where links are written.
    links: Option<LinkWalk<'a>>,
    found: VecDeque<Finding>,
    report: FsckReport,
}

impl Registry {
    /// Begins to compare the blobs that are recorded with the files that are stored, and then the links if any are written.
    pub fn fsck<'a>(&'a self, inventory: &'a dyn BlobInventory) -> Fsck<'a> {
        Fsck { links: LinkWalk::new(self), ..self.compare_files(inventory) }
    }

    /// Begins to compare the blobs that are recorded with the files that are stored, and nothing else.
    pub(crate) fn compare_files<'a>(&'a self, inventory: &'a dyn BlobInventory) -> Fsck<'a> {
        Fsck {
            metadata: &*self.metadata,
            inventory,
            recorded: VecDeque::new(),
            last_record: None,
            records_end: false,
            stored: VecDeque::new(),
            last_file: None,
            files_end: false,
            strays: Vec::new(),
            links: None,
            found: VecDeque::new(),
            report: FsckReport::default(),
        }
    }
}

impl Fsck<'_> {
    /// Goes on to the next difference; `None` at the end.
    ///
    /// # Errors
    /// What the first store says that fails; what was told before holds.
    pub async fn next_finding(&mut self) -> StoreResult<Option<Finding>> {
        while self.found.is_empty() {
            let goes_on = self.step().await?;
            if self.strays.len() >= STRAYS || !goes_on {
                self.judge_strays().await?;
            }
            if !goes_on && self.found.is_empty() && !self.step_links().await? {
                break;
            }
        }
        Ok(self.found.pop_front())
    }

    /// Tells how much was compared so far.
    pub fn report(&self) -> FsckReport {
        self.report
    }

    /// Goes one step further, and returns whether it was not the last.
    async fn step(&mut self) -> StoreResult<bool> {
        self.fill().await?;
        let (first_record, first_file) = (self.recorded.front(), self.stored.front());
        // A file that is out of place has no digest, and so comes before every record.
        let order = match (first_record, first_file) {
            (None, None) => return Ok(false),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(blob), Some(file)) => Some(blob.digest).cmp(&file.digest),
        };
        let is_right = first_record.zip(first_file).is_some_and(|(blob, file)| {
            (&blob.location, blob.size_bytes, blob.state) == (&file.location, file.size_bytes, BlobState::Served)
        });
        let blob = if order.is_le() { self.recorded.pop_front() } else { None };
        let file = if order.is_ge() { self.stored.pop_front() } else { None };
        if let Some(blob) = &blob {
            self.report.recorded += 1;
            self.report.recorded_bytes += blob.size_bytes;
        }
        if let Some(file) = &file {
            self.report.stored += 1;
            self.report.stored_bytes += file.size_bytes;
        }
        if is_right && order.is_eq() {
            return Ok(true);
        }
        if let Some(blob) = blob {
            self.judge_record(blob).await?;
        }
        if let Some(file) = file {
            self.judge_file(file).await?;
        }
        Ok(true)
    }

    /// Goes on with the links, and returns whether there were more.
    async fn step_links(&mut self) -> StoreResult<bool> {
        let Some(links) = &mut self.links else { return Ok(false) };
        let Some((looked_at, missing)) = links.step().await? else { return Ok(false) };
        self.report.links += looked_at as u64;
        self.report.missing_links += missing.len() as u64;
        self.found.extend(missing.into_iter().map(Finding::MissingLink));
        Ok(true)
    }

    async fn fill(&mut self) -> StoreResult<()> {
        if self.recorded.is_empty() && !self.records_end {
            let page = self.metadata.recorded_blobs(self.last_record.as_ref(), PAGE).await?;
            self.records_end = page.len() < PAGE;
            self.last_record = page.last().map(|blob| blob.digest);
            self.recorded = page.into();
        }
        if self.stored.is_empty() && !self.files_end {
            let page = self.inventory.stored_files(self.last_file.as_ref(), PAGE).await?;
            self.files_end = !page.more;
            self.last_file = page.items.last().map(|file| file.location.clone());
            self.stored = page.items.into();
        }
        Ok(())
    }

    /// Asks once more for a blob whose file is not where the lists have it.
    async fn judge_record(&mut self, blob: RecordedBlob) -> StoreResult<()> {
        let size = match blob.state {
            BlobState::Condemned => return Ok(()),
            BlobState::Quarantined => None,
            BlobState::Served => self.inventory.stored_size(&blob.location).await?,
        };
        if size == Some(blob.size_bytes) || self.metadata.recorded_blob(&blob.digest).await?.as_ref() != Some(&blob) {
            return Ok(());
        }
        self.found.push_back(match size {
            _ if blob.state == BlobState::Quarantined => {
                self.report.quarantined += 1;
                Finding::Quarantined(blob)
            }
            None => {
                self.report.missing += 1;
                Finding::Missing(blob)
            }
            Some(stored_bytes) => {
                self.report.wrong_size += 1;
                Finding::WrongSize { blob, stored_bytes }
            }
        });
        Ok(())
    }

    /// Asks once more for a file that the list of records does not have.
    async fn judge_file(&mut self, file: StoredFile) -> StoreResult<()> {
        let record = match &file.digest {
            Some(digest) => self.metadata.recorded_blob(digest).await?,
            None => None,
        };
        // A blob whose bytes are elsewhere is about to get them here, or has done so just now.
        if record.is_none() && self.inventory.stored_size(&file.location).await?.is_some() {
            self.strays.push(file);
        }
        Ok(())
    }

    /// Tells of the files that are not manifests either: distribution keeps those among the blobs.
    async fn judge_strays(&mut self) -> StoreResult<()> {
        let digests: Vec<Digest> = self.strays.iter().filter_map(|file| file.digest).collect();
        let manifests = match digests.is_empty() {
            true => Vec::new(),
            false => self.metadata.manifests_among(&digests).await?,
        };
        for file in std::mem::take(&mut self.strays) {
            if file.digest.is_some_and(|digest| manifests.contains(&digest)) {
                continue;
            }
            self.report.unknown += 1;
            self.report.unknown_bytes += file.size_bytes;
            self.found.push_back(Finding::Unknown(file));
        }
        Ok(())
    }
}
