//! Comparing the database with the storage.
//!
//! Both list their blobs in the order of the digests, so one walk along both finds what only one of them has, in memory
//! that is bounded by a page of each. While clients push and garbage is collected, a list is old when its end is
//! reached: whatever looks wrong is asked for once more before it is told.

use std::cmp::Ordering;
use std::collections::VecDeque;

use crate::protocol::digest::Digest;
use crate::store::inventory::{BlobInventory, BlobRecordStore, RecordedBlob, StoredFile};
use crate::store::{BlobLocation, StoreResult};

/// How many blobs are listed at a time.
const PAGE: usize = 1000;

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
    /// The storage has bytes that the database does not know.
    Unknown {
        /// Where they are.
        location: BlobLocation,
        /// The blob that they are by their name, or `None` if the file is out of place.
        digest: Option<Digest>,
        /// How many there are.
        size_bytes: u64,
    },
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
    /// Files that the database does not know.
    pub unknown: u64,
    /// Their sizes in bytes.
    pub unknown_bytes: u64,
}

impl FsckReport {
    /// Tells whether database and storage agree.
    pub const fn is_clean(&self) -> bool {
        self.missing == 0 && self.wrong_size == 0 && self.unknown == 0
    }
}

/// Compares the blobs that are recorded with the files that are stored, and tells every difference. Changes nothing.
///
/// # Errors
/// What the first store says that fails; what was told before holds.
pub async fn fsck(
    records: &dyn BlobRecordStore,
    inventory: &dyn BlobInventory,
    mut tell: impl FnMut(Finding),
) -> StoreResult<FsckReport> {
    let mut walk = Walk {
        records,
        inventory,
        recorded: VecDeque::new(),
        last_record: None,
        records_end: false,
        stored: VecDeque::new(),
        last_file: None,
        files_end: false,
        report: FsckReport::default(),
    };
    while let Some(findings) = walk.step().await? {
        findings.into_iter().flatten().for_each(&mut tell);
    }
    Ok(walk.report)
}

struct Walk<'a> {
    records: &'a dyn BlobRecordStore,
    inventory: &'a dyn BlobInventory,
    recorded: VecDeque<RecordedBlob>,
    last_record: Option<Digest>,
    records_end: bool,
    stored: VecDeque<StoredFile>,
    last_file: Option<BlobLocation>,
    files_end: bool,
    report: FsckReport,
}

impl Walk<'_> {
    /// Goes one step further, and returns what is wrong there with a record and with a file; `None` at the end.
    async fn step(&mut self) -> StoreResult<Option<[Option<Finding>; 2]>> {
        self.fill().await?;
        let (first_record, first_file) = (self.recorded.front(), self.stored.front());
        // A file that is out of place has no digest, and so comes before every record.
        let order = match (first_record, first_file) {
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(blob), Some(file)) => Some(blob.digest).cmp(&file.digest),
        };
        let is_right = first_record
            .zip(first_file)
            .is_some_and(|(blob, file)| (&blob.location, blob.size_bytes) == (&file.location, file.size_bytes));
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
            return Ok(Some([None, None]));
        }
        let of_blob = match blob {
            Some(blob) => self.judge_record(blob).await?,
            None => None,
        };
        let of_file = match file {
            Some(file) => self.judge_file(file).await?,
            None => None,
        };
        Ok(Some([of_blob, of_file]))
    }

    async fn fill(&mut self) -> StoreResult<()> {
        if self.recorded.is_empty() && !self.records_end {
            let page = self.records.recorded_blobs(self.last_record.as_ref(), PAGE).await?;
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
    async fn judge_record(&mut self, blob: RecordedBlob) -> StoreResult<Option<Finding>> {
        if !blob.is_served {
            return Ok(None);
        }
        let size = self.inventory.stored_size(&blob.location).await?;
        if size == Some(blob.size_bytes) || self.records.recorded_blob(&blob.digest).await?.as_ref() != Some(&blob) {
            return Ok(None);
        }
        Ok(Some(match size {
            None => {
                self.report.missing += 1;
                Finding::Missing(blob)
            }
            Some(stored_bytes) => {
                self.report.wrong_size += 1;
                Finding::WrongSize { blob, stored_bytes }
            }
        }))
    }

    /// Asks once more for a file that the list of records does not have.
    async fn judge_file(&mut self, file: StoredFile) -> StoreResult<Option<Finding>> {
        let StoredFile { location, digest, size_bytes } = file;
        let record = match &digest {
            Some(digest) => self.records.recorded_blob(digest).await?,
            None => None,
        };
        let is_known = record.is_some_and(|blob| blob.location == location);
        if is_known || self.inventory.stored_size(&location).await?.is_none() {
            return Ok(None);
        }
        self.report.unknown += 1;
        self.report.unknown_bytes += size_bytes;
        Ok(Some(Finding::Unknown { location, digest, size_bytes }))
    }
}
