//! Metadata in memory: for registries that end with their process, and the model that every database is compared with.
//!
//! One lock around plain maps. Every method takes it once, so that every method is atomic; nothing awaits inside.

mod blob;
mod displaced;
mod gc;
mod history;
mod import;
mod manifest;
mod record;
mod removal;
mod replication;
mod repository;
mod review;
mod setting;
mod upload;
mod usage;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::replication::Replicated;
use crate::protocol::digest::Digest;
use crate::protocol::reference::{RepositoryName, Tag};
use crate::store::BlobLocation;
use crate::store::displaced::Displacement;
use crate::store::gc::BlobHolds;
use crate::store::history::PastTag;
use crate::store::inventory::BlobState;
use crate::store::metadata::{ManifestRecord, ReviewSubject, UploadRecord};
use crate::store::{ClaimToken, Timestamp, UploadId};

/// Keeps metadata in memory, with every guarantee of [`MetadataStore`](crate::store::MetadataStore) but durability.
#[derive(Debug, Default)]
pub struct MemoryMetadataStore {
    tables: Mutex<Tables>,
    holds: BlobHolds,
}

impl MemoryMetadataStore {
    /// Makes a store that has nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // No method can panic between two changes that belong together.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Tables {
    repositories: BTreeMap<RepositoryName, Repository>,
    blobs: BTreeMap<Digest, Blob>,
    uploads: BTreeMap<UploadId, Upload>,
    reviews: BTreeMap<ReviewSubject, Queued>,
    displaced: BTreeMap<BlobLocation, Displaced>,
    replicated: BTreeMap<Digest, Replicated>,
    import: Import,
    settings: BTreeMap<String, String>,
    /// All that ever had a manifest.
    namespaces: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Repository {
    blobs: BTreeSet<Digest>,
    manifests: BTreeMap<Digest, Manifest>,
    tags: BTreeMap<Tag, Target>,
    /// What ended last stands last.
    history: Vec<PastTag>,
}

/// What a tag points to.
#[derive(Debug, Clone, Copy)]
struct Target {
    digest: Digest,
    updated_at: Timestamp,
}

#[derive(Debug)]
struct Blob {
    size_bytes: u64,
    location: BlobLocation,
    state: BlobState,
    changed_at: Timestamp,
}

impl Blob {
    /// A blob whose bytes were just put in place, or are believed to be there.
    fn new(size_bytes: u64, location: &BlobLocation) -> Self {
        Self { size_bytes, location: location.clone(), state: BlobState::Served, changed_at: Timestamp::now() }
    }

    /// Notes a change now, or a moment after the last one if the clock does not tell the two apart.
    fn touch(&mut self) {
        self.changed_at = Timestamp::now().max(self.changed_at.plus(Duration::from_micros(1)));
    }
}

#[derive(Debug)]
struct Manifest {
    record: ManifestRecord,
    artifact_type: Option<String>,
    subject: Option<Digest>,
    annotations: BTreeMap<String, String>,
    blobs: BTreeSet<Digest>,
    children: BTreeSet<Digest>,
    created_at: Timestamp,
    /// Deleted, but kept for its past tags.
    withdrawn: bool,
}

/// Something in the review queue.
#[derive(Debug, Clone, Copy)]
struct Queued {
    review_after: Timestamp,
    failures: u32,
}

/// Bytes that are not in the place of a blob.
#[derive(Debug)]
struct Displaced {
    state: Displacement,
    turn_after: Timestamp,
}

#[derive(Debug)]
struct Upload {
    record: UploadRecord,
    claim: Option<Claim>,
}

/// The import of the storage that the registry is over.
#[derive(Debug, Default)]
struct Import {
    /// Whether it is finished, if it was begun.
    finished: Option<bool>,
    /// Those that are finished.
    repositories: BTreeSet<RepositoryName>,
}

#[derive(Debug)]
struct Claim {
    token: ClaimToken,
    until: Timestamp,
}

impl Tables {
    /// Returns when something is looked at, if it stands in the queue.
    fn date(&self, subject: &ReviewSubject) -> Option<Timestamp> {
        self.reviews.get(subject).map(|queued| queued.review_after)
    }

    /// Puts something into the review queue; a date that is there already only ever moves forward.
    fn review(&mut self, subject: ReviewSubject, review_after: Timestamp) {
        let queued = self.reviews.entry(subject).or_insert(Queued { review_after, failures: 0 });
        queued.review_after = review_after.max(queued.review_after);
    }
}
