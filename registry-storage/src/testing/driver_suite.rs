//! What every [`StorageDriver`] has to do: one function for each line of its `# Behaviour`, and a macro that makes tests
//! of them.
//!
//! ```
//! use std::sync::Arc;
//!
//! use registry_storage::driver::StorageDriver;
//! use registry_storage::driver::inmemory::InMemoryDriver;
//! use registry_storage::testing::driver_suite::DriverSubject;
//!
//! struct InMemory(InMemoryDriver);
//!
//! #[async_trait::async_trait]
//! impl DriverSubject for InMemory {
//!     async fn open(&self) -> Arc<dyn StorageDriver> {
//!         Arc::new(self.0.clone())
//!     }
//! }
//!
//! async fn in_memory() -> InMemory {
//!     InMemory(InMemoryDriver::default())
//! }
//!
//! registry_storage::storage_driver_suite! { inmemory => in_memory }
//! # fn main() {}
//! ```

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt;
use registry_core::store::{StagedUpload, StoreErrorKind, Timestamp};

use crate::driver::{Content, StorageDriver};
use crate::error::DriverResult;
use crate::path::StoragePath;

/// Where a driver under test keeps its data; made anew for every case, and dropped with the data after it.
#[async_trait]
pub trait DriverSubject: Send + Sync {
    /// Opens one more instance of the driver over the same data.
    async fn open(&self) -> Arc<dyn StorageDriver>;

    /// Names everything that is kept, finished or not, if that can be told by another way than the driver's.
    async fn contents(&self) -> Option<Vec<String>> {
        None
    }
}

/// Makes a module of tests, one `#[tokio::test]` for each case, for each `name => constructor`.
///
/// A constructor is an async function without arguments that returns a
/// [`DriverSubject`](crate::testing::driver_suite::DriverSubject) without any content.
#[macro_export]
macro_rules! storage_driver_suite {
    ($($name:ident => $constructor:expr),+ $(,)?) => { $(
        mod $name {
            use super::*;

            $crate::storage_driver_suite! { @cases $constructor;
                what_was_put_is_read_back
                put_replaces
                what_is_missing_is_not_found
                reading_past_the_end_is_corrupt
                deleted_is_gone
                lists_come_in_pages
                a_list_of_nothing_is_empty
                an_unfinished_upload_is_not_at_its_target
                a_completed_upload_is_where_it_says
                completing_replaces
                completing_again_succeeds
                a_completed_upload_can_be_gone_on_with
                an_upload_without_writes_completes_to_nothing
                a_writer_continues_where_it_synced
                a_writer_needs_the_bytes_before_it
                bytes_beyond_are_dropped
                an_upload_can_be_read_back
                a_copied_upload_stands_alone
                an_aborted_upload_is_gone
                aborting_spares_what_was_completed
                unfinished_uploads_are_found
            }
        }
    )+ };
    (@cases $constructor:expr; $($case:ident)+) => { $(
        #[tokio::test]
        async fn $case() {
            let subject = $constructor().await;
            $crate::testing::driver_suite::$case(&subject).await;
            $crate::testing::driver_suite::nothing_is_left(&subject).await;
        }
    )+ };
}

/// `put` content comes back exactly, whole and by range, and `stat` tells its size.
pub async fn what_was_put_is_read_back(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let content = content(10_000);
    let (file, empty) = (path("/suite/deep/er/file"), path("/suite/empty"));
    driver.put(&file, content.clone()).await.expect("putting");
    driver.put(&empty, Bytes::new()).await.expect("putting nothing");
    let other = subject.open().await;
    for range in [0..10_000, 0..0, 0..1, 9_999..10_000, 10_000..10_000, 123..9_000] {
        let expected = &content[range.start as usize..range.end as usize];
        assert!(read(&*other, &file, range.clone()).await == expected, "{range:?}");
    }
    assert_eq!(read(&*other, &empty, 0..0).await, b"");
    let info = other.stat(&file).await.expect("looking");
    assert_eq!((info.path, info.size_bytes), (file.clone(), 10_000));
    assert_eq!(other.stat(&empty).await.expect("looking").size_bytes, 0);
    delete(&*driver, [&file, &empty]).await;
}

