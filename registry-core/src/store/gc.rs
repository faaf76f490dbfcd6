//! The port to garbage collection: what nobody refers to any more, and how its bytes and its record go.
//!
//! A blob's bytes stand where its digest says, so that putting them in place and deleting them must exclude each other.
//! Each side says what it is about to do before it looks what the other does:
//!
//! ```text
//! push:      hold_blob ─► bytes in place ─► commit_blob ─► hold dropped
//! adoption:  hold_blob ─► bytes found    ─► adopt_blob  ─► hold dropped
//! collector: condemn_blobs ─► bytes deleted ─► forget_blobs
//!              due, nobody refers to it, nobody holds it
//! ```
//!
//! A condemned blob is gone for every reader, cannot be held, and stands in the review queue with the end of its
//! collector's lease as its date. So if the collector dies, the blob comes up again as soon as that is over, and whoever
//! gets it then deletes bytes that may be gone already, which does no harm.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::blob::BlobLocation;
use super::error::{StoreError, StoreResult};
use super::metadata::ReviewSubject;
use super::timestamp::Timestamp;
use super::upload::ClaimToken;
use crate::protocol::digest::Digest;
use crate::protocol::reference::{RepositoryName, Tag};

/// A blob that is to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CondemnedBlob {
    /// Its name.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Where its bytes are, or were.
    pub location: BlobLocation,
    /// Until when nobody else deletes it. Whoever is later must leave the bytes alone.
    pub lease_end: Timestamp,
    /// How often its bytes could not be deleted, since it stands in the queue.
    pub failures: u32,
    /// The repositories that had it until now. Whoever condemns it again is not told of them.
    pub repositories: Vec<RepositoryName>,
}

/// Some blobs that came up for review.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReviewedBlobs {
    /// Those that nobody refers to.
    pub condemned: Vec<CondemnedBlob>,
    /// How many are referred to, and left the queue.
    pub kept: u64,
    /// Whether all that are due were looked at, apart from those that somebody holds.
    pub done: bool,
}

/// A manifest whose review failed, so that it stands in the queue as before.
#[derive(Debug)]
pub struct FailedManifest {
    /// Its repository.
    pub repository: RepositoryName,
    /// Its name.
    pub digest: Digest,
    /// How often that happened before, since it stands in the queue.
    pub failures: u32,
    /// What went wrong this time.
    pub error: StoreError,
}

/// Some manifests that came up for review.
#[derive(Debug, Default)]
pub struct ReviewedManifests {
    /// Those that are deleted, with their sizes in bytes.
    pub deleted: Vec<(RepositoryName, Digest, u64)>,
    /// How many live on, and left the queue.
    pub kept: u64,
    /// Those that could not be looked at or deleted. They are still due.
    pub failed: Vec<FailedManifest>,
    /// Whether all that are due were looked at.
    pub done: bool,
}

/// Something in the review queue, and what a review would find now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// What it is.
    pub subject: ReviewSubject,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Whether something refers to it.
    pub is_referenced: bool,
    /// Where the next page begins.
    pub cursor: u64,
}

/// Which part of the review queue is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuspectKind {
    /// Blobs.
    Blobs,
    /// Manifests.
    Manifests,
}

/// Everything that decides whether something is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explanation {
    /// The blob of that name.
    pub blob: Option<BlobExplanation>,
    /// The manifests of that name, one for each repository that has it, by name.
    pub manifests: Vec<ManifestExplanation>,
    /// Whether a list was cut off.
    pub more: bool,
}

/// What decides whether a blob is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobExplanation {
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Whether its bytes are being deleted.
    pub is_condemned: bool,
    /// Whether its bytes are damaged or gone, so that nobody is told of it.
    pub is_quarantined: bool,
    /// When it is looked at, if it stands in the review queue.
    pub review_after: Option<Timestamp>,
    /// The repositories that may serve it, by name.
    pub repositories: Vec<RepositoryName>,
    /// The manifests that refer to it.
    pub manifests: Vec<(RepositoryName, Digest)>,
}

