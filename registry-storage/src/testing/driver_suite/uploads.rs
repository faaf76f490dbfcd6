//! Cases about uploads, from the first byte to the file at the target.

use std::time::Duration;

use bytes::Bytes;
use registry_core::store::{StoreErrorKind, Timestamp};

use super::DriverSubject;
use super::fixture::{assert_kind, collect, content, delete, finish, path, read, upload};
use crate::driver::Content;

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
    let mut writer = driver.open_writer(&upload, 0).await.expect("opening at the start");
    writer.write(Vec::new()).await.expect("dropping all");
    drop(writer);
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

/// `UploadWriter::complete` makes all that was written and its last pieces a file, in place of one that is there, and
/// leaves no upload.
pub async fn a_writer_completes_its_upload(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let target = path("/suite/deep/er/target");
    let mut files = Vec::new();
    for (name, synced, written, last) in
        [("1", "", "", ""), ("2", "", "", "last"), ("3", "", "first, ", "last"), ("4", "before, ", "then ", "last")]
    {
        let mut upload = driver.begin_upload(&path(&format!("/suite/uploads/{name}"))).await.expect("beginning");
        if !synced.is_empty() {
            let mut writer = driver.open_writer(&upload, 0).await.expect("opening");
            writer.write(vec![Bytes::from(synced)]).await.expect("writing");
            upload = writer.sync().await.expect("syncing");
        }
        let mut writer = driver.open_writer(&upload, synced.len() as u64).await.expect("opening");
        if !written.is_empty() {
            writer.write(vec![Bytes::from(written)]).await.expect("writing");
        }
        let completed = writer.complete(vec![Bytes::from(last)], &target).await.expect("completing");
        let content = [synced, written, last].concat();
        let other = subject.open().await;
        assert_eq!(other.stat(&completed).await.expect("looking").size_bytes, content.len() as u64);
        assert_eq!(read(&*other, &completed, 0..content.len() as u64).await, content.as_bytes());
        let later = Timestamp::now().plus(Duration::from_secs(60));
        assert_eq!(other.uploads_before(&path("/suite/uploads"), later, 10).await.expect("listing"), []);
        files.push(completed);
    }
    delete(&*driver, &files).await;
}

/// If the upload was aborted meanwhile, completing it by its writer is `NotFound`.
pub async fn a_writer_completes_nothing_that_was_aborted(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let target = path("/suite/target");
    let upload = driver.begin_upload(&path("/suite/uploads/1")).await.expect("beginning");
    let mut writer = driver.open_writer(&upload, 0).await.expect("opening");
    writer.write(vec![Bytes::from_static(b"first, ")]).await.expect("writing");
    subject.open().await.abort_upload(&upload).await.expect("aborting");
    let completed = writer.complete(vec![Bytes::from_static(b"last")], &target).await;
    assert_kind(completed, StoreErrorKind::NotFound);
    assert_kind(driver.stat(&target).await, StoreErrorKind::NotFound);
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
