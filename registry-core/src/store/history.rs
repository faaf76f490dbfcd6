//! What tags pointed to before they moved or went.
//!
//! A tag that moves or is deleted leaves a [`PastTag`] behind, if the writer says until when it can be restored. Until it
//! has been [dropped](HistoryStore::drop_history), a past tag is a reference: its manifest and all that the manifest
//! refers to stay. A manifest that is deleted by its digest while past tags refer to it is *withdrawn*: nobody can see it,
//! unless it is pushed again or one of its tags is restored, and it goes with the last of its past tags.

use async_trait::async_trait;

use super::error::StoreResult;
use super::timestamp::Timestamp;
use crate::protocol::digest::Digest;
use crate::protocol::reference::{RepositoryName, Tag};

/// What a tag once pointed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastTag {
    /// The tag.
    pub tag: Tag,
    /// What it pointed to.
    pub digest: Digest,
    /// Since when it did.
    pub set_at: Timestamp,
    /// When it moved or was deleted.
    pub ended_at: Timestamp,
    /// Until when that can be undone.
    pub restorable_until: Timestamp,
}

/// A question for what tags pointed to.
#[derive(Debug, Clone)]
pub struct HistoryQuery<'a> {
    /// Where to look.
    pub repository: &'a RepositoryName,
    /// If given, this tag alone.
    pub tag: Option<&'a Tag>,
    /// If given, only what comes after what that tag pointed to until then.
    pub after: Option<(&'a Tag, Timestamp)>,
    /// How many at most.
    pub limit: usize,
}

/// A tag that is to point again to what it once pointed to.
#[derive(Debug, Clone)]
pub struct RestoreTag<'a> {
    /// Its repository.
    pub repository: &'a RepositoryName,
    /// The tag.
    pub tag: &'a Tag,
    /// What it is to point to; if not given, what it pointed to last.
    pub digest: Option<&'a Digest>,
    /// The present: what could be restored until then cannot any more.
    pub now: Timestamp,
    /// Until when what the tag points to now can be restored in its turn.
    pub restorable_until: Option<Timestamp>,
    /// When what the tag points to now may be collected if it cannot be restored.
    pub review_after: Timestamp,
}

/// What became of a tag that was to be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestoreOutcome {
    /// It points to this.
    Restored(Digest),
    /// It never pointed to that, or too long ago.
    Unknown,
    /// Nothing has changed, because the repository lacks these blobs and manifests, to which the manifest refers.
    Missing(Vec<Digest>),
}

/// What went because it could be restored no more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DroppedHistory {
    /// How many past tags.
    pub past_tags: usize,
    /// The withdrawn manifests that went with the last of theirs, with their sizes in bytes.
    pub deleted: Vec<(RepositoryName, Digest, u64)>,
}

/// The history of tags.
#[async_trait]
pub trait HistoryStore: Send + Sync + 'static {
    /// Returns what tags pointed to, by tag in byte order, and for each tag the oldest first.
    async fn tag_history(&self, query: HistoryQuery<'_>) -> StoreResult<Vec<PastTag>>;

    /// Points a tag to what it once pointed to, which nobody need be able to see any more. What it points to now becomes
    /// history. Idempotent if a digest is given.
    async fn restore_tag(&self, restore: RestoreTag<'_>) -> StoreResult<RestoreOutcome>;

    /// Drops up to `limit` past tags that cannot be restored at `now` any more. A withdrawn manifest is deleted with the
    /// last of its past tags; any other goes into the review queue, and so does what a deleted one referred to.
    async fn drop_history(&self, now: Timestamp, limit: usize, review_after: Timestamp) -> StoreResult<DroppedHistory>;
}
