//! Cases about committing uploads.

use bytes::Bytes;

use super::BlobStoreSubject;
use super::fixture::{assert_kind, commit, content, finish, open, push, read, stage, write};
use crate::protocol::digest::{Algorithm, Digest};
use crate::store::{StoreErrorKind, Timestamp};

/// What was written and committed is read back exactly, whole and by range.
pub async fn committed_bytes_come_back(subject: &dyn BlobStoreSubject) {
    let store = subject.open().await;
    for algorithm in Algorithm::ALL {
        let content = content(300_000);
        let staged = stage(&*store).await;
        let mut writer = open(&*store, &staged, 0).await;
        writer.write(vec![]).await.expect("writing nothing");
        writer.write(vec![Bytes::new(), content.slice(..1), content.slice(1..70_001)]).await.expect("writing three");
        // More pieces than a system takes in one call.
        let small = content.slice(70_001..);
        writer.write(small.chunks(100).map(|piece| small.slice_ref(piece)).collect()).await.expect("writing many");
        let staged = writer.sync().await.expect("syncing");
        drop(writer);
        let location = finish(&*store, &staged, algorithm, &content).await;

        let other = subject.open().await;
        for range in [0..300_000, 0..0, 0..1, 299_999..300_000, 300_000..300_000, 12_345..270_000] {
            let expected = &content[range.start as usize..range.end as usize];
            assert!(read(&*other, &location, range.clone()).await == expected, "{range:?} of {location}");
        }
        assert_kind(store.read(&location, 0..300_001).await, StoreErrorKind::Corrupt);
        store.delete(&location).await.expect("deleting");
    }
}

/// Committing content that is there already succeeds and gives a location with that content.
pub async fn commit_is_idempotent(subject: &dyn BlobStoreSubject) {
    let store = subject.open().await;
    let content = content(5000);
    let staged = write(&*store, &content).await;
    let first = commit(&*store, &staged, Algorithm::Sha256, &content).await;
    // The same upload once more, as if the first answer had been lost; then another upload of the same content.
    let again = commit(&*subject.open().await, &staged, Algorithm::Sha256, &content).await;
    store.discard(&staged).await.expect("discarding");
    let second = push(&*store, &content).await;
    for location in [&first, &again, &second] {
        assert!(read(&*store, location, 0..5000).await == content);
    }
    for location in [&first, &again, &second] {
        store.delete(location).await.expect("deleting");
    }
}

/// In a store that keeps a committed upload, what is written to it does not change the blob. Elsewhere its staging is
/// `Corrupt` to a writer.
pub async fn a_committed_upload_can_be_gone_on_with(subject: &dyn BlobStoreSubject) {
    let store = subject.open().await;
    let whole = content(5000);
    let mut staged = write(&*store, &whole).await;
    let first = commit(&*store, &staged, Algorithm::Sha256, &whole).await;
    let mut locations = vec![first.clone()];
    // Each goes on from what the one before it has committed.
    for offset in [5000, 2000, 0] {
        let store = subject.open().await;
        if !subject.keeps_committed_uploads() {
            match store.open_writer(&staged, offset).await {
                // What begins anew needs nothing of what was; whether it gets far is left open.
                Ok(mut writer) if offset == 0 => {
                    let _ = writer.write(vec![Bytes::from_static(b"other bytes")]).await;
                    let _ = writer.sync().await;
                }
                opened => assert_kind(opened.map(drop), StoreErrorKind::Corrupt),
            }
            continue;
        }
        let mut writer = open(&*store, &staged, offset).await;
        writer.write(vec![Bytes::from_static(b"other bytes")]).await.expect("writing on");
        staged = writer.sync().await.expect("syncing");
        drop(writer);
        let longer = [&whole[..offset as usize], b"other bytes"].concat();
        let location = commit(&*store, &staged, Algorithm::Sha256, &longer).await;
        // What is cut off here belongs to the upload alone.
        locations.push(commit(&*store, &staged, Algorithm::Sha256, &longer[..longer.len() - 4]).await);
        assert!(read(&*store, &location, 0..offset + 11).await == longer, "from {offset}");
        assert!(read(&*store, &first, 0..5000).await == whole, "from {offset}");
        locations.push(location);
    }
    store.discard(&staged).await.expect("discarding");
    assert!(read(&*store, &first, 0..5000).await == whole, "discarding spares the blob");
    for location in &locations {
        store.delete(location).await.expect("deleting");
    }
}

/// An upload without any write commits to zero bytes.
pub async fn an_empty_blob_can_be_committed(subject: &dyn BlobStoreSubject) {
    let store = subject.open().await;
    let never_opened = stage(&*store).await;
    let never_written = write(&*store, b"").await;
    for staged in [never_opened, never_written] {
        let location = commit(&*subject.open().await, &staged, Algorithm::Sha256, b"").await;
        store.discard(&staged).await.expect("discarding");
        assert_eq!(read(&*store, &location, 0..0).await, b"");
        store.delete(&location).await.expect("deleting");
    }
}

/// `BlobWriter::commit` makes all that was written and its last pieces a blob, in place of one that is there, and leaves
/// no upload.
pub async fn a_writer_commits_what_it_wrote(subject: &dyn BlobStoreSubject) {
    let store = subject.open().await;
    let content = content(300_000);
    let digest = Digest::of(Algorithm::Sha256, &content);
    let mut locations = Vec::new();
    for written in [0, 1, 299_999, 300_000] {
        let mut writer = open(&*store, &stage(&*store).await, 0).await;
        writer.write(vec![content.slice(..written)]).await.expect("writing");
        let committed = writer.commit(vec![Bytes::new(), content.slice(written..)], &digest).await.expect("committing");
        assert!(read(&*subject.open().await, &committed, 0..300_000).await == content, "{written}");
        assert_eq!(store.staged_before(Timestamp::from_micros(i64::MAX), 10).await.expect("listing"), []);
        locations.push(committed);
    }
    for location in &locations {
        store.delete(location).await.expect("deleting");
    }
}

/// If the upload was discarded meanwhile, committing it by its writer is `NotFound`.
pub async fn a_writer_commits_nothing_that_was_discarded(subject: &dyn BlobStoreSubject) {
    let store = subject.open().await;
    let staged = stage(&*store).await;
    let mut writer = open(&*store, &staged, 0).await;
    writer.write(vec![Bytes::from_static(b"first, ")]).await.expect("writing");
    subject.open().await.discard(&staged).await.expect("discarding");
    let digest = Digest::of(Algorithm::Sha256, b"first, last");
    let committed = writer.commit(vec![Bytes::from_static(b"last")], &digest).await;
    assert_kind(committed, StoreErrorKind::NotFound);
}
