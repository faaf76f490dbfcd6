//! The port to the truth: which repository has which blobs, manifests, tags and uploads.
//!
//! Every method is one atomic transaction that is durable when it returns: it survives a power cut, and after an error
//! nothing of it happened. An error of kind `Unavailable` may leave it open whether it happened; every method can be
//! repeated.
//!
//! Three methods record what nobody was promised: [`create_upload`](UploadStore::create_upload),
//! [`claim_upload`](UploadStore::claim_upload) and [`renew_claim`](UploadStore::renew_claim). A power cut may undo the last of
//! it, up to the next method that is durable. Where one process alone has the store, its end may undo all of it, as far as no
//! bytes were recorded by [`release_upload`](UploadStore::release_upload). A client then finds its upload unknown, and starts
//! anew; a claim that is lost held back nobody who is still there.
//!
//! Un-referencing anything puts what lost the reference into a review queue *in the same transaction*, to be looked at
//! no earlier than `review_after`; nothing else may ever free bytes.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use bytestring::ByteString;

use super::blob::{BlobLocation, StagedUpload};
use super::displaced::DisplacementStore;
use super::error::StoreResult;
use super::gc::{BlobHold, CollectionStore};
use super::history::HistoryStore;
use super::import::ImportStore;
use super::inventory::BlobRecordStore;
use super::removal::RemovalStore;
use super::replication::ReplicationStore;
use super::setting::SettingStore;
use super::timestamp::Timestamp;
use super::upload::{ClaimToken, UploadId};
use super::usage::UsageStore;
use crate::protocol::digest::{Algorithm, Digest};
use crate::protocol::reference::{Reference, RepositoryName, Tag};

/// All that the operations need to know and to record.
pub trait MetadataStore:
    RepositoryStore
    + BlobLinkStore
    + ManifestStore
    + UploadStore
    + ReviewStore
    + CollectionStore
    + ImportStore
    + SettingStore
    + BlobRecordStore
    + HistoryStore
    + RemovalStore
    + UsageStore
    + DisplacementStore
    + ReplicationStore
{
}
impl<T> MetadataStore for T where
    T: RepositoryStore
        + BlobLinkStore
        + ManifestStore
        + UploadStore
        + ReviewStore
        + CollectionStore
        + ImportStore
        + SettingStore
        + BlobRecordStore
        + HistoryStore
        + RemovalStore
        + UsageStore
        + DisplacementStore
        + ReplicationStore
{
}

/// Repositories. They come to be by the first thing that is put into them.
#[async_trait]
pub trait RepositoryStore: Send + Sync + fmt::Debug + 'static {
    /// Tells whether anything was ever put into the repository.
    async fn repository_exists(&self, repository: &RepositoryName) -> StoreResult<bool>;

    /// Returns up to `limit` names of repositories that have a manifest, in byte order, all greater than `after`.
    async fn repositories(&self, after: Option<&str>, limit: usize) -> StoreResult<Vec<RepositoryName>>;

    /// Checks that the store can be reached, for readiness.
    async fn check(&self) -> StoreResult<()>;
}

/// A blob as some repository has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobRecord {
    /// Its name.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Where the blob store keeps it.
    pub location: BlobLocation,
    /// When it may be collected at the earliest, if it stands in the review queue. Telling a client that it exists must
    /// postpone a review that is near.
    pub review_after: Option<Timestamp>,
}

/// A blob whose bytes have been committed, to be made visible.
#[derive(Debug, Clone)]
pub struct CommitBlob<'a> {
    /// The repository that gets it.
    pub repository: &'a RepositoryName,
    /// Its name, verified.
    pub digest: &'a Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Where its bytes are.
    pub location: &'a BlobLocation,
    /// Whether that is not the place that the blob's digest has, so that its bytes are [to be
    /// moved](super::displaced).
    pub is_displaced: bool,
    /// Whether it is [behind](super::replication) from now on, unless its second copy is known to be there.
    pub is_replicated: bool,
    /// The upload that it came by and the claim on it; the session ends in the same transaction.
    pub upload: Option<(UploadId, ClaimToken)>,
    /// What has kept its bytes from being deleted since before they were put in place. Only where nothing is ever
    /// deleted can it be missing.
    pub hold: Option<&'a BlobHold>,
    /// When a blob that no manifest refers to by then may be collected.
    pub review_after: Timestamp,
}