/// A second `put` replaces the first; a reader of the first is not disturbed.
pub async fn put_replaces(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let file = path("/suite/file");
    driver.put(&file, Bytes::from_static(b"the first, which is longer")).await.expect("putting");
    let reader = driver.read(&file, 0..26).await.expect("opening");
    driver.put(&file, Bytes::from_static(b"the second")).await.expect("putting again");
    assert_eq!(collect(reader).await.expect("reading on"), b"the first, which is longer");
    assert_eq!(driver.stat(&file).await.expect("looking").size_bytes, 10);
    assert_eq!(read(&*driver, &file, 0..10).await, b"the second");
    delete(&*driver, [&file]).await;
}

/// `read` and `stat` of a path without a file are `NotFound`, also if there are files below it.
pub async fn what_is_missing_is_not_found(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let file = path("/suite/directory/file");
    driver.put(&file, Bytes::from_static(b"x")).await.expect("putting");
    for missing in ["/suite/missing", "/suite/directory", "/suite/directory/file/below", "/suite/a/b/c"] {
        assert_kind(driver.read(&path(missing), 0..0).await, StoreErrorKind::NotFound);
        assert_kind(driver.stat(&path(missing)).await, StoreErrorKind::NotFound);
    }
    delete(&*driver, [&file]).await;
}

/// A range that ends beyond the file, or before it starts, is `Corrupt`.
pub async fn reading_past_the_end_is_corrupt(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let file = path("/suite/file");
    driver.put(&file, Bytes::from_static(b"0123456789")).await.expect("putting");
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    for range in [0..11, 10..11, 11..11, 0..u64::MAX, 5..4] {
        assert_kind(driver.read(&file, range).await, StoreErrorKind::Corrupt);
    }
    delete(&*driver, [&file]).await;
}

/// A deleted file is `NotFound`, its neighbours stay, and deleting it again succeeds.
pub async fn deleted_is_gone(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let (file, neighbour) = (path("/suite/a/file"), path("/suite/a/neighbour"));
    driver.put(&file, Bytes::from_static(b"x")).await.expect("putting");
    driver.put(&neighbour, Bytes::from_static(b"y")).await.expect("putting");
    driver.delete(&file).await.expect("deleting");
    assert_kind(subject.open().await.stat(&file).await, StoreErrorKind::NotFound);
    assert_kind(driver.read(&file, 0..0).await, StoreErrorKind::NotFound);
    driver.delete(&file).await.expect("deleting again");
    driver.delete(&path("/suite/never/was")).await.expect("deleting what never was");
    assert_eq!(read(&*driver, &neighbour, 0..1).await, b"y");
    driver.delete(&neighbour).await.expect("deleting");
    driver.put(&file, Bytes::from_static(b"z")).await.expect("putting where all was deleted");
    delete(&*driver, [&file]).await;
}

/// `list` gives every file below a directory, at any depth, in byte order of the paths, in pages of the asked-for length.
pub async fn lists_come_in_pages(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    // In byte order: `-` and `.` come before `/`, digits and letters after it.
    let all = ["a", "b-x/f", "b.x", "b/a/1", "b/a/2", "b/b", "b0", "bb/c/d/e/f", "c"];
    let paths: Vec<_> = all.map(|name| path(&format!("/suite/list/{name}"))).into();
    let beside = [path("/suite/list-not/f"), path("/suite/list0")];
    for (size, file) in paths.iter().chain(&beside).enumerate() {
        driver.put(file, content(size)).await.expect("putting");
    }
    let directory = path("/suite/list");
    for limit in [1, 2, 3, all.len() - 1, all.len(), all.len() + 1] {
        let mut listed: Vec<StoragePath> = Vec::new();
        loop {
            let page = driver.list(&directory, listed.last(), limit).await.expect("listing");
            assert!(page.items.len() <= limit);
            for file in page.items {
                assert_eq!(file.size_bytes, listed.len() as u64, "{}", file.path);
                listed.push(file.path);
            }
            assert_eq!(page.more, listed.len() < paths.len(), "by {limit}: {listed:?}");
            if !page.more {
                break;
            }
        }
        assert_eq!(listed, paths, "by {limit}");
    }
    // From a path that is not there, in a directory that is.
    let page = driver.list(&directory, Some(&path("/suite/list/b/a/11")), 1).await.expect("listing");
    assert_eq!(page.items[0].path, paths[4]);
    delete(&*driver, paths.iter().chain(&beside)).await;
}

