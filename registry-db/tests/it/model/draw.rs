//! Random calls.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::call::{Call, Put};
use super::names::{CONTENTS, REPOSITORIES, TAGS, UPLOADS};

/// Draws a call; those that bring much about are drawn more often.
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