/// Which repositories may serve which blob.
#[async_trait]
pub trait BlobLinkStore: Send + Sync + 'static {
    /// Finds a blob of the repository.
    async fn blob(&self, repository: &RepositoryName, digest: &Digest) -> StoreResult<Option<BlobRecord>>;

    /// Makes a blob visible in a repository, records its location if it is new (or was recorded elsewhere: the latest
    /// location counts, its bytes were just verified), puts it into the review queue, and ends the upload session. If the
    /// caller goes away before this returns, a session without bytes may outlive it, claimed, until it expires.
    ///
    /// # Errors
    /// `Conflict` if an upload is given and is not, or no longer, held by that claim, if the hold is over, or if displaced
    /// bytes have been deleted. Nothing has changed then, but that such bytes are known, and so deleted some day.
    async fn commit_blob(&self, blob: CommitBlob<'_>) -> StoreResult<()>;

    /// Makes a blob that the repository `from` has (or, with `None`, that any repository has) visible in `into`, and
    /// postpones its review. Returns the blob, or `None` if it is not there. Idempotent.
    async fn mount_blob(
        &self,
        into: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
        review_after: Timestamp,
    ) -> StoreResult<Option<BlobRecord>>;

    /// Takes a blob out of a repository and puts it into the review queue. Returns whether it was there.
    async fn unlink_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        review_after: Timestamp,
    ) -> StoreResult<bool>;

    /// Moves a blob's review to `review_after`, if it stands in the queue with an earlier date. Returns whether the blob
    /// is there; one that is being deleted is not.
    async fn postpone_blob_review(&self, digest: &Digest, review_after: Timestamp) -> StoreResult<bool>;
}

/// A manifest as it was pushed. A clone copies neither its bytes nor its media type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestRecord {
    /// The digest by which it was pushed, or sha256 where it was pushed by tag alone.
    pub digest: Digest,
    /// The media type by which it was pushed.
    pub media_type: ByteString,
    /// The exact bytes.
    pub payload: Bytes,
}

/// A manifest to be stored, with all that it refers to.
#[derive(Debug, Clone)]
pub struct PutManifest<'a> {
    /// The repository that gets it.
    pub repository: &'a RepositoryName,
    /// Its name, verified.
    pub digest: &'a Digest,
    /// The media type that it was pushed as.
    pub media_type: &'a str,
    /// The type that the referrers API shows: the manifest's own, else its config's.
    pub artifact_type: Option<&'a str>,
    /// The manifest that it refers to, which need not exist.
    pub subject: Option<&'a Digest>,
    /// The annotations that the referrers API shows; empty if there is no subject.
    pub annotations: &'a BTreeMap<String, String>,
    /// The exact bytes.
    pub payload: &'a Bytes,
    /// The blobs it refers to, without duplicates; each must be in the repository.
    pub blobs: &'a [Digest],
    /// The blobs it refers to that may be missing, without duplicates and apart from `blobs`. Those that are in the
    /// repository are recorded as references.
    pub optional_blobs: &'a [Digest],
    /// The manifests it lists, without duplicates; each must be in the repository.
    pub children: &'a [Digest],
    /// The manifests it lists that may be missing, without duplicates and apart from `children`. They are recorded as
    /// references all the same.
    pub sparse_children: &'a [Digest],
    /// The tags to point to it. All are set, or none.
    pub tags: &'a [Tag],
    /// When what thereby lost its last tag may be collected, and the manifest itself if it has no tag.
    pub review_after: Timestamp,
    /// Until when it can be undone that tags leave what they point to; `None` if that is not to be remembered.
    pub restorable_until: Option<Timestamp>,
}

/// What became of a manifest that was to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutManifestOutcome {
    /// It is stored and its tags point to it.
    Stored,
    /// Nothing was stored, because the repository lacks these blobs and manifests.
    Missing(Vec<Digest>),
}

/// A question for the manifests that refer to a subject.
#[derive(Debug, Clone)]
pub struct ReferrersQuery<'a> {
    /// Where to look.
    pub repository: &'a RepositoryName,
    /// What they refer to.
    pub subject: &'a Digest,
    /// If given, only those of this type.
    pub artifact_type: Option<&'a str>,
    /// If given, only those whose digest is greater (as text, in byte order).
    pub after: Option<&'a Digest>,
    /// How many at most; at least 1.
    pub limit: usize,
    /// Stop before the referring manifests' sizes add up to more than this; at least one is returned all the same.
    pub limit_bytes: u64,
}

/// A manifest that refers to a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// Its name.
    pub digest: Digest,
    /// The media type by which it was pushed.
    pub media_type: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its own artifact type, else its config's media type.
    pub artifact_type: Option<String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Whether there are more after the last of them.
    pub more: bool,
}