/// A directory that is not there has no files.
pub async fn a_list_of_nothing_is_empty(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    for directory in ["/suite", "/suite/a/b"] {
        let page = driver.list(&path(directory), None, 10).await.expect("listing");
        assert!(page.items.is_empty() && !page.more);
    }
}

/// The target of an upload is `NotFound` until it is completed.
pub async fn an_unfinished_upload_is_not_at_its_target(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let target = path("/suite/target");
    let upload = upload(&*driver, "/suite/uploads/1", b"content").await;
    assert_kind(driver.stat(&target).await, StoreErrorKind::NotFound);
    let completed = finish(&*driver, &upload, &target, 7).await;
    assert_eq!(driver.stat(&completed).await.expect("looking").size_bytes, 7);
    delete(&*driver, [&completed]).await;
}

/// `complete_upload` returns a path with the content, which is the target where the `Capability` says so.
pub async fn a_completed_upload_is_where_it_says(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let target = path("/suite/deep/er/target");
    let content = content(300_000);
    let upload = upload(&*driver, "/suite/uploads/1", &content).await;
    let completed = subject.open().await.complete_upload(&upload, &target, 300_000).await.expect("completing");
    assert!(read(&*driver, &completed, 0..300_000).await == content);
    driver.abort_upload(&upload).await.expect("aborting");
    if driver.capability().completes_at_target {
        assert_eq!(completed, target);
        assert_kind(driver.stat(&path("/suite/uploads/1")).await, StoreErrorKind::NotFound);
    }
    delete(&*driver, [&completed]).await;
    let gone = driver.complete_upload(&upload, &target, 300_000).await;
    assert_kind(gone, StoreErrorKind::NotFound);
}

/// An upload that is completed to a path with a file replaces it.
pub async fn completing_replaces(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let target = path("/suite/target");
    let first = upload(&*driver, "/suite/uploads/1", b"damaged").await;
    let first = finish(&*driver, &first, &target, 7).await;
    let second = upload(&*driver, "/suite/uploads/2", b"what it has to be").await;
    let second = finish(&*driver, &second, &target, 17).await;
    assert_eq!(read(&*driver, &second, 0..17).await, b"what it has to be");
    delete(&*driver, [&first, &second]).await;
}

/// Completing an upload once more gives the same path, also when the upload is gone.
pub async fn completing_again_succeeds(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let target = path("/suite/target");
    let upload = upload(&*driver, "/suite/uploads/1", b"content").await;
    let first = driver.complete_upload(&upload, &target, 7).await.expect("completing");
    let again = subject.open().await.complete_upload(&upload, &target, 7).await.expect("completing again");
    assert_eq!(first, again);
    driver.abort_upload(&upload).await.expect("aborting");
    let again = subject.open().await.complete_upload(&upload, &target, 7).await.expect("completing a third time");
    assert_eq!(first, again);
    assert_eq!(read(&*driver, &first, 0..7).await, b"content");
    delete(&*driver, [&first]).await;
}

/// Where the `Capability` says that a completed upload is kept, what is written to it, or dropped, does not change the
/// file.
pub async fn a_completed_upload_can_be_gone_on_with(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    if !driver.capability().keeps_completed_uploads {
        return;
    }
    let (first, second, third) = (path("/suite/1"), path("/suite/2"), path("/suite/3"));
    let upload = upload(&*driver, "/suite/uploads/1", b"the first").await;
    let first = driver.complete_upload(&upload, &first, 9).await.expect("completing");

    let other = subject.open().await;
    let mut writer = other.open_writer(&upload, 4).await.expect("going on");
    writer.write(vec![Bytes::from_static(b"second, which is longer")]).await.expect("writing");
    let upload = writer.sync().await.expect("syncing");
    writer.write(vec![Bytes::from_static(b", not counted")]).await.expect("writing more");
    drop(writer);
    let second = other.complete_upload(&upload, &second, 27).await.expect("completing the second");
    // Dropping bytes must not shorten the second either.
    let third = driver.complete_upload(&upload, &third, 10).await.expect("completing the third");
    drop(driver.open_writer(&upload, 0).await.expect("dropping all"));
    let nothing = driver.read_upload(&upload, 1).await.map(drop);
    assert_kind(nothing, StoreErrorKind::Corrupt);
    driver.abort_upload(&upload).await.expect("aborting");

    for (file, content) in
        [(&first, &b"the first"[..]), (&second, b"the second, which is longer"), (&third, b"the second")]
    {
        assert_eq!(driver.stat(file).await.expect("looking").size_bytes, content.len() as u64);
        assert_eq!(read(&*driver, file, 0..content.len() as u64).await, content);
    }
    delete(&*driver, [&first, &second, &third]).await;
}