/// What decides whether a manifest is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestExplanation {
    /// Its repository.
    pub repository: RepositoryName,
    /// When it is looked at, if it stands in the review queue.
    pub review_after: Option<Timestamp>,
    /// The tags that point to it, in byte order.
    pub tags: Vec<Tag>,
    /// The tags that pointed to it, in byte order, and until when that can be restored.
    pub past_tags: Vec<(Tag, Timestamp)>,
    /// Whether it was deleted, and is kept for its past tags alone.
    pub is_withdrawn: bool,
    /// The manifests that list it.
    pub parents: Vec<Digest>,
    /// The manifest that it refers to, if that is there.
    pub subject: Option<Digest>,
}

/// Deletes what nobody refers to.
///
/// What counts as a reference: a manifest refers to the blobs it was stored with. A manifest lives while a tag points to
/// it, while a past tag does, whether or not it can still be restored, while a manifest lists it, or while the manifest is there that it refers to as its subject. Manifests that hold on
/// to nothing but each other go together, once all of them are due.
#[async_trait]
pub trait CollectionStore: Send + Sync + 'static {
    /// Keeps a blob's bytes from being deleted, so that they can be put in place and recorded. Several may hold the same
    /// blob. A hold counts until it is dropped or `until`, whichever comes first; if its holder dies, it counts until
    /// then.
    ///
    /// # Errors
    /// `Unavailable` if the blob is being deleted and that does not end soon.
    async fn hold_blob(&self, digest: &Digest, now: Timestamp, until: Timestamp) -> StoreResult<BlobHold>;

    /// Ends a hold under which nothing was recorded. Returns whether it still counted; otherwise the blob may have been
    /// deleted since.
    async fn end_hold(&self, hold: BlobHold) -> StoreResult<bool>;

    /// Returns up to `limit` blobs whose holder has let its time run out at `now`, those first that ran out first. Whether
    /// their bytes are in place, or recorded, is not known. It is to be called before
    /// [`condemn_blobs`](Self::condemn_blobs), which ends such holds. Where no other process has the metadata, there are
    /// none: a hold does not outlive its process.
    async fn expired_holds(&self, now: Timestamp, limit: usize) -> StoreResult<Vec<Digest>>;

    /// Tells whether holds were forgotten under which bytes may have been put in place that nobody has recorded: those of a
    /// process that had the metadata to itself and was killed, and those that [nobody settled](BlobHold::settle). Returns
    /// what [`end_forgotten_holds`](Self::end_forgotten_holds) is to be told. Where other processes have the metadata as
    /// well, holds are recorded, and none is forgotten.
    async fn forgotten_holds(&self) -> StoreResult<Option<u64>>;

    /// Notes that all was found that was put in place under the holds that were forgotten when
    /// [`forgotten_holds`](Self::forgotten_holds) returned `seen`. Those that were forgotten later stay so.
    async fn end_forgotten_holds(&self, seen: u64) -> StoreResult<()>;

    /// Looks at up to `limit` manifests whose review is due at `now`, those due first; among these in the order of their
    /// repositories and digests. Deletes those that nobody refers to, like
    /// [`delete_manifest`](super::metadata::ManifestStore::delete_manifest), so that the review of what they referred to or
    /// what referred to them moves behind `review_after`, and takes the others out of the queue. One that fails for a reason
    /// of its own does not keep the others.
    async fn collect_manifests(
        &self,
        now: Timestamp,
        review_after: Timestamp,
        limit: usize,
    ) -> StoreResult<ReviewedManifests>;

    /// Has manifests whose review failed looked at again after a date of each, and counts the failure. Leaves alone those
    /// that have left the queue, or stand in it with a later date.
    async fn put_off_manifests(&self, failed: &[(RepositoryName, Digest, Timestamp)]) -> StoreResult<()>;

    /// Looks at up to `limit` blobs whose review is due at `now`, apart from those that are held. Condemns those that
    /// nobody refers to, for a collector that has until `lease_end`, and takes the others out of the queue. A blob that
    /// was condemned before and whose lease is over is condemned again.
    async fn condemn_blobs(&self, now: Timestamp, lease_end: Timestamp, limit: usize) -> StoreResult<ReviewedBlobs>;

    /// Ends the deletion of condemned blobs: removes those whose bytes are `gone`. Has those whose deletion `failed` looked
    /// at again after a date of each, and counts the failure. Changes nothing of a blob that another collector has
    /// condemned meanwhile.
    async fn forget_blobs(&self, gone: &[CondemnedBlob], failed: &[(CondemnedBlob, Timestamp)]) -> StoreResult<()>;

    /// Returns up to `limit` things of the queue that are due at `now`, after the `cursor` of the last page (at first
    /// 0), with what a review would find. Changes nothing.
    async fn suspects(&self, kind: SuspectKind, now: Timestamp, cursor: u64, limit: usize)
    -> StoreResult<Vec<Suspect>>;

    /// Tells what decides whether a blob or manifest is kept; of every list up to `limit`.
    async fn explain(&self, digest: &Digest, limit: usize) -> StoreResult<Explanation>;
}

