//! Reading everything that is stored, to find what a disk has damaged before somebody needs it.
//!
//! Blobs come in the order of their digests, then manifests. How far a scrub is stands in the metadata, so that one that was
//! cut short can be gone on with, by any process. Of two at once the one that began later goes on; the other ends with its
//! next note.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};
use serde::{Deserialize, Serialize};

use super::Registry;
use super::quarantine::{Damage, Quarantine, examine};
use super::repair::RepairStores;
use crate::protocol::digest::Digest;
use crate::protocol::reference::RepositoryName;
use crate::store::inventory::{BlobInventory, BlobState, RecordedBlob};
use crate::store::{StoreError, StoreErrorKind, StoreResult, Timestamp};

/// The name of the setting that says how far a scrub is.
const SETTING: &str = "scrub";
/// How many blobs are listed at a time.
const BLOBS: usize = 100;
/// How many manifests are read at a time: up to 64 MiB.
const MANIFESTS: usize = 16;

/// How to scrub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScrubOptions {
    /// Whether to go on where an earlier scrub was cut short, if one was. Otherwise it begins afresh.
    pub resume: bool,
    /// How many blobs are read at the same time, at least 1.
    pub parallelism: usize,
    /// How often it is noted how far the scrub is; what was read since is read again by one that goes on.
    pub note_every: Duration,
}

/// Something that a scrub found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScrubFinding {
    /// A blob is damaged, and quarantined now.
    Damaged {
        /// The blob.
        blob: RecordedBlob,
        /// What is wrong with it.
        damage: Damage,
        /// What became of its bytes.
        quarantine: Quarantine,
    },
    /// A blob was quarantined before, and is still damaged.
    Quarantined {
        /// The blob.
        blob: RecordedBlob,
        /// What is wrong with it.
        damage: Damage,
    },
    /// A blob was quarantined before, is whole, and served again.
    Released(RecordedBlob),
    /// A manifest in the database is damaged. It is not served, and a push of it repairs it.
    Manifest(RepositoryName, Digest),
}

impl ScrubFinding {
    /// Names it as reports and metrics do.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Damaged { damage, .. } => damage.name(),
            Self::Quarantined { .. } => "quarantined",
            Self::Released(_) => "released",
            Self::Manifest(..) => "manifest",
        }
    }
}

/// What was scrubbed, also before it was cut short and gone on with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrubReport {
    /// Blobs that were read.
    pub blobs: u64,
    /// Manifests that were read.
    pub manifests: u64,
    /// The bytes of both, as they are recorded.
    pub bytes: u64,
    /// Blobs that are damaged, and quarantined now.
    pub damaged_blobs: u64,
    /// Blobs that were quarantined before, and are still damaged.
    pub quarantined_blobs: u64,
    /// Blobs that were quarantined before, and are served again.
    pub released_blobs: u64,
    /// Manifests that are damaged.
    pub damaged_manifests: u64,
}

impl ScrubReport {
    /// Tells whether all that was read is whole.
    pub const fn is_clean(&self) -> bool {
        self.damaged_blobs == 0 && self.quarantined_blobs == 0 && self.damaged_manifests == 0
    }
}

/// Hears of what a scrub does.
pub trait ScrubObserver: Send {
    /// Something was found, once.
    fn found(&mut self, finding: &ScrubFinding);

    /// Says how far the scrub is: at first where it begins, and then whenever something more was read.
    fn progress(&mut self, report: &ScrubReport);
}

/// How far a scrub is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// When it began, in microseconds; tells it from others.
    began_at: i64,
    finished: bool,
    /// The last blob that was read, of those before it all.
    blob: Option<String>,
    /// Whether all blobs were read.
    blobs_end: bool,
    /// The cursor of the last manifest.
    manifest: u64,
    report: ScrubReport,
}

/// A scrub's place in the settings.
struct Notes {
    noted: String,
    noted_at: Instant,
    every: Duration,
}

impl Registry {
    /// Tells whether it is time to scrub, where that is to begin once in every `interval`: the last scrub began as long ago as
    /// that, or has not come to its end. Whether somebody is at it is not looked at.
    ///
    /// # Errors
    /// Whatever the metadata say.
    pub async fn is_scrub_due(&self, interval: Duration, now: Timestamp) -> StoreResult<bool> {
        let noted = self.metadata.setting(SETTING).await?;
        let Some(position) = noted.as_deref().and_then(read) else { return Ok(true) };
        let began = Timestamp::from_micros(position.began_at);
        // One that begins long after now was noted by a clock that was wrong.
        Ok(!position.finished || began.plus(interval) <= now || now.plus(interval) < began)
    }