/// An upload without any write becomes an empty file.
pub async fn an_upload_without_writes_completes_to_nothing(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let never_opened = driver.begin_upload(&path("/suite/uploads/1")).await.expect("beginning");
    let never_written = upload(&*driver, "/suite/uploads/2", b"").await;
    for (upload, target) in [(never_opened, path("/suite/1")), (never_written, path("/suite/2"))] {
        let completed = finish(&*driver, &upload, &target, 0).await;
        assert_eq!(driver.stat(&completed).await.expect("looking").size_bytes, 0);
        assert_eq!(read(&*driver, &completed, 0..0).await, b"");
        delete(&*driver, [&completed]).await;
    }
}

/// A writer continues where the last one synced, also from another instance of the driver.
pub async fn a_writer_continues_where_it_synced(subject: &dyn DriverSubject) {
    let content = content(100_000);
    let mut upload = subject.open().await.begin_upload(&path("/suite/uploads/1")).await.expect("beginning");
    let mut offset = 0;
    for chunk in content.chunks(40_001) {
        let driver = subject.open().await;
        let mut writer = driver.open_writer(&upload, offset).await.expect("opening");
        for piece in chunk.chunks(20_000) {
            writer.write(vec![Bytes::new(), Bytes::copy_from_slice(piece)]).await.expect("writing");
            upload = writer.sync().await.expect("syncing");
        }
        offset += chunk.len() as u64;
    }
    let driver = subject.open().await;
    let completed = finish(&*driver, &upload, &path("/suite/target"), 100_000).await;
    assert!(read(&*driver, &completed, 0..100_000).await == content);
    delete(&*driver, [&completed]).await;
}

/// A writer at an offset that was not reached is `Corrupt`.
pub async fn a_writer_needs_the_bytes_before_it(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let never_written = driver.begin_upload(&path("/suite/uploads/1")).await.expect("beginning");
    let short = upload(&*driver, "/suite/uploads/2", b"short").await;
    assert_kind(driver.open_writer(&never_written, 1).await.map(drop), StoreErrorKind::Corrupt);
    assert_kind(driver.open_writer(&short, 6).await.map(drop), StoreErrorKind::Corrupt);
    assert_kind(driver.complete_upload(&short, &path("/suite/target"), 6).await, StoreErrorKind::Corrupt);
    driver.abort_upload(&never_written).await.expect("aborting");
    driver.abort_upload(&short).await.expect("aborting");
}

/// What was written past the offset that a writer is opened at, or that an upload is completed with, is gone.
pub async fn bytes_beyond_are_dropped(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let upload = upload(&*driver, "/suite/uploads/1", b"kept, ").await;
    let mut lost = driver.open_writer(&upload, 6).await.expect("opening");
    lost.write(vec![Bytes::from_static(b"never synced")]).await.expect("writing");
    drop(lost);
    let mut writer = driver.open_writer(&upload, 6).await.expect("opening again");
    writer.write(vec![Bytes::from_static(b"synced")]).await.expect("writing");
    let upload = writer.sync().await.expect("syncing");
    writer.write(vec![Bytes::from_static(b", not counted")]).await.expect("writing more");
    drop(writer);
    let completed = finish(&*driver, &upload, &path("/suite/target"), 12).await;
    assert_eq!(driver.stat(&completed).await.expect("looking").size_bytes, 12);
    assert_eq!(read(&*driver, &completed, 0..12).await, b"kept, synced");
    delete(&*driver, [&completed]).await;
}