/// Manifests, the tags that point to them, and the references between them.
#[async_trait]
pub trait ManifestStore: Send + Sync + 'static {
    /// Finds a manifest by tag or digest.
    ///
    /// # Errors
    /// `Corrupt` if its bytes do not have its digest any more; a push of it repairs it.
    async fn manifest(&self, repository: &RepositoryName, reference: &Reference)
    -> StoreResult<Option<ManifestRecord>>;

    /// Stores a manifest, its references and its tags. Idempotent; a push of a stored digest sets its media type anew,
    /// and makes a withdrawn manifest visible again. What it refers to leaves the review queue, and so does the manifest
    /// itself if it gets a tag. What a moved tag pointed to before becomes history if `restorable_until` is given, and
    /// otherwise goes into the queue.
    async fn put_manifest(&self, manifest: PutManifest<'_>) -> StoreResult<PutManifestOutcome>;

    /// Deletes a manifest and every tag that points to it. Returns whether it was there.
    ///
    /// If `restorable_until` is given, its tags become history, and if it has any, the manifest is only withdrawn (see
    /// [`history`](super::history)). Otherwise it goes at once, with its past tags, withdrawn or not, and what it
    /// referred to goes into the review queue.
    async fn delete_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        review_after: Timestamp,
        restorable_until: Option<Timestamp>,
    ) -> StoreResult<bool>;

    /// Deletes a tag. It becomes history if `restorable_until` is given; otherwise the manifest it pointed to goes into
    /// the review queue. Returns whether it was there.
    async fn delete_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        review_after: Timestamp,
        restorable_until: Option<Timestamp>,
    ) -> StoreResult<bool>;

    /// Returns up to `limit` tags in byte order, all greater than `after`.
    async fn tags(&self, repository: &RepositoryName, after: Option<&str>, limit: usize) -> StoreResult<Vec<Tag>>;

    /// Returns a page of the manifests that refer to a subject, in the order of their digests as text.
    async fn referrers(&self, query: ReferrersQuery<'_>) -> StoreResult<Page<Referrer>>;
}

/// An upload session as recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRecord {
    /// Its name.
    pub id: UploadId,
    /// The repository that it will give a blob to.
    pub repository: RepositoryName,
    /// What the blob store needs to go on with it.
    pub staged: StagedUpload,
    /// How many bytes are taken and synced.
    pub offset: u64,
    /// The algorithm that is computed while the bytes pass.
    pub algorithm: Algorithm,
    /// The digester's state after `offset` bytes.
    pub digester_state: Vec<u8>,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// What became of a claim on an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// It is ours, and nobody else was at work on it.
    Claimed(UploadRecord),
    /// It is ours, but an earlier writer never gave it back and may still be at work: its staging must not be used.
    TakenOver(UploadRecord),
    /// Somebody else is at work on it.
    Busy,
    /// There is no such upload in the repository.
    Unknown,
}

/// Upload sessions, and which writer holds each.
#[async_trait]
pub trait UploadStore: Send + Sync + 'static {
    /// Begins a session, under an id that no other has had. Its repository need not exist and does not come to be by it.
    /// Idempotent until it has bytes. The end of the process, or a power cut, may undo it.
    async fn create_upload(&self, upload: &UploadRecord) -> StoreResult<()>;

    /// Finds a session that has not expired at `now`, whether claimed or not.
    async fn upload(
        &self,
        repository: &RepositoryName,
        id: UploadId,
        now: Timestamp,
    ) -> StoreResult<Option<UploadRecord>>;

    /// Claims a session for one writer until `until`; of two calls at once exactly one gets it. A claim whose time is
    /// over is taken over. An expired session is `Unknown`. The end of the process, or a power cut, may undo a claim.
    async fn claim_upload(
        &self,
        repository: &RepositoryName,
        id: UploadId,
        claim: ClaimToken,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<ClaimOutcome>;

    /// Extends a claim to `until`. The end of the process, or a power cut, may undo it.
    ///
    /// # Errors
    /// `Conflict` if the upload is gone or no longer held by the claim.
    async fn renew_claim(&self, id: UploadId, claim: ClaimToken, until: Timestamp) -> StoreResult<()>;

    /// Records progress (offset, staging, digester and its algorithm, expiry) and gives the claim back. Durable if the
    /// session has bytes.
    ///
    /// # Errors
    /// `Conflict` if the upload is gone or no longer held by the claim.
    async fn release_upload(&self, upload: &UploadRecord, claim: ClaimToken) -> StoreResult<()>;

    /// Ends a session without a blob, claimed or not. Returns what was recorded, or `None` if there was none.
    async fn remove_upload(&self, repository: &RepositoryName, id: UploadId) -> StoreResult<Option<UploadRecord>>;

    /// Returns up to `limit` sessions that have expired at `now` and that no live claim holds, oldest first.
    async fn expired_uploads(&self, now: Timestamp, limit: usize) -> StoreResult<Vec<UploadRecord>>;
}

/// Something that lost a reference and waits to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// What is to be looked at.
    pub subject: ReviewSubject,
    /// When, at the earliest.
    pub review_after: Timestamp,
}

/// What a review looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReviewSubject {
    /// A blob, whichever repositories have it.
    Blob(Digest),
    /// A manifest of one repository.
    Manifest(RepositoryName, Digest),
}

/// The review queue.
#[async_trait]
pub trait ReviewStore: Send + Sync + 'static {
    /// Returns up to `limit` reviews that are due at `now`, those due first in front.
    async fn due_reviews(&self, now: Timestamp, limit: usize) -> StoreResult<Vec<Review>>;
}
