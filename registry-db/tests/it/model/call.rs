//! The calls, and what they are about.

use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use registry_core::protocol::digest::{Algorithm, Digest, Digester};
use registry_core::protocol::reference::{RepositoryName, Tag};
use registry_core::store::displaced::{DisplacedBlob, Displacement};
use registry_core::store::history::RestoreTag;
use registry_core::store::inventory::BlobState;
use registry_core::store::metadata::{CommitBlob, PutManifest, PutManifestOutcome, ReferrersQuery, UploadRecord};
use registry_core::store::{
    BlobLocation, ClaimToken, MetadataStore, StagedUpload, StoreError, StoreResult, Timestamp, UploadId,
};

use super::side::Side;

const REPOSITORIES: [&str; 3] = ["a", "a/b", "a/c"];
pub(super) const TAGS: [&str; 3] = ["Latest", "latest", "1"];
/// Blobs and manifests have few digests, and share them.
pub(super) const CONTENTS: usize = 4;
const UPLOADS: usize = 3;

/// One call, with every name as an index.
#[derive(Debug, Clone)]
pub(super) enum Call {
    CommitBlob {
        repository: usize,
        blob: usize,
        location: usize,
        displaced: bool,
        upload: Option<(usize, usize)>,
        review: i64,
    },
    MountBlob {
        into: usize,
        blob: usize,
        from: Option<usize>,
        review: i64,
    },
    UnlinkBlob {
        repository: usize,
        blob: usize,
        review: i64,
    },
    PostponeReview {
        blob: usize,
        review: i64,
    },
    PutManifest(Put),
    DeleteManifest {
        repository: usize,
        manifest: usize,
        review: i64,
        restorable: Option<i64>,
    },
    DeleteTag {
        repository: usize,
        tag: &'static str,
        review: i64,
        restorable: Option<i64>,
    },
    RestoreTag {
        repository: usize,
        tag: &'static str,
        manifest: Option<usize>,
        now: i64,
        review: i64,
        restorable: Option<i64>,
    },
    DropHistory {
        now: i64,
        review: i64,
    },
    ThinTags {
        repository: usize,
        manifest: usize,
        limit: usize,
        restorable: Option<i64>,
    },
    DeleteUntagged {
        repository: usize,
        manifest: usize,
        review: i64,
    },
    RemoveRepository {
        repository: usize,
    },
    CreateUpload {
        upload: usize,
        repository: usize,
        expires: i64,
    },
    ClaimUpload {
        upload: usize,
        repository: usize,
        claim: usize,
        now: i64,
        until: i64,
    },
    RenewClaim {
        upload: usize,
        claim: usize,
        until: i64,
    },
    ReleaseUpload {
        upload: usize,
        repository: usize,
        claim: usize,
        offset: u64,
        expires: i64,
    },
    RemoveUpload {
        upload: usize,
        repository: usize,
    },
    Tags {
        repository: usize,
        after: Option<&'static str>,
        limit: usize,
    },
    Repositories {
        after: Option<&'static str>,
        limit: usize,
    },
    Referrers {
        repository: usize,
        subject: usize,
        kind: Option<&'static str>,
        after: Option<usize>,
        limit: usize,
        bytes: u64,
    },
    ExpiredUploads {
        now: i64,
        limit: usize,
    },
    CollectManifests {
        now: i64,
        review: i64,
    },
    /// Condemns what is due, and forgets it or fails to delete it.
    CollectBlobs {
        now: i64,
        fails: bool,
        review: i64,
    },
    /// Has a registry do so, as are the following.
    Retain {
        repository: usize,
        keep_last: usize,
        untagged: bool,
        has_history: bool,
    },
    DeleteRepository {
        repository: usize,
    },
    Collect {
        now: i64,
        delete_untagged: bool,
    },
    Explain {
        content: usize,
        limit: usize,
    },
    /// Hides a served blob, or serves a hidden one again.
    Examine {
        blob: usize,
    },
    RecordStray {
        blob: usize,
        review: i64,
    },
    /// Takes what is not in its place, and moves, leaves or forgets it, each if it can be.
    MoveDisplaced {
        now: i64,
        next_turn: i64,
        delete_after: i64,
    },
    NoteDisplaced {
        locations: usize,
        delete_after: i64,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Put {
    repository: usize,
    manifest: usize,
    media_type: &'static str,
    artifact_type: Option<&'static str>,
    subject: Option<usize>,
    blobs: Vec<usize>,
    optional_blobs: Vec<usize>,
    children: Vec<usize>,
    sparse_children: Vec<usize>,
    tags: Vec<&'static str>,
    review: i64,
    restorable: Option<i64>,
}

pub(super) fn calls() -> impl Strategy<Value = Call> {
    let repository = || 0..REPOSITORIES.len();
    let content = || 0..CONTENTS;
    let upload = || 0..UPLOADS;
    let claim = || 0..UPLOADS;
    let time = || 0..20i64;
    let restorable = || proptest::option::of(0..20i64);
    let tag = || select(&TAGS[..]);
    let kind = || proptest::option::of(select(&["type/a", "type/b"][..]));
    let contents = || subsequence((0..CONTENTS).collect::<Vec<_>>(), 0..2);
    prop_oneof![
        4 => (repository(), content(), 0..3usize, any::<bool>(), proptest::option::weighted(0.3, (upload(), claim())), time())
            .prop_map(|(repository, blob, location, displaced, upload, review)| Call::CommitBlob {
                repository, blob, location, displaced, upload, review
            }),
        2 => (repository(), content(), proptest::option::of(repository()), time())
            .prop_map(|(into, blob, from, review)| Call::MountBlob { into, blob, from, review }),
        1 => (repository(), content(), time())
            .prop_map(|(repository, blob, review)| Call::UnlinkBlob { repository, blob, review }),
        1 => (content(), time()).prop_map(|(blob, review)| Call::PostponeReview { blob, review }),
        10 => ((repository(), content(), select(&["m/1", "m/2"][..]), kind(), proptest::option::of(content())),
              (contents(), contents(), contents(), contents(), subsequence(TAGS.to_vec(), 0..3), time(), restorable()))
            .prop_map(|((repository, manifest, media_type, artifact_type, subject),
                        (blobs, optional_blobs, children, sparse_children, tags, review, restorable))| Call::PutManifest(Put {
                repository, manifest, media_type, artifact_type, subject, blobs, optional_blobs, children,
                sparse_children, tags, review, restorable,
            })),
        2 => (repository(), content(), time(), restorable()).prop_map(|(repository, manifest, review, restorable)| {
            Call::DeleteManifest { repository, manifest, review, restorable }
        }),
        2 => (repository(), tag(), time(), restorable()).prop_map(|(repository, tag, review, restorable)| {
            Call::DeleteTag { repository, tag, review, restorable }
        }),
        3 => (repository(), tag(), proptest::option::of(content()), time(), time(), restorable())
            .prop_map(|(repository, tag, manifest, now, review, restorable)| Call::RestoreTag {
                repository, tag, manifest, now, review, restorable
            }),
        1 => (time(), time()).prop_map(|(now, review)| Call::DropHistory { now, review }),
        1 => (repository(), content(), 0..2usize, restorable())
            .prop_map(|(repository, manifest, limit, restorable)| Call::ThinTags {
                repository, manifest, limit, restorable
            }),
        1 => (repository(), content(), time())
            .prop_map(|(repository, manifest, review)| Call::DeleteUntagged { repository, manifest, review }),
        1 => repository().prop_map(|repository| Call::RemoveRepository { repository }),
        2 => (upload(), repository(), time())
            .prop_map(|(upload, repository, expires)| Call::CreateUpload { upload, repository, expires }),
        2 => (upload(), repository(), claim(), time(), time())
            .prop_map(|(upload, repository, claim, now, until)| Call::ClaimUpload {
                upload, repository, claim, now, until
            }),
        1 => (upload(), claim(), time()).prop_map(|(upload, claim, until)| Call::RenewClaim { upload, claim, until }),
        1 => (upload(), repository(), claim(), 0..9u64, time())
            .prop_map(|(upload, repository, claim, offset, expires)| Call::ReleaseUpload {
                upload, repository, claim, offset, expires
            }),
        1 => (upload(), repository()).prop_map(|(upload, repository)| Call::RemoveUpload { upload, repository }),
        1 => (repository(), proptest::option::of(tag()), 0..4usize)
            .prop_map(|(repository, after, limit)| Call::Tags { repository, after, limit }),
        1 => (proptest::option::of(select(&REPOSITORIES[..])), 0..4usize)
            .prop_map(|(after, limit)| Call::Repositories { after, limit }),
        2 => ((repository(), content(), kind()), (proptest::option::of(content()), 1..4usize, 0..60u64))
            .prop_map(|((repository, subject, kind), (after, limit, bytes))| Call::Referrers {
                repository, subject, kind, after, limit, bytes
            }),
        1 => (time(), 0..4usize).prop_map(|(now, limit)| Call::ExpiredUploads { now, limit }),
        2 => (time(), time()).prop_map(|(now, review)| Call::CollectManifests { now, review }),
        2 => (time(), any::<bool>(), time())
            .prop_map(|(now, fails, review)| Call::CollectBlobs { now, fails, review }),
        1 => (repository(), 0..3usize, any::<bool>(), any::<bool>())
            .prop_map(|(repository, keep_last, untagged, has_history)| Call::Retain {
                repository, keep_last, untagged, has_history
            }),
        1 => repository().prop_map(|repository| Call::DeleteRepository { repository }),
        1 => (time(), any::<bool>()).prop_map(|(now, delete_untagged)| Call::Collect { now, delete_untagged }),
        1 => (content(), 0..4usize).prop_map(|(content, limit)| Call::Explain { content, limit }),
        2 => content().prop_map(|blob| Call::Examine { blob }),
        1 => (content(), time()).prop_map(|(blob, review)| Call::RecordStray { blob, review }),
        2 => (time(), time(), time()).prop_map(|(now, next_turn, delete_after)| Call::MoveDisplaced {
            now, next_turn, delete_after
        }),
        1 => (0..4usize, time())
            .prop_map(|(locations, delete_after)| Call::NoteDisplaced { locations, delete_after }),
    ]
}

/// What the indexes of calls stand for; random names are drawn once and are the same for both stores.
pub(super) struct Names {
    pub(super) repositories: [RepositoryName; REPOSITORIES.len()],
    pub(super) uploads: [UploadId; UPLOADS],
    claims: [ClaimToken; UPLOADS],
}

impl Names {
    pub(super) fn draw() -> Self {
        Self {
            repositories: REPOSITORIES.map(|name| name.parse().unwrap()),
            uploads: std::array::from_fn(|_| UploadId::random()),
            claims: std::array::from_fn(|_| ClaimToken::random()),
        }
    }

    fn upload(&self, upload: usize, repository: usize, offset: u64, expires: i64) -> UploadRecord {
        UploadRecord {
            id: self.uploads[upload],
            repository: self.repositories[repository].clone(),
            staged: StagedUpload::new(format!("staged {offset}")),
            offset,
            algorithm: Algorithm::Sha256,
            digester_state: Digester::new(Algorithm::Sha256).save(),
            expires_at: at(expires),
        }
    }
}

pub(super) fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// Contents differ in size, so that limits in bytes matter.
fn content(index: usize) -> Bytes {
    Bytes::from(format!("{index}{}", ".".repeat(index * 5)))
}

pub(super) fn digest(index: usize) -> Digest {
    // Both algorithms, so that the order of digests as text is that of the model.
    Digest::of(Algorithm::ALL[index % 2], &content(index))
}

fn digests(indexes: &[usize]) -> Vec<Digest> {
    indexes.iter().copied().map(digest).collect()
}

pub(super) fn answer<T: Debug>(result: StoreResult<T>) -> String {
    format!("{:?}", result.map_err(|error: StoreError| error.kind()))
}

pub(super) async fn make(side: &Side, names: &Names, call: &Call) -> String {
    let store = &*side.store;
    let Names { repositories, uploads, claims } = names;
    match call.clone() {
        Call::CommitBlob { repository, blob, location, displaced, upload, review } => {
            let commit = CommitBlob {
                repository: &repositories[repository],
                digest: &digest(blob),
                size_bytes: content(blob).len() as u64,
                location: &BlobLocation::new(location.to_string()),
                is_displaced: displaced,
                upload: upload.map(|(upload, claim)| (uploads[upload], claims[claim])),
                hold: None,
                review_after: at(review),
            };
            answer(store.commit_blob(commit).await)
        }
        Call::MountBlob { into, blob, from, review } => {
            let from = from.map(|from| &repositories[from]);
            answer(store.mount_blob(&repositories[into], &digest(blob), from, at(review)).await)
        }
        Call::UnlinkBlob { repository, blob, review } => {
            answer(store.unlink_blob(&repositories[repository], &digest(blob), at(review)).await)
        }
        Call::PostponeReview { blob, review } => answer(store.postpone_blob_review(&digest(blob), at(review)).await),
        Call::PutManifest(put) => answer(put_manifest(store, names, put).await),
        Call::DeleteManifest { repository, manifest, review, restorable } => {
            let (digest, until) = (digest(manifest), restorable.map(at));
            answer(store.delete_manifest(&repositories[repository], &digest, at(review), until).await)
        }
        Call::DeleteTag { repository, tag, review, restorable } => {
            let (tag, until) = (tag.parse().unwrap(), restorable.map(at));
            answer(store.delete_tag(&repositories[repository], &tag, at(review), until).await)
        }
        Call::RestoreTag { repository, tag, manifest, now, review, restorable } => {
            let digest = manifest.map(digest);
            let restore = RestoreTag {
                repository: &repositories[repository],
                tag: &tag.parse().unwrap(),
                digest: digest.as_ref(),
                now: at(now),
                restorable_until: restorable.map(at),
                review_after: at(review),
            };
            answer(store.restore_tag(restore).await)
        }
        Call::DropHistory { now, review } => answer(store.drop_history(at(now), 100, at(review)).await),
        Call::ThinTags { repository, manifest, limit, restorable } => {
            let until = restorable.map(at);
            answer(store.thin_tags(&repositories[repository], &digest(manifest), limit, until).await)
        }
        Call::DeleteUntagged { repository, manifest, review } => {
            let (repository, digest) = (&repositories[repository], digest(manifest));
            answer(store.delete_untagged_manifest(repository, &digest, at(i64::MAX), at(review)).await)
        }
        Call::RemoveRepository { repository } => answer(store.remove_empty_repository(&repositories[repository]).await),
        Call::CreateUpload { upload, repository, expires } => {
            // An id is used once. There are few here, so that calls often meet.
            for repository in repositories {
                store.remove_upload(repository, uploads[upload]).await.unwrap();
            }
            answer(store.create_upload(&names.upload(upload, repository, 0, expires)).await)
        }
        Call::ClaimUpload { upload, repository, claim, now, until } => answer(
            store.claim_upload(&repositories[repository], uploads[upload], claims[claim], at(now), at(until)).await,
        ),
        Call::RenewClaim { upload, claim, until } => {
            answer(store.renew_claim(uploads[upload], claims[claim], at(until)).await)
        }
        Call::ReleaseUpload { upload, repository, claim, offset, expires } => {
            let record = names.upload(upload, repository, offset, expires);
            answer(store.release_upload(&record, claims[claim]).await)
        }
        Call::RemoveUpload { upload, repository } => {
            answer(store.remove_upload(&repositories[repository], uploads[upload]).await)
        }
        Call::Tags { repository, after, limit } => answer(store.tags(&repositories[repository], after, limit).await),
        Call::Repositories { after, limit } => answer(store.repositories(after, limit).await),
        Call::Referrers { repository, subject, kind, after, limit, bytes } => {
            let after = after.map(digest);
            let query = ReferrersQuery {
                repository: &repositories[repository],
                subject: &digest(subject),
                artifact_type: kind,
                after: after.as_ref(),
                limit,
                limit_bytes: bytes,
            };
            answer(store.referrers(query).await)
        }
        Call::ExpiredUploads { now, limit } => answer(store.expired_uploads(at(now), limit).await),
        Call::CollectManifests { now, review } => {
            let mut reviewed = store.collect_manifests(at(now), at(review), 100).await;
            reviewed.iter_mut().for_each(|reviewed| reviewed.deleted.sort());
            answer(reviewed)
        }
        Call::CollectBlobs { now, fails, review } => {
            let mut reviewed = store.condemn_blobs(at(now), at(now + 1), 100).await.unwrap();
            reviewed.condemned.sort_by_key(|blob| blob.digest);
            let condemned = &reviewed.condemned[..];
            let put_off: Vec<_> = condemned.iter().map(|blob| (blob.clone(), at(review))).collect();
            let (gone, failed) = if fails { (&[][..], &put_off[..]) } else { (condemned, &[][..]) };
            store.forget_blobs(gone, failed).await.unwrap();
            format!("{reviewed:?}")
        }
        Call::Retain { repository, keep_last, untagged, has_history } => {
            side.retain(&repositories[repository], keep_last, untagged, has_history).await
        }
        Call::DeleteRepository { repository } => side.delete_repository(&repositories[repository]).await,
        Call::Collect { now, delete_untagged } => format!("{:?}", side.collect(now, delete_untagged).await),
        Call::Explain { content, limit } => answer(store.explain(&digest(content), limit).await),
        Call::Examine { blob } => {
            let Some(record) = store.recorded_blob(&digest(blob)).await.unwrap() else { return String::new() };
            let changed = match record.state {
                BlobState::Quarantined => store.release_blob(&record).await,
                BlobState::Served | BlobState::Condemned => store.quarantine_blob(&record).await,
            };
            format!("{:?} {} {}", record.state, record.location, answer(changed))
        }
        Call::RecordStray { blob, review } => {
            let (size_bytes, location) = (content(blob).len() as u64, BlobLocation::new("stray"));
            answer(store.record_stray_blob(&digest(blob), size_bytes, &location, at(review)).await)
        }
        Call::MoveDisplaced { now, next_turn, delete_after } => {
            let mut taken = store.take_displaced(at(now), at(next_turn), 100).await.unwrap();
            taken.sort_by(|one, other| one.location.cmp(&other.location));
            let mut moved = Vec::new();
            for DisplacedBlob { location, state } in &taken {
                store.leave_displaced(location, at(delete_after)).await.unwrap();
                if let Displacement::Recorded(digest) = state
                    && let Some(blob) = store.recorded_blob(digest).await.unwrap()
                {
                    let place = BlobLocation::new("place");
                    moved.push(answer(store.relocate_blob(&blob, &place, at(delete_after)).await));
                }
            }
            let locations: Vec<_> = taken.iter().map(|blob| blob.location.clone()).collect();
            store.forget_displaced(&locations).await.unwrap();
            format!("{taken:?} {moved:?}")
        }
        Call::NoteDisplaced { locations, delete_after } => {
            let found: Vec<_> = (0..locations).map(|location| BlobLocation::new(location.to_string())).collect();
            answer(store.note_displaced(&found, at(delete_after)).await)
        }
    }
}

async fn put_manifest(store: &dyn MetadataStore, names: &Names, put: Put) -> StoreResult<PutManifestOutcome> {
    let tags: Vec<Tag> = put.tags.iter().map(|tag| tag.parse().unwrap()).collect();
    let children = digests(&put.children);
    let blobs = digests(&put.blobs);
    let mut optional_blobs = digests(&put.optional_blobs);
    optional_blobs.retain(|blob| !blobs.contains(blob));
    let mut sparse_children = digests(&put.sparse_children);
    sparse_children.retain(|child| !children.contains(child));
    let subject = put.subject.map(digest);
    let manifest = PutManifest {
        repository: &names.repositories[put.repository],
        digest: &digest(put.manifest),
        media_type: put.media_type,
        artifact_type: put.artifact_type,
        subject: subject.as_ref(),
        annotations: &BTreeMap::from([("from".to_owned(), put.media_type.to_owned())]),
        payload: &content(put.manifest),
        blobs: &blobs,
        optional_blobs: &optional_blobs,
        children: &children,
        sparse_children: &sparse_children,
        tags: &tags,
        review_after: at(put.review),
        restorable_until: put.restorable.map(at),
    };
    store.put_manifest(manifest).await
}