/// `read_upload` gives what was synced, before it is completed.
pub async fn an_upload_can_be_read_back(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let content = content(600_000);
    let upload = upload(&*driver, "/suite/uploads/1", &content).await;
    for size in [0, 1, 599_999, 600_000] {
        let stream = subject.open().await.read_upload(&upload, size as u64).await.expect("opening");
        assert!(collect(Content::Stream(stream)).await.expect("reading") == content[..size], "{size}");
    }
    assert_kind(driver.read_upload(&upload, 600_001).await.map(drop), StoreErrorKind::Corrupt);
    driver.abort_upload(&upload).await.expect("aborting");
}

/// After `copy_upload`, writes to the one do not show in the other.
pub async fn a_copied_upload_stands_alone(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let (old, copied) = (path("/suite/uploads/1"), path("/suite/uploads/2"));
    let old = driver.begin_upload(&old).await.expect("beginning");
    let mut lost = driver.open_writer(&old, 0).await.expect("opening");
    lost.write(vec![Bytes::from_static(b"shared ")]).await.expect("writing");
    let old = lost.sync().await.expect("syncing");
    lost.write(vec![Bytes::from_static(b"by nobody")]).await.expect("writing on");

    let other = subject.open().await;
    assert_kind(other.copy_upload(&old, &path("/suite/uploads/3"), 17).await, StoreErrorKind::Corrupt);
    let copy = other.copy_upload(&old, &copied, 7).await.expect("copying");
    let mut writer = other.open_writer(&copy, 7).await.expect("opening the copy");
    // Whatever becomes of these, it must not show.
    let _ = lost.write(vec![Bytes::from_static(b" at all")]).await;
    other.abort_upload(&old).await.expect("aborting");
    let _ = lost.sync().await;
    writer.write(vec![Bytes::from_static(b"and gone on with")]).await.expect("writing to the copy");
    let copy = writer.sync().await.expect("syncing the copy");
    drop((lost, writer));
    let completed = finish(&*other, &copy, &path("/suite/target"), 23).await;
    assert_eq!(read(&*driver, &completed, 0..23).await, b"shared and gone on with");
    delete(&*driver, [&completed]).await;
}

/// Nothing of an aborted upload is left, and aborting it again succeeds.
pub async fn an_aborted_upload_is_gone(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let upload = upload(&*driver, "/suite/uploads/1", b"content").await;
    driver.abort_upload(&upload).await.expect("aborting");
    assert_kind(driver.open_writer(&upload, 7).await.map(drop), StoreErrorKind::Corrupt);
    assert_kind(driver.complete_upload(&upload, &path("/suite/target"), 7).await, StoreErrorKind::NotFound);
    subject.open().await.abort_upload(&upload).await.expect("aborting again");
}

/// The file that an upload was completed to stays when the upload is aborted.
pub async fn aborting_spares_what_was_completed(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let upload = upload(&*driver, "/suite/uploads/1", b"content").await;
    let completed = driver.complete_upload(&upload, &path("/suite/target"), 7).await.expect("completing");
    for _ in 0..2 {
        subject.open().await.abort_upload(&upload).await.expect("aborting");
        assert_eq!(read(&*driver, &completed, 0..7).await, b"content");
    }
    delete(&*driver, [&completed]).await;
}

/// `uploads_before` lists uploads by the time of their last write, also completed ones that are kept, and neither those
/// that have ended nor those in another directory.
pub async fn unfinished_uploads_are_found(subject: &dyn DriverSubject) {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let (yesterday, tomorrow) = (Timestamp::now().minus(DAY), Timestamp::now().plus(DAY));
    let driver = subject.open().await;
    let first = upload(&*driver, "/suite/uploads/1", b"first").await;
    let second = upload(&*driver, "/suite/uploads/2", b"second").await;
    let elsewhere = upload(&*driver, "/suite/uploads/else/3", b"third").await;
    let completed = upload(&*driver, "/suite/uploads/4", b"fourth").await;
    let file = driver.complete_upload(&completed, &path("/suite/target"), 6).await.expect("completing");
    let ended = upload(&*driver, "/suite/uploads/5", b"fifth").await;
    let other_file = finish(&*driver, &ended, &path("/suite/other-target"), 5).await;
    let kept = usize::from(driver.capability().keeps_completed_uploads);

    let (directory, other) = (path("/suite/uploads"), subject.open().await);
    assert_eq!(other.uploads_before(&directory, yesterday, 10).await.expect("listing"), []);
    let found = other.uploads_before(&directory, tomorrow, 10).await.expect("listing");
    assert_eq!(found.len(), 2 + kept, "{found:?}");
    assert!(found.contains(&first) && found.contains(&second), "{found:?}");
    assert_eq!(found.contains(&completed), kept == 1, "{found:?}");
    assert_eq!(other.uploads_before(&directory, tomorrow, 1).await.expect("listing").len(), 1);
    assert_eq!(other.uploads_before(&path("/suite/not-there"), tomorrow, 1).await.expect("listing"), []);
    for upload in found.iter().chain([&elsewhere]) {
        other.abort_upload(upload).await.expect("aborting");
    }
    assert_eq!(other.uploads_before(&directory, tomorrow, 10).await.expect("listing"), []);
    delete(&*driver, [&file, &other_file]).await;
}