    /// Reads every blob and every manifest, and quarantines blobs that are damaged. Needs memory for a few pieces of a megabyte,
    /// or for 16 manifests.
    ///
    /// May be dropped at any point. What it has found holds then, and another one can [go on](ScrubOptions::resume).
    ///
    /// # Errors
    /// `Conflict` if another scrub began meanwhile; `Unavailable` if a blob is missing because the storage is not the one
    /// that the database belongs to; whatever the stores say.
    pub async fn scrub(
        &self,
        stores: RepairStores<'_>,
        options: ScrubOptions,
        observer: &mut dyn ScrubObserver,
    ) -> StoreResult<ScrubReport> {
        let (mut position, mut notes) = self.begin_scrub(options).await?;
        observer.progress(&position.report);
        while !position.blobs_end {
            let after = position.blob.as_deref().and_then(|digest| digest.parse().ok());
            let page = self.metadata.recorded_blobs(after.as_ref(), BLOBS).await?;
            let is_last = page.len() < BLOBS;
            let mut examined = pin!(examine_all(stores.inventory, page, options.parallelism));
            while let Some((blob, damage)) = examined.next().await {
                position.report.blobs += 1;
                position.report.bytes += blob.size_bytes;
                position.blob = Some(blob.digest.to_string());
                if let Some(finding) = self.judge(stores, blob, damage?, &mut position.report).await? {
                    observer.found(&finding);
                }
                observer.progress(&position.report);
                self.note(&mut notes, &position, false).await?;
            }
            // Not before: what is noted in the middle of a page is gone on with there.
            position.blobs_end = is_last;
        }
        loop {
            let page = self.metadata.recorded_manifests(position.manifest, MANIFESTS).await?;
            let is_last = page.len() < MANIFESTS;
            for manifest in page {
                position.manifest = manifest.cursor;
                position.report.manifests += 1;
                position.report.bytes += manifest.payload.len() as u64;
                if Digest::of(manifest.digest.algorithm(), &manifest.payload) != manifest.digest {
                    position.report.damaged_manifests += 1;
                    tracing::error!(repository = %manifest.repository, digest = %manifest.digest, "a manifest is damaged");
                    observer.found(&ScrubFinding::Manifest(manifest.repository, manifest.digest));
                }
            }
            observer.progress(&position.report);
            position.finished = is_last;
            self.note(&mut notes, &position, is_last).await?;
            if is_last {
                return Ok(position.report);
            }
        }
    }

    pub(super) async fn judge(
        &self,
        stores: RepairStores<'_>,
        blob: RecordedBlob,
        damage: Option<Damage>,
        report: &mut ScrubReport,
    ) -> StoreResult<Option<ScrubFinding>> {
        let is_quarantined = blob.state == BlobState::Quarantined;
        Ok(match damage {
            None if is_quarantined => self.release_quarantined(&blob).await?.then(|| {
                report.released_blobs += 1;
                ScrubFinding::Released(blob)
            }),
            None => None,
            Some(damage) if is_quarantined => {
                report.quarantined_blobs += 1;
                Some(ScrubFinding::Quarantined { blob, damage })
            }
            Some(damage) => {
                if damage == Damage::Missing {
                    self.ensure_storage_is_there(stores.identity).await?;
                }
                self.quarantine(&blob, damage).await?.map(|quarantine| {
                    report.damaged_blobs += 1;
                    ScrubFinding::Damaged { blob, damage, quarantine }
                })
            }
        })
    }

    async fn begin_scrub(&self, options: ScrubOptions) -> StoreResult<(Position, Notes)> {
        let noted = self.metadata.setting(SETTING).await?;
        let earlier = noted.as_deref().and_then(read);
        let earlier = earlier.filter(|position| options.resume && !position.finished);
        let position = Position { began_at: Timestamp::now().as_micros(), ..earlier.unwrap_or_default() };
        let text = to_text(&position)?;
        if !self.metadata.exchange_setting(SETTING, noted.as_deref(), &text).await? {
            return Err(overtaken());
        }
        Ok((position, Notes { noted: text, noted_at: Instant::now(), every: options.note_every }))
    }

    /// Notes how far the scrub is, from time to time or `now`.
    async fn note(&self, notes: &mut Notes, position: &Position, now: bool) -> StoreResult<()> {
        if !now && notes.noted_at.elapsed() < notes.every {
            return Ok(());
        }
        let text = to_text(position)?;
        if !self.metadata.exchange_setting(SETTING, Some(&notes.noted), &text).await? {
            return Err(overtaken());
        }
        *notes = Notes { noted: text, noted_at: Instant::now(), every: notes.every };
        Ok(())
    }
}

/// Reads blobs, so many at a time, and tells what is wrong with each, in their order. Those that are being deleted are left out.
pub(super) fn examine_all(
    inventory: &dyn BlobInventory,
    blobs: Vec<RecordedBlob>,
    parallelism: usize,
) -> impl Stream<Item = (RecordedBlob, StoreResult<Option<Damage>>)> {
    let examined = blobs.into_iter().filter(|blob| blob.state != BlobState::Condemned).map(async move |blob| {
        let damage = examine(inventory, &blob).await;
        (blob, damage)
    });
    futures::stream::iter(examined).buffered(parallelism.max(1))
}

fn read(noted: &str) -> Option<Position> {
    serde_json::from_str(noted).ok()
}

fn to_text(position: &Position) -> StoreResult<String> {
    let failed = |error| StoreError::with_source(StoreErrorKind::Other, "noting how far the scrub is", error);
    serde_json::to_string(position).map_err(failed)
}

fn overtaken() -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, "another scrub began meanwhile, and goes on instead of this one")
}
