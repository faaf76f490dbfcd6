//! Answers of the database that are still right.
//!
//! For a database that this process alone writes to, as its lock file proves. A pull asks for a manifest and for some
//! blobs; both are answered from memory as long as nothing that they rest on has changed. An answer that is not there is
//! never made up: only what the database said is kept, and nothing of what it denied.
//!
//! # Why an answer is right
//!
//! - A reader draws a [`Ticket`] **before** it asks the database, and keeps the answer together with that ticket.
//! - A writer names the [`Subject`]s that its transaction may change and [begins](Cache::begin) a [`Change`] of them
//!   **before** the transaction begins. The change goes where the transaction goes, so that it ends **after** commit or
//!   rollback has returned, even if the caller is long gone and even if nobody knows which of the two it was.
//! - A kept answer is believed if no change of its subjects has been under way since its ticket was drawn.
//!
//! So what the database says of those subjects was the same from the ticket to the moment of belief, the answer was read
//! in between, and the database would give it again. Nothing is removed when something changes, so nothing can be removed
//! too early and be put back by a slow reader: such an answer may be kept, and is never believed.
//!
//! Whoever sees a change has either read it from the database, or believed an answer whose ticket was drawn after that
//! change had ended. The change was begun before it could be seen, so that from then on no older answer is believed: no
//! reader sees the new state and a later one the old.
//!
//! | answer | rests on |
//! |---|---|
//! | a manifest by tag | the tag, the manifest |
//! | a manifest by digest | the manifest |
//! | a blob of a repository | the blob; every blob |
//!
//! A blob's review is part of its record, and the deletion of a manifest has blobs reviewed which only its transaction
//! finds out: it changes every blob. While a change is under way, answers that do not rest on it are believed as ever.
//!
//! # What is kept
//!
//! The bytes of manifests are kept once for each digest, whichever repositories have them: they grant nothing, since an
//! answer about the repository comes first. What is kept costs memory within bounds, and an answer that does not fit is
//! asked for again.

mod changes;
mod weight;

use std::hash::Hash;
use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use quick_cache::sync::{Cache as Kept, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, Equivalent, OptionsBuilder};
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::{Reference, RepositoryName};
use registry_core::store::metadata::{BlobRecord, ManifestRecord};

pub(crate) use self::changes::{Change, Subject};
use self::changes::{Changes, Ticket};
use self::weight::Weight;

/// How many locks each kind of answer is spread over. None of them may hold more than its part of the limit, so that a
/// manifest of more than that is not kept.
const SHARDS: usize = 16;
/// What a typical entry weighs; it only says how many that were dropped are remembered.
const TYPICAL_WEIGHT: u64 = 1024;

/// Keeps answers. See the module's text for when they are believed.
#[derive(Debug)]
pub(crate) struct Cache {
    changes: Arc<Changes>,
    manifests: Kept<(RepositoryName, Reference), Manifest, Weight>,
    payloads: Kept<Digest, Bytes, Weight>,
    blobs: Kept<(RepositoryName, Digest), Blob, Weight>,
}

/// What the database said of a manifest, apart from its bytes.
#[derive(Debug, Clone)]
struct Manifest {
    ticket: Ticket,
    digest: Digest,
    media_type: ByteString,
}

/// What the database said of a blob.
#[derive(Debug, Clone)]
struct Blob {
    ticket: Ticket,
    record: BlobRecord,
}

impl Cache {
    /// Makes a cache for about `limit_bytes` of memory, of which none is taken yet. With 0 it keeps nothing.
    pub(crate) fn new(limit_bytes: u64) -> Self {
        Self {
            changes: Arc::new(Changes::new()),
            manifests: kept(limit_bytes / 4),
            payloads: kept(limit_bytes / 2),
            blobs: kept(limit_bytes / 4),
        }
    }

    /// Draws a ticket for a question that is about to be put to the database.
    pub(crate) fn ticket(&self) -> Ticket {
        self.changes.ticket()
    }

    /// Begins a change of all that a transaction may change. It ends when the returned value is dropped.
    pub(crate) fn begin<'a>(&self, subjects: impl IntoIterator<Item = Subject<'a>>) -> Change {
        self.changes.begin(subjects)
    }

    /// Returns what the database would say of a manifest, if that is known.
    pub(crate) fn manifest(&self, repository: &RepositoryName, reference: &Reference) -> Option<ManifestRecord> {
        let Manifest { ticket, digest, media_type } = self.manifests.get(&Key { repository, name: reference })?;
        let unchanged = |subject| self.changes.none_since(ticket, subject);
        let believed = unchanged(Subject::Manifest(repository, &digest))
            && match reference {
                Reference::Tag(tag) => unchanged(Subject::Tag(repository, tag)),
                Reference::Digest(_) => true,
            };
        let payload = believed.then(|| self.payloads.get(&digest))??;
        Some(ManifestRecord { digest, media_type, payload })
    }

    /// Keeps what the database said of a manifest after the ticket was drawn. Who asked by tag will ask by digest next,
    /// so that is answered as well.
    pub(crate) fn keep_manifest(
        &self,
        ticket: Ticket,
        repository: &RepositoryName,
        reference: &Reference,
        record: &ManifestRecord,
    ) {
        let manifest = Manifest { ticket, digest: record.digest, media_type: record.media_type.clone() };
        if let Reference::Tag(_) = reference {
            self.manifests.insert((repository.clone(), Reference::Digest(record.digest)), manifest.clone());
        }
        self.manifests.insert((repository.clone(), reference.clone()), manifest);
        self.payloads.insert(record.digest, record.payload.clone());
    }

    /// Returns what the database would say of a blob, if that is known.
    pub(crate) fn blob(&self, repository: &RepositoryName, digest: &Digest) -> Option<BlobRecord> {
        let Blob { ticket, record } = self.blobs.get(&Key { repository, name: digest })?;
        let unchanged = |subject| self.changes.none_since(ticket, subject);
        (unchanged(Subject::Blob(digest)) && unchanged(Subject::EveryBlob)).then_some(record)
    }

    /// Keeps what the database said of a blob after the ticket was drawn.
    pub(crate) fn keep_blob(&self, ticket: Ticket, repository: &RepositoryName, record: &BlobRecord) {
        self.blobs.insert((repository.clone(), record.digest), Blob { ticket, record: record.clone() });
    }
}

/// Makes room for about `limit_bytes` of entries.
fn kept<K: Eq + Hash, V: Clone>(limit_bytes: u64) -> Kept<K, V, Weight>
where
    Weight: quick_cache::Weighter<K, V>,
{
    let options = OptionsBuilder::new()
        .shards(SHARDS)
        .estimated_items_capacity(usize::try_from(limit_bytes / TYPICAL_WEIGHT).unwrap_or(usize::MAX))
        .weight_capacity(limit_bytes)
        .build()
        .expect("both capacities are given");
    Kept::with_options(options, Weight, DefaultHashBuilder::default(), DefaultLifecycle::default())
}

/// A pair that is looked up without being made.
#[derive(Hash)]
struct Key<'a, T> {
    repository: &'a RepositoryName,
    name: &'a T,
}

impl<T: Eq> Equivalent<(RepositoryName, T)> for Key<'_, T> {
    fn equivalent(&self, (repository, name): &(RepositoryName, T)) -> bool {
        self.name == name && self.repository == repository
    }
}

#[cfg(test)]
mod tests;