/// Asserts that a driver which was used and emptied is ready and keeps nothing.
pub async fn nothing_is_left(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    driver.check().await.expect("the driver is ready");
    let page = driver.list(&path("/suite"), None, 100).await.expect("listing");
    assert_eq!(page.items, [], "left behind");
    if let Some(contents) = subject.contents().await {
        assert!(contents.is_empty(), "left behind: {contents:?}");
    }
}

async fn upload(driver: &dyn StorageDriver, at: &str, content: &[u8]) -> StagedUpload {
    let upload = driver.begin_upload(&path(at)).await.expect("beginning");
    let mut writer = driver.open_writer(&upload, 0).await.expect("opening");
    // More pieces than a system takes in one call.
    let pieces = content.chunks(content.len() / 2000 + 1).map(Bytes::copy_from_slice).collect();
    writer.write(pieces).await.expect("writing");
    writer.sync().await.expect("syncing")
}

/// Completes an upload and ends it.
async fn finish(
    driver: &dyn StorageDriver,
    upload: &StagedUpload,
    target: &StoragePath,
    size_bytes: u64,
) -> StoragePath {
    let completed = driver.complete_upload(upload, target, size_bytes).await.expect("completing");
    driver.abort_upload(upload).await.expect("aborting what was completed");
    completed
}

async fn read(driver: &dyn StorageDriver, path: &StoragePath, range: Range<u64>) -> Vec<u8> {
    collect(driver.read(path, range).await.expect("opening a file")).await.expect("reading a file")
}

async fn collect(content: Content) -> DriverResult<Vec<u8>> {
    match content {
        Content::File { mut file, range } => {
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(range.start)).expect("a file can be sought in");
            file.take(range.end - range.start).read_to_end(&mut bytes).expect("a file can be read");
            Ok(bytes)
        }
        Content::Stream(stream) => {
            let pieces: Vec<Bytes> = stream.try_collect().await?;
            Ok(pieces.concat())
        }
    }
}

async fn delete<'a>(driver: &dyn StorageDriver, paths: impl IntoIterator<Item = &'a StoragePath>) {
    for path in paths {
        driver.delete(path).await.expect("deleting");
    }
}

fn path(text: &str) -> StoragePath {
    text.parse().expect("a path of the suite")
}

/// Bytes without a short period, so that a piece in the wrong place shows.
fn content(len: usize) -> Bytes {
    (0u32..).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).take(len).collect()
}

fn assert_kind<T: std::fmt::Debug>(result: DriverResult<T>, kind: StoreErrorKind) {
    assert_eq!(result.expect_err("the driver cannot do this").kind(), kind);
}

#[cfg(test)]
mod tests {
    /// The trait's documentation, the functions and the macro's list name the same cases.
    #[test]
    fn every_behaviour_has_a_case() {
        let documented = include_str!("../driver/mod.rs").lines().filter_map(|line| line.strip_prefix("/// - `"));
        let documented: Vec<_> = documented.filter_map(|line| line.split_once("`:")).map(|(name, _)| name).collect();
        let suite = include_str!("driver_suite.rs");
        let listed = suite.split_once("@cases $constructor;\n").and_then(|(_, rest)| rest.split_once('}'));
        let listed: Vec<_> = listed.expect("the macro lists the cases").0.split_whitespace().collect();
        assert_eq!(documented, listed);
        for name in listed {
            assert!(suite.contains(&format!("pub async fn {name}(")), "{name}");
        }
    }
}
