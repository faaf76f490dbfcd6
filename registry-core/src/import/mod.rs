//! Taking over the storage of distribution, while it is served or before.
//!
//! distribution's storage says by [links](crate::store::links) what its repositories have. An [`Importer`] goes through them
//! and records it in the metadata; not a byte of a blob is moved or copied. What a repository has is adopted in an order
//! that respects references: a manifest after its blobs and its children, and tags last, so that whoever finds a tag finds
//! all of the image.
//!
//! ```text
//! repositories ─► of each: manifests (each: its blobs ─► its children ─► itself) ─► other blobs ─► tags ─► finished
//! ```
//!
//! Every step is a transaction of its own and can be repeated, so an import can be stopped anywhere and gone on with. What
//! clients push meanwhile stays as they pushed it. Until a repository is finished it is *open*: single things may be adopted
//! into it by whoever asks for them ([`Adopter`]). Afterwards the metadata alone count, so that what is deleted stays deleted.
//!
//! Images that a registry of the first version has left in the storage are made images of today before
//! ([`Importer::with_images`]).
//!
//! Whatever is damaged in the storage is [skipped](Skipped) and told of, and nothing else is held up by it.

mod adopter;
mod images;
mod problem;
mod scope;
mod stored;
mod walk;

use std::ops::AddAssign;
use std::sync::Arc;

pub(crate) use self::adopter::{Adopter, Failure};
pub use self::problem::{Problem, Skipped};
pub(crate) use self::scope::Scope;
use crate::protocol::reference::RepositoryName;
use crate::store::{ImageStore, LinkStore, MetadataStore, StoreResult, Timestamp};

/// How an import is to be done.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Leave out the repositories that an earlier import finished.
    pub resume: bool,
    /// Point tags where the storage says, also those that are there already.
    pub overwrite: bool,
    /// Read every blob, and adopt only those that have their digest. Without it that is done only where sizes differ.
    pub verify: bool,
    /// Only these repositories, if there are any. The import of the whole storage is not finished by it.
    pub repositories: Vec<RepositoryName>,
}

/// What an import has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Repositories that were gone through.
    pub repositories: u64,
    /// Repositories that were left out, because an earlier import finished them.
    pub left_out: u64,
    /// What they have.
    pub tally: Tally,
    /// Tags of a registry of the first version, whose images were made such of today.
    pub images: Counts,
    /// Things that were skipped.
    pub skipped: u64,
}

/// What was adopted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Manifests.
    pub manifests: Counts,
    /// Blobs, counted in each repository.
    pub blobs: Counts,
    /// Tags.
    pub tags: Counts,
    /// How many bytes the adopted blobs have.
    pub blob_bytes: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.manifests += other.manifests;
        self.blobs += other.blobs;
        self.tags += other.tags;
        self.blob_bytes += other.blob_bytes;
    }
}

/// How many things of one kind there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that were adopted, or would be.
    pub adopted: u64,
    /// Those that were there already.
    pub kept: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.adopted += other.adopted;
        self.kept += other.kept;
    }
}

/// Hears of an import while it runs.
pub trait ImportObserver: Send + Sync {
    /// A repository is finished, or some more of a large one is done.
    fn progress(&self, repository: &RepositoryName, report: &ImportReport);

    /// Something was skipped.
    fn skipped(&self, skipped: &Skipped);
}

/// Imports a storage. See the [module's text](self).
#[derive(Debug)]
pub struct Importer {
    adopter: Adopter,
    images: Option<Arc<dyn ImageStore>>,
    options: ImportOptions,
}

impl Importer {
    /// Imports what `links` say into `metadata`, which must be those of a registry over the same storage; or, without
    /// metadata, finds out what would be imported into empty ones, and writes nothing. Blobs that no manifest refers to, and
    /// manifests without a tag, may be collected after `review_after`.
    pub fn new(
        links: Arc<dyn LinkStore>,
        metadata: Option<Arc<dyn MetadataStore>>,
        review_after: Timestamp,
        options: ImportOptions,
    ) -> Self {
        let adopter = Adopter { links, metadata, review_after, overwrite: options.overwrite, verify: options.verify };
        Self { adopter, images: None, options }
    }

    /// Imports as well what a registry of the first version has left: its images are made such of today, with
    /// distribution's links, before these are gone through. Without metadata it is only found out whether they could be.
    #[must_use]
    pub fn with_images(self, images: Arc<dyn ImageStore>) -> Self {
        Self { images: Some(images), ..self }
    }

    /// Runs the import to its end. Dropping the future stops it; a later one with [`ImportOptions::resume`] goes on.
    ///
    /// # Errors
    /// That the storage cannot be listed or reached, or the metadata not be written to. All that was recorded stays.
    pub async fn run(&self, observer: &dyn ImportObserver) -> StoreResult<ImportReport> {
        walk::Walk::new(&self.adopter, &self.options, observer).run(self.images.as_deref()).await
    }
}

/// Imports one repository into which things are adopted, unless that was done. What is skipped is logged.
pub(crate) async fn import_repository(adopter: &Adopter, name: &RepositoryName) -> StoreResult<()> {
    let options = ImportOptions { resume: true, ..ImportOptions::default() };
    walk::Walk::new(adopter, &options, &SkippedToLog).repository(name).await
}

/// Tells only of what is skipped.
struct SkippedToLog;

impl ImportObserver for SkippedToLog {
    fn progress(&self, _: &RepositoryName, _: &ImportReport) {}

    fn skipped(&self, skipped: &Skipped) {
        tracing::warn!(%skipped, "damaged in the storage, and not adopted");
    }
}
