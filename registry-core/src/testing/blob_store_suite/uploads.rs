//! Cases about uploads that are not committed.

use std::time::Duration;

use bytes::Bytes;

use super::fixture::{assert_kind, collect_stream, commit, content, finish, open, push, read, stage, write};
use super::{BlobStoreSubject, nothing_is_left};
use crate::protocol::digest::Algorithm;
use crate::store::{StoreErrorKind, Timestamp};

/// No location exists for an upload that was not committed.
pub async fn nothing_is_visible_before_commit(subject: &dyn BlobStoreSubject) {
    let store = subject.open().await;
    let content = content(1000);
    // The location that the content would get, where a store derives it from the digest.
    let location = push(&*store, &content).await;
    store.delete(&location).await.expect("deleting");

    let staged = write(&*store, &content).await;
    assert_kind(store.read(&location, 0..1000).await, StoreErrorKind::NotFound);
    let location = finish(&*store, &staged, Algorithm::Sha256, &content).await;
    assert_eq!(read(&*store, &location, 0..1000).await, content);
    store.delete(&location).await.expect("deleting");
}

/// A writer that is opened at an offset that was synced continues there, also from another instance of the store.
pub async fn a_writer_continues_where_it_synced(subject: &dyn BlobStoreSubject) {
    let content = content(100_000);
    let mut staged = stage(&*subject.open().await).await;
    let mut offset = 0;
    for chunk in content.chunks(30_000) {
        let store = subject.open().await;
        let mut writer = open(&*store, &staged, offset).await;
        let (first, second) = chunk.split_at(chunk.len() / 3);
        writer.write(vec![Bytes::copy_from_slice(first)]).await.expect("writing");
        writer.sync().await.expect("syncing in between");
        writer.write(vec![Bytes::copy_from_slice(second)]).await.expect("writing on");
        staged = writer.sync().await.expect("syncing");
        offset += chunk.len() as u64;
    }
    let store = subject.open().await;
    assert_kind(store.open_writer(&staged, offset + 1).await.map(drop), StoreErrorKind::Corrupt);
    let read_back = collect_stream(store.read_staged(&staged, 65_000).await.expect("reading back")).await;
    assert!(read_back.expect("reading on") == content[..65_000]);
    let location = finish(&*store, &staged, Algorithm::Sha256, &content).await;
    assert!(read(&*store, &location, 0..100_000).await == content);
    store.delete(&location).await.expect("deleting");
}

/// What was written past the offset that a writer is opened at is gone.
pub async fn bytes_beyond_the_offset_are_dropped(subject: &dyn BlobStoreSubject) {
    let store = subject.open().await;
    let staged = write(&*store, b"kept and synced, ").await;
    let mut lost = open(&*store, &staged, 17).await;
    lost.write(vec![Bytes::from_static(b"but this never was")]).await.expect("writing");
    drop(lost);

    let mut writer = open(&*store, &staged, 17).await;
    writer.write(vec![Bytes::from_static(b"and more")]).await.expect("writing on");
    let staged = writer.sync().await.expect("syncing");
    drop(writer);
    let location = finish(&*store, &staged, Algorithm::Sha256, b"kept and synced, and more").await;
    assert_eq!(read(&*store, &location, 0..25).await, b"kept and synced, and more");
    assert_kind(store.read(&location, 0..26).await, StoreErrorKind::Corrupt);
    store.delete(&location).await.expect("deleting");
}

/// After `take_over`, writes by the previous writer do not change the upload.
pub async fn a_lost_writer_cannot_touch_what_followed(subject: &dyn BlobStoreSubject) {
    let store = subject.open().await;
    let old = stage(&*store).await;
    let mut lost = open(&*store, &old, 0).await;
    lost.write(vec![Bytes::from_static(b"synced ")]).await.expect("writing");
    let old = lost.sync().await.expect("syncing");
    lost.write(vec![Bytes::from_static(b"not recorded")]).await.expect("writing on");

    let other = subject.open().await;
    let new = other.take_over(&old, 7).await.expect("taking over");
    // Whatever becomes of these, it must not show.
    let _ = lost.write(vec![Bytes::from_static(b"late")]).await;
    let mut writer = open(&*other, &new, 7).await;
    let _ = lost.sync().await;
    writer.write(vec![Bytes::from_static(b"by ")]).await.expect("writing by the new writer");
    other.discard(&old).await.expect("discarding the old staging");
    let _ = lost.write(vec![Bytes::from_static(b"too late")]).await;
    let _ = lost.sync().await;
    writer.write(vec![Bytes::from_static(b"the heir")]).await.expect("writing by the new writer");
    let new = writer.sync().await.expect("syncing by the new writer");
    drop((lost, writer));
    let location = finish(&*other, &new, Algorithm::Sha256, b"synced by the heir").await;
    assert_eq!(read(&*store, &location, 0..18).await, b"synced by the heir");
    store.delete(&location).await.expect("deleting");

    let unwritten = stage(&*store).await;
    let taken = other.take_over(&unwritten, 0).await.expect("taking over what was never written");
    other.discard(&unwritten).await.expect("discarding");
    let location = finish(&*other, &taken, Algorithm::Sha256, b"").await;
    store.delete(&location).await.expect("deleting");
}

/// A discarded upload leaves nothing behind, and discarding it again succeeds.
pub async fn discard_leaves_nothing(subject: &dyn BlobStoreSubject) {
    let store = subject.open().await;
    let staged = write(&*store, b"written").await;
    store.discard(&staged).await.expect("discarding");
    assert_kind(store.open_writer(&staged, 7).await.map(drop), StoreErrorKind::Corrupt);
    nothing_is_left(subject).await;
    subject.open().await.discard(&staged).await.expect("discarding again");
    let unwritten = stage(&*store).await;
    store.discard(&unwritten).await.expect("discarding what was never written");
}

/// `staged_before` lists uploads by the time of their last write.
pub async fn abandoned_uploads_are_found(subject: &dyn BlobStoreSubject) {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let store = subject.open().await;
    let (yesterday, tomorrow) = (Timestamp::now().minus(DAY), Timestamp::now().plus(DAY));
    let other = subject.open().await;
    let ended = push(&*store, b"ended").await;
    let not_ended = write(&*store, b"committed").await;
    let committed = commit(&*store, &not_ended, Algorithm::Sha256, b"committed").await;
    let kept = usize::from(subject.keeps_committed_uploads());
    let first = write(&*store, b"first").await;
    let second = write(&*store, b"second").await;

    assert_eq!(other.staged_before(yesterday, 10).await.expect("listing"), []);
    let found = other.staged_before(tomorrow, 10).await.expect("listing");
    assert_eq!(found.len(), 2 + kept, "{found:?}");
    assert!(found.contains(&first) && found.contains(&second), "{found:?}");
    assert_eq!(found.contains(&not_ended), kept == 1, "{found:?}");
    assert_eq!(other.staged_before(tomorrow, 1).await.expect("listing").len(), 1);
    for staged in found {
        other.discard(&staged).await.expect("discarding what was listed");
    }
    assert_eq!(store.staged_before(tomorrow, 10).await.expect("listing"), []);
    assert_eq!(read(&*store, &committed, 0..9).await, b"committed");
    store.delete(&ended).await.expect("deleting");
    store.delete(&committed).await.expect("deleting");
}