/// Which blobs this process puts in place, and which it deletes. A clone is another handle to the same.
#[derive(Debug, Clone, Default)]
pub struct BlobHolds(Arc<Mutex<Uses>>);

#[derive(Debug, Default)]
struct Uses {
    of_blobs: HashMap<Digest, Use>,
    /// How often holds were forgotten, and how many of these times somebody has looked since for what they were about.
    forgotten: u64,
    looked_for: u64,
}

#[derive(Debug)]
enum Use {
    Held(usize),
    Deleting { until: Timestamp },
}

impl BlobHolds {
    /// Begins after a process whose holds are not known, because it was killed.
    pub fn after_a_kill() -> Self {
        Self(Arc::new(Mutex::new(Uses { forgotten: 1, ..Uses::default() })))
    }

    /// Returns how often holds were forgotten, unless somebody has looked since for what they were about.
    pub fn forgotten(&self) -> Option<u64> {
        let uses = self.uses();
        (uses.forgotten > uses.looked_for).then_some(uses.forgotten)
    }

    /// Notes that somebody has looked for all that was held when [`forgotten`](Self::forgotten) returned `seen`.
    pub fn end_forgotten(&self, seen: u64) {
        let mut uses = self.uses();
        uses.looked_for = uses.looked_for.max(seen.min(uses.forgotten));
    }

    /// Tells whether nobody holds anything, and no hold is forgotten.
    pub fn are_settled(&self) -> bool {
        let uses = self.uses();
        let is_held = |used: &Use| matches!(used, Use::Held(_));
        uses.forgotten == uses.looked_for && !uses.of_blobs.values().any(is_held)
    }

    /// Holds a blob, unless it is being deleted.
    pub fn hold(&self, digest: &Digest, now: Timestamp) -> Option<BlobHold> {
        let mut uses = self.uses();
        match uses.of_blobs.entry(*digest).or_insert(Use::Held(0)) {
            Use::Deleting { until } if *until > now => return None,
            Use::Held(count) => *count += 1,
            over => *over = Use::Held(1),
        }
        Some(BlobHold { digest: *digest, token: None, is_settled: AtomicBool::new(false), holds: self.clone() })
    }

    /// Begins to delete a blob, unless it is held or being deleted. It counts as being deleted until that
    /// [ends](Self::end_deletion), and if its collector is gone, until `until`: the bytes may go as long as that.
    pub fn begin_deletion(&self, digest: &Digest, now: Timestamp, until: Timestamp) -> bool {
        match self.uses().of_blobs.entry(*digest) {
            Entry::Occupied(mut entry) => match entry.get() {
                Use::Deleting { until: end } if *end <= now => {
                    entry.insert(Use::Deleting { until });
                    true
                }
                _ => false,
            },
            Entry::Vacant(entry) => {
                entry.insert(Use::Deleting { until });
                true
            }
        }
    }

    /// Ends a deletion.
    pub fn end_deletion(&self, digest: &Digest) {
        let mut uses = self.uses();
        if let Some(Use::Deleting { .. }) = uses.of_blobs.get(digest) {
            uses.of_blobs.remove(digest);
        }
    }

