//! Making a call to a store, and putting its answer as text.

use std::collections::BTreeMap;
use std::fmt::Debug;

use registry_core::protocol::reference::Tag;
use registry_core::store::displaced::{DisplacedBlob, Displacement};
use registry_core::store::history::RestoreTag;
use registry_core::store::inventory::BlobState;
use registry_core::store::metadata::{CommitBlob, PutManifest, PutManifestOutcome, ReferrersQuery};
use registry_core::store::{BlobLocation, MetadataStore, StoreError, StoreResult};

use super::call::{Call, Put};
use super::names::{Names, at, content, digest, digests};
use super::side::Side;

/// Returns an answer as text; of an error only the kind counts.
pub(super) fn answer<T: Debug>(result: StoreResult<T>) -> String {
    format!("{:?}", result.map_err(|error: StoreError| error.kind()))
}

/// Makes a call, and returns all that it answers.
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
                is_replicated: false,
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
