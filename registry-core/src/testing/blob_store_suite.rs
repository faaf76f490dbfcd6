//! What every [`BlobStore`] has to do: one function for each line of its `# Behaviour`, and a macro that makes tests of
//! them.
//!
//! ```
//! use std::sync::Arc;
//!
//! use registry_core::memory::MemoryBlobStore;
//! use registry_core::store::BlobStore;
//! use registry_core::testing::blob_store_suite::BlobStoreSubject;
//!
//! struct InMemory(MemoryBlobStore);
//!
//! #[async_trait::async_trait]
//! impl BlobStoreSubject for InMemory {
//!     async fn open(&self) -> Arc<dyn BlobStore> {
//!         Arc::new(self.0.clone())
//!     }
//! }
//!
//! async fn in_memory() -> InMemory {
//!     InMemory(MemoryBlobStore::default())
//! }
//!
//! registry_core::blob_store_suite! { memory => in_memory }
//! # fn main() {}
//! ```

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt;

use crate::protocol::digest::{Algorithm, Digest};
use crate::store::{
    BlobLocation, BlobRead, BlobStore, BlobWriter, ByteStream, StagedUpload, StoreErrorKind, StoreResult, Timestamp,
    UploadId,
};

/// Where a store under test keeps its data; made anew for every case, and dropped with the data after it.
#[async_trait]
pub trait BlobStoreSubject: Send + Sync {
    /// Opens one more instance of the store over the same data.
    async fn open(&self) -> Arc<dyn BlobStore>;

    /// Tells whether the store keeps committed uploads until they are discarded.
    fn keeps_committed_uploads(&self) -> bool {
        true
    }

    /// Names everything that is kept, committed or not, if that can be told.
    async fn contents(&self) -> Option<Vec<String>> {
        None
    }
}

/// Makes a module of tests, one `#[tokio::test]` for each case, for each `name => constructor`.
///
/// A constructor is an async function without arguments that returns a
/// [`BlobStoreSubject`](crate::testing::blob_store_suite::BlobStoreSubject) without any content.
#[macro_export]
macro_rules! blob_store_suite {
    ($($name:ident => $constructor:expr),+ $(,)?) => { $(
        mod $name {
            use super::*;

            $crate::blob_store_suite! { @cases $constructor;
                committed_bytes_come_back
                nothing_is_visible_before_commit
                a_writer_continues_where_it_synced
                bytes_beyond_the_offset_are_dropped
                a_lost_writer_cannot_touch_what_followed
                commit_is_idempotent
                a_committed_upload_can_be_gone_on_with
                an_empty_blob_can_be_committed
                a_writer_commits_what_it_wrote
                a_writer_commits_nothing_that_was_discarded
                discard_leaves_nothing
                abandoned_uploads_are_found
                deleted_is_gone
                what_was_set_aside_outlives_the_blob
                all_that_were_deleted_are_gone
            }
        }
    )+ };
    (@cases $constructor:expr; $($case:ident)+) => { $(
        #[tokio::test]
        async fn $case() {
            let subject = $constructor().await;
            $crate::testing::blob_store_suite::$case(&subject).await;
            $crate::testing::blob_store_suite::nothing_is_left(&subject).await;
        }
    )+ };
}

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

/// A deleted location is `NotFound`, and deleting it again succeeds.
pub async fn deleted_is_gone(subject: &dyn BlobStoreSubject) {
    let store = subject.open().await;
    let (content, kept_content) = (content(100), content(101));
    let location = push(&*store, &content).await;
    let kept = push(&*store, &kept_content).await;
    store.delete(&location).await.expect("deleting");
    assert_kind(subject.open().await.read(&location, 0..100).await, StoreErrorKind::NotFound);
    store.delete(&location).await.expect("deleting again");
    assert_eq!(read(&*store, &kept, 0..101).await, kept_content);

    let location = push(&*store, &content).await;
    assert_eq!(read(&*store, &location, 0..100).await, content);
    store.delete(&location).await.expect("deleting the new one");
    store.delete(&kept).await.expect("deleting the other");
}

/// The same for `delete_all`, which leaves all others alone.
pub async fn all_that_were_deleted_are_gone(subject: &dyn BlobStoreSubject) {
    let store = subject.open().await;
    let kept_content = content(50);
    let kept = push(&*store, &kept_content).await;
    let mut locations = Vec::new();
    for size_bytes in 100..120 {
        locations.push(push(&*store, &content(size_bytes)).await);
    }
    store.delete(&locations[7]).await.expect("deleting one of them before");
    assert!(store.delete_all(&[]).await.is_empty());
    let deleted = store.delete_all(&locations).await;
    assert_eq!(deleted.len(), locations.len());
    deleted.into_iter().for_each(|deleted| deleted.expect("deleting all"));
    for location in &locations {
        assert_kind(store.read(location, 0..100).await, StoreErrorKind::NotFound);
    }
    assert_eq!(read(&*store, &kept, 0..50).await, kept_content);
    store.delete(&kept).await.expect("deleting the other");
}