    fn uses(&self) -> MutexGuard<'_, Uses> {
        // Nobody who holds it can panic between two changes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a blob's bytes from being deleted until it is dropped. It is then forgotten, unless it was [settled](Self::settle).
#[derive(Debug)]
pub struct BlobHold {
    digest: Digest,
    token: Option<ClaimToken>,
    is_settled: AtomicBool,
    holds: BlobHolds,
}

impl BlobHold {
    /// Has the hold carry the name under which a database has it as well, where others see it.
    pub fn recorded_as(mut self, token: ClaimToken) -> Self {
        self.token = Some(token);
        self
    }

    /// Returns the name under which a database has the hold.
    pub fn token(&self) -> Option<ClaimToken> {
        self.token
    }

    /// Notes that whatever was put in place under the hold is recorded, or that nothing was.
    pub fn settle(&self) {
        self.is_settled.store(true, Ordering::Relaxed);
    }
}

impl Drop for BlobHold {
    fn drop(&mut self) {
        let mut uses = self.holds.uses();
        match uses.of_blobs.get_mut(&self.digest) {
            Some(Use::Held(count)) if *count > 1 => *count -= 1,
            Some(Use::Held(_)) => {
                uses.of_blobs.remove(&self.digest);
            }
            _ => {}
        }
        uses.forgotten += u64::from(!*self.is_settled.get_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::digest::Algorithm;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn holding_and_deleting_exclude_each_other() {
        let holds = BlobHolds::default();
        let [a, b] = [b"a", b"b"].map(|content| Digest::of(Algorithm::Sha256, content));
        let first = holds.hold(&a, at(0)).expect("nobody deletes it");
        let second = holds.hold(&a, at(0)).expect("holds do not exclude each other");
        assert!(holds.begin_deletion(&b, at(0), at(9)));
        assert!(holds.hold(&b, at(0)).is_none());
        drop(first);
        assert!(!holds.begin_deletion(&a, at(0), at(9)), "one is left");
        drop(second);
        assert!(holds.begin_deletion(&a, at(0), at(9)));
        assert!(!holds.begin_deletion(&a, at(8), at(20)), "somebody deletes it");
        holds.end_deletion(&a);
        let again = holds.hold(&a, at(0)).expect("the deletion has ended");
        holds.end_deletion(&a);
        assert!(!holds.begin_deletion(&a, at(0), at(9)), "ending a deletion that is over ends no hold");
        drop(again);
    }

    #[test]
    fn a_hold_that_is_not_settled_is_forgotten_until_somebody_has_looked() {
        let holds = BlobHolds::default();
        let digest = Digest::of(Algorithm::Sha256, b"a");
        let hold = || holds.hold(&digest, at(0)).expect("nobody deletes it");
        let settled = hold();
        assert!(!holds.are_settled(), "it is held");
        settled.settle();
        drop(settled);
        assert_eq!((holds.forgotten(), holds.are_settled()), (None, true));
        drop(hold());
        assert_eq!((holds.forgotten(), holds.are_settled()), (Some(1), false));
        drop(hold());
        holds.end_forgotten(1);
        assert_eq!(holds.forgotten(), Some(2), "one came after the look began");
        holds.end_forgotten(2);
        holds.end_forgotten(1);
        assert_eq!((holds.forgotten(), holds.are_settled()), (None, true));
    }

    #[test]
    fn what_a_killed_process_held_is_forgotten() {
        let holds = BlobHolds::after_a_kill();
        assert_eq!((holds.forgotten(), holds.are_settled()), (Some(1), false));
        holds.end_forgotten(1);
        assert_eq!((holds.forgotten(), holds.are_settled()), (None, true));
    }

    #[test]
    fn a_deletion_that_never_ended_counts_until_its_time_is_over() {
        let holds = BlobHolds::default();
        let digest = Digest::of(Algorithm::Sha256, b"a");
        assert!(holds.begin_deletion(&digest, at(0), at(9)));
        assert!(holds.hold(&digest, at(8)).is_none());
        assert!(holds.begin_deletion(&digest, at(9), at(20)), "another collector goes on with it");
        assert!(holds.hold(&digest, at(19)).is_none());
        let hold = holds.hold(&digest, at(20)).expect("its time is over");
        drop(hold);
        assert!(holds.begin_deletion(&digest, at(20), at(30)));
    }
}