/// Asserts that a store which was used and emptied is ready and keeps nothing.
pub async fn nothing_is_left(subject: &dyn BlobStoreSubject) {
    subject.open().await.check().await.expect("the store is ready");
    if let Some(contents) = subject.contents().await {
        assert!(contents.is_empty(), "left behind: {contents:?}");
    }
}

/// Stages, writes, syncs and commits `content` under its sha256 digest, and discards the upload.
pub async fn push(store: &dyn BlobStore, content: &[u8]) -> BlobLocation {
    let staged = write(store, content).await;
    finish(store, &staged, Algorithm::Sha256, content).await
}

/// Reads a range of a blob to its end.
pub async fn read(store: &dyn BlobStore, location: &BlobLocation, range: Range<u64>) -> Vec<u8> {
    collect(store.read(location, range).await.expect("opening a blob")).await.expect("reading a blob")
}

/// Reads to the end what a store has opened.
pub async fn collect(read: BlobRead) -> StoreResult<Vec<u8>> {
    match read {
        BlobRead::File { mut file, range } => {
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(range.start)).expect("a blob's file can be sought in");
            file.take(range.end - range.start).read_to_end(&mut bytes).expect("a blob's file can be read");
            Ok(bytes)
        }
        BlobRead::Stream(stream) => collect_stream(stream).await,
    }
}

/// What was found damaged stays to be looked at, whatever becomes of the blob.
pub async fn what_was_set_aside_outlives_the_blob(subject: &dyn BlobStoreSubject) {
    let store = subject.open().await;
    let [damaged, whole] = [&b"damaged"[..], b"whole"];
    let digest = Digest::of(Algorithm::Sha256, whole);
    let write_as = async |content: &[u8]| {
        let staged = write(&*store, content).await;
        let location = store.commit(&staged, &digest, content.len() as u64).await.expect("committing");
        store.discard(&staged).await.expect("discarding");
        location
    };
    let location = write_as(damaged).await;
    let aside = store.set_aside(&location, &digest).await.expect("setting aside");
    assert_eq!(read(&*store, &location, 0..7).await, damaged, "the blob stays");
    let location = write_as(whole).await;
    let again = store.set_aside(&location, &digest).await.expect("setting aside");
    assert_ne!(aside, again);
    store.delete(&location).await.expect("deleting");
    assert_eq!(read(&*store, &aside, 0..7).await, damaged);
    assert_eq!(read(&*store, &again, 0..5).await, whole);
    assert_kind(store.set_aside(&location, &digest).await, StoreErrorKind::NotFound);
    for aside in [aside, again] {
        store.delete(&aside).await.expect("deleting");
    }
}

async fn collect_stream(stream: ByteStream) -> StoreResult<Vec<u8>> {
    stream.try_fold(Vec::new(), async |bytes, piece| Ok([&bytes[..], &piece].concat())).await
}

async fn stage(store: &dyn BlobStore) -> StagedUpload {
    store.stage(UploadId::random()).await.expect("staging")
}

async fn open(store: &dyn BlobStore, staged: &StagedUpload, offset: u64) -> Box<dyn BlobWriter> {
    store.open_writer(staged, offset).await.expect("opening a writer")
}

async fn write(store: &dyn BlobStore, content: &[u8]) -> StagedUpload {
    let staged = stage(store).await;
    let mut writer = open(store, &staged, 0).await;
    if !content.is_empty() {
        writer.write(vec![Bytes::copy_from_slice(content)]).await.expect("writing");
    }
    writer.sync().await.expect("syncing")
}

async fn commit(store: &dyn BlobStore, staged: &StagedUpload, algorithm: Algorithm, content: &[u8]) -> BlobLocation {
    let digest = Digest::of(algorithm, content);
    store.commit(staged, &digest, content.len() as u64).await.expect("committing")
}

async fn finish(store: &dyn BlobStore, staged: &StagedUpload, algorithm: Algorithm, content: &[u8]) -> BlobLocation {
    let location = commit(store, staged, algorithm, content).await;
    store.discard(staged).await.expect("discarding");
    location
}

/// Bytes without a short period, so that a piece in the wrong place shows.
fn content(len: usize) -> Bytes {
    (0u32..).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).take(len).collect()
}

fn assert_kind<T: std::fmt::Debug>(result: StoreResult<T>, kind: StoreErrorKind) {
    assert_eq!(result.expect_err("the store cannot have this").kind(), kind);
}

#[cfg(test)]
mod tests {
    /// The trait's documentation, the functions and the macro's list name the same cases.
    #[test]
    fn every_behaviour_has_a_case() {
        let documented = include_str!("../store/blob.rs").lines().filter_map(|line| line.strip_prefix("/// - `"));
        let documented: Vec<_> = documented.filter_map(|line| line.split_once("`:")).map(|(name, _)| name).collect();
        let suite = include_str!("blob_store_suite.rs");
        let listed = suite.split_once("@cases $constructor;\n").and_then(|(_, rest)| rest.split_once('}'));
        let listed: Vec<_> = listed.expect("the macro lists the cases").0.split_whitespace().collect();
        assert_eq!(documented, listed);
        for name in listed {
            assert!(suite.contains(&format!("pub async fn {name}(")), "{name}");
        }
    }
}
