//! The file system driver when the file system does not do its part.

mod mount;

use std::error::Error;
use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::join_all;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::store::{BlobLocation, BlobStore, StagedUpload, StoreErrorKind, Timestamp, UploadId};
use registry_core::testing::blob_store_suite::{collect, push, read};
use registry_storage::driver::filesystem::FilesystemDriver;
use registry_storage::{FilesystemConfig, StorageConfig};

use self::mount::Tmpfs;
use crate::subject::{Filesystem, files, filesystem};

/// Stages an upload, and puts something else where its file goes.
async fn staged_onto(subject: &Filesystem, store: &dyn BlobStore, device: &str) -> (StagedUpload, PathBuf) {
    let id = UploadId::random();
    let staged = store.stage(id).await.unwrap();
    let uploads = subject.0.path().join("docker/registry/v2/uploads");
    fs::create_dir_all(&uploads).unwrap();
    symlink(device, uploads.join(id.to_string())).unwrap();
    (staged, uploads.join(id.to_string()))
}

async fn written(store: &dyn BlobStore, content: &'static [u8]) -> StagedUpload {
    let staged = store.stage(UploadId::random()).await.unwrap();
    let mut writer = store.open_writer(&staged, 0).await.unwrap();
    writer.write(vec![Bytes::from_static(content)]).await.unwrap();
    writer.sync().await.unwrap()
}

fn later() -> Timestamp {
    Timestamp::now().plus(Duration::from_secs(60))
}

#[test]
fn a_root_that_is_a_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    for root in [file.clone(), file.join("below")] {
        let error = StorageConfig::Filesystem(FilesystemConfig::new(&root)).build().unwrap_err();
        assert_eq!(error.to_string(), format!("cannot use the root directory `{}`", root.display()));
        assert!(error.source().unwrap().to_string().to_lowercase().starts_with("not a directory"), "{error:?}");
    }
}

#[test]
fn a_root_that_cannot_be_written_to_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::set_permissions(&root, Permissions::from_mode(0o555)).unwrap();
    // Permissions do not bind a privileged user, but a mount that is read-only does.
    let privileged = fs::write(root.join("probe"), "").is_ok();
    let mounted = if privileged { Tmpfs::mount(&root, "ro") } else { None };
    if privileged && mounted.is_none() {
        return;
    }
    let error = FilesystemDriver::open(&FilesystemConfig::new(&root)).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot use the root directory `{}`", root.display()));
}

#[tokio::test]
async fn a_root_is_made_with_all_that_it_is_in() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("a/b/c");
    let store = StorageConfig::Filesystem(FilesystemConfig::new(&root)).build().unwrap();
    push(&*store, b"hello").await;
    assert_eq!(files(&root).len(), 1);
    fs::remove_dir_all(&root).unwrap();
    assert_eq!(store.check().await.unwrap_err().kind(), StoreErrorKind::NotFound);
}

#[tokio::test]
async fn a_tree_that_was_removed_is_made_again() {
    let subject = filesystem().await;
    let store = subject.blob_store();
    let lost = push(&store, b"hello").await;
    fs::remove_dir_all(subject.0.path().join("docker")).unwrap();
    assert_eq!(store.read(&lost, 0..5).await.unwrap_err().kind(), StoreErrorKind::NotFound);
    let location = push(&store, b"hello").await;
    assert_eq!(read(&store, &location, 0..5).await, b"hello");
}

#[tokio::test]
async fn a_full_device_is_out_of_space() {
    let subject = filesystem().await;
    let store = subject.blob_store();
    let (staged, _) = staged_onto(&subject, &store, "/dev/full").await;
    let mut writer = store.open_writer(&staged, 0).await.unwrap();
    let error = writer.write(vec![Bytes::from_static(b"x")]).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::OutOfSpace, "{error:?}");
    let again = writer.write(vec![Bytes::from_static(b"x")]).await.unwrap_err();
    assert_eq!(again.kind(), StoreErrorKind::Other, "a writer that failed is of no more use");
    assert!(writer.sync().await.is_err());
    drop(writer);
    store.discard(&staged).await.unwrap();
    push(&store, b"elsewhere there is room").await;
}

#[tokio::test]
async fn a_full_file_system_works_again_once_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let Some(_mounted) = Tmpfs::mount(directory.path(), "size=1m") else { return };
    let store = StorageConfig::Filesystem(FilesystemConfig::new(directory.path())).build().unwrap();
    let kept = push(&*store, &[1; 300_000]).await;

    let staged = store.stage(UploadId::random()).await.unwrap();
    let mut writer = store.open_writer(&staged, 0).await.unwrap();
    let error = writer.write(vec![Bytes::from(vec![2; 1_000_000])]).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::OutOfSpace, "{error:?}");
    drop(writer);
    store.check().await.expect("a full disk still serves");
    assert_eq!(read(&*store, &kept, 0..300_000).await, [1; 300_000]);
    store.discard(&staged).await.unwrap();
    let location = push(&*store, &[2; 600_000]).await;
    assert_eq!(read(&*store, &location, 0..600_000).await, [2; 600_000]);
}

#[tokio::test]
async fn a_failed_sync_loses_the_upload() {
    let subject = filesystem().await;
    let store = subject.blob_store();
    // Takes what is written, and cannot be synced.
    let (staged, file) = staged_onto(&subject, &store, "/dev/null").await;
    let mut writer = store.open_writer(&staged, 0).await.unwrap();
    writer.write(vec![Bytes::from_static(b"x")]).await.unwrap();
    let error = writer.sync().await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot sync `{}`", staged.as_str()));
    assert!(writer.sync().await.is_err(), "a failed sync is not repeated");
    assert!(fs::symlink_metadata(file).is_err(), "nobody may go on with the upload");
    assert_eq!(store.open_writer(&staged, 1).await.map(drop).unwrap_err().kind(), StoreErrorKind::Corrupt);
}

#[tokio::test]
async fn an_upload_that_was_cut_off_is_corrupt() {
    let subject = filesystem().await;
    let store = subject.blob_store();
    let staged = written(&store, b"0123456789").await;
    let read_back = store.read_staged(&staged, 10).await.unwrap();
    let file = subject.0.path().join(&staged.as_str()[1..]);
    OpenOptions::new().write(true).open(file).unwrap().set_len(4).unwrap();

    let digest = Digest::of(Algorithm::Sha256, b"0123456789");
    let corrupt = StoreErrorKind::Corrupt;
    assert_eq!(store.open_writer(&staged, 10).await.map(drop).unwrap_err().kind(), corrupt);
    assert_eq!(store.read_staged(&staged, 10).await.map(drop).unwrap_err().kind(), corrupt);
    assert_eq!(store.take_over(&staged, 10).await.unwrap_err().kind(), corrupt);
    assert_eq!(store.commit(&staged, &digest, 10).await.unwrap_err().kind(), corrupt);
    let cut_off = collect(registry_core::store::BlobRead::Stream(read_back)).await;
    assert_eq!(cut_off.unwrap_err().kind(), corrupt, "a stream that was open says so too");
    store.discard(&staged).await.unwrap();
    assert_eq!(files(subject.0.path()), [""; 0]);
}

#[tokio::test]
async fn a_blob_that_was_cut_off_is_corrupt_until_it_is_pushed_again() {
    let subject = filesystem().await;
    let store = subject.blob_store();
    let location = push(&store, b"0123456789").await;
    let file = subject.0.path().join(&location.as_str()[1..]);
    OpenOptions::new().write(true).open(file).unwrap().set_len(4).unwrap();
    assert_eq!(store.read(&location, 0..10).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
    let location = push(&store, b"0123456789").await;
    assert_eq!(read(&store, &location, 0..10).await, b"0123456789");
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_refused() {
    let subject = filesystem().await;
    let store = subject.blob_store();
    for text in ["", "relative", "/docker/../../etc/passwd", "/docker/registry/v2/blobs/sha256/ab/../x"] {
        let (location, staged) = (BlobLocation::new(text), StagedUpload::new(text));
        assert_eq!(store.read(&location, 0..0).await.unwrap_err().kind(), StoreErrorKind::Corrupt, "{text}");
        assert_eq!(store.delete(&location).await.unwrap_err().kind(), StoreErrorKind::Corrupt, "{text}");
        assert_eq!(store.discard(&staged).await.unwrap_err().kind(), StoreErrorKind::Corrupt, "{text}");
    }
}

#[tokio::test]
async fn a_second_writer_is_kept_out() {
    let subject = filesystem().await;
    let (store, other) = (subject.blob_store(), subject.blob_store());
    let staged = store.stage(UploadId::random()).await.unwrap();
    let mut writer = store.open_writer(&staged, 0).await.unwrap();
    writer.write(vec![Bytes::from_static(b"first")]).await.unwrap();
    let mut second = other.open_writer(&staged, 0).await.unwrap();
    assert_eq!(second.write(Vec::new()).await.unwrap_err().kind(), StoreErrorKind::Conflict);
    let digest = Digest::of(Algorithm::Sha256, b"first");
    assert_eq!(other.commit(&staged, &digest, 5).await.unwrap_err().kind(), StoreErrorKind::Conflict);
    writer.sync().await.unwrap();
    drop(writer);
    let location = other.commit(&staged, &digest, 5).await.unwrap();
    assert_eq!(read(&store, &location, 0..5).await, b"first");
}

#[tokio::test]
async fn a_write_that_nobody_waits_for_cannot_touch_what_follows() {
    let subject = filesystem().await;
    let store = subject.blob_store();
    let staged = store.stage(UploadId::random()).await.unwrap();
    let mut writer = store.open_writer(&staged, 0).await.unwrap();
    let abandoned = writer.write(vec![Bytes::from(vec![1; 32 * 1024 * 1024])]).now_or_never();
    if abandoned.is_none() {
        assert!(writer.write(vec![Bytes::from_static(b"x")]).await.is_err(), "the writer is of no more use");
    }
    drop(writer);
    let mut writer = loop {
        let mut writer = store.open_writer(&staged, 0).await.unwrap();
        match writer.write(Vec::new()).await {
            Err(error) if error.kind() == StoreErrorKind::Conflict => {
                tokio::time::sleep(Duration::from_millis(1)).await
            }
            opened => break opened.map(|()| writer).unwrap(),
        }
    };
    writer.write(vec![Bytes::from_static(b"what follows")]).await.unwrap();
    writer.sync().await.unwrap();
    drop(writer);
    let digest = Digest::of(Algorithm::Sha256, b"what follows");
    let location = store.commit(&staged, &digest, 12).await.unwrap();
    assert_eq!(read(&store, &location, 0..12).await, b"what follows");
    assert_eq!(store.read(&location, 0..13).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_and_deletes_of_one_blob_do_not_disturb_each_other() {
    let subject = filesystem().await;
    let (store, other) = (subject.blob_store(), subject.blob_store());
    let location = push(&store, b"contended").await;
    let doomed = location.clone();
    let deleter = tokio::spawn(async move {
        for _ in 0..300 {
            other.delete(&doomed).await.expect("deleting while others commit");
        }
    });
    let pushers = [0; 2].map(|_| {
        let store = subject.blob_store();
        tokio::spawn(async move {
            for _ in 0..150 {
                push(&store, b"contended").await;
            }
        })
    });
    deleter.await.unwrap();
    for pusher in pushers {
        pusher.await.unwrap();
    }
    store.delete(&location).await.unwrap();
    assert_eq!(files(subject.0.path()), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_pushes_than_threads_all_get_through() {
    let subject = filesystem().await;
    let config = FilesystemConfig { max_threads: 1, ..FilesystemConfig::new(subject.0.path()) };
    let stores = [0; 2].map(|_| StorageConfig::Filesystem(config.clone()).build().unwrap());
    let pushes = (0..100u8).map(|n| {
        let store = Arc::clone(&stores[usize::from(n) % 2]);
        async move { push(&*store, &[n; 1000]).await }
    });
    let locations = join_all(pushes).await;
    for (n, location) in (0..100u8).zip(locations) {
        assert_eq!(read(&*stores[0], &location, 0..1000).await, [n; 1000]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starting_processes_does_not_hold_up_pushes() {
    let subject = filesystem().await;
    let store = subject.blob_store();
    // A process that is being started has every open file of this one for a moment.
    let starting = tokio::task::spawn_blocking(|| {
        for _ in 0..200 {
            std::process::Command::new("true").status().expect("`true` can be started");
        }
    });
    while !starting.is_finished() {
        push(&store, b"meanwhile").await;
    }
    starting.await.unwrap();
}

#[tokio::test]
async fn a_committed_upload_is_copied_before_it_is_written_to() {
    let subject = filesystem().await;
    let store = subject.blob_store();
    let staged = written(&store, b"committed").await;
    let location = store.commit(&staged, &Digest::of(Algorithm::Sha256, b"committed"), 9).await.unwrap();
    let at = |name: &str| subject.0.path().join(&name[1..]);
    let inode = |name: &str| fs::metadata(at(name)).unwrap().ino();
    let completed = format!("{}.completed", staged.as_str());
    assert_eq!(inode(location.as_str()), inode(&completed), "one file of two names");

    let mut writer = store.open_writer(&staged, 6).await.unwrap();
    assert_eq!(fs::read(at(staged.as_str())).unwrap(), b"commit");
    let other = subject.blob_store();
    assert_eq!(other.open_writer(&staged, 6).await.map(drop).unwrap_err().kind(), StoreErrorKind::Conflict);
    writer.write(vec![Bytes::from_static(b"ment")]).await.unwrap();
    writer.sync().await.unwrap();
    drop(writer);
    assert_eq!(fs::read(at(staged.as_str())).unwrap(), b"commitment");
    assert_eq!(fs::read(at(location.as_str())).unwrap(), b"committed");
    assert_eq!(files(subject.0.path()).len(), 3, "no temporary file is left");
    assert_eq!(store.staged_before(later(), 10).await.unwrap(), std::slice::from_ref(&staged));
    let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(24 * 3600));
    let long_ago = SystemTime::now() - day;
    OpenOptions::new().write(true).open(at(&completed)).unwrap().set_modified(long_ago).unwrap();
    assert_eq!(store.staged_before(Timestamp::now().minus(hour), 10).await.unwrap(), [], "the last write counts");

    store.discard(&staged).await.unwrap();
    assert_eq!(store.open_writer(&staged, 6).await.map(drop).unwrap_err().kind(), StoreErrorKind::Corrupt);
    assert_eq!(files(subject.0.path()), [&location.as_str()[1..]]);
}

#[tokio::test]
async fn a_blob_that_was_deleted_stays_as_it_was_for_its_readers() {
    let subject = filesystem().await;
    let store = subject.blob_store();
    let staged = written(&store, b"committed").await;
    let location = store.commit(&staged, &Digest::of(Algorithm::Sha256, b"committed"), 9).await.unwrap();
    let reader = store.read(&location, 0..9).await.unwrap();
    store.delete(&location).await.unwrap();
    // The upload's is the file's only name now.
    let mut writer = store.open_writer(&staged, 3).await.unwrap();
    writer.write(vec![Bytes::from_static(b"ic")]).await.unwrap();
    let staged = writer.sync().await.unwrap();
    drop(writer);
    store.commit(&staged, &Digest::of(Algorithm::Sha256, b"com"), 3).await.unwrap();
    assert_eq!(collect(reader).await.unwrap(), b"committed");
}

#[tokio::test]
async fn a_power_cut_that_brings_an_uploads_name_back_spares_the_blob() {
    let subject = filesystem().await;
    let store = subject.blob_store();
    let staged = written(&store, b"committed").await;
    let location = store.commit(&staged, &Digest::of(Algorithm::Sha256, b"committed"), 9).await.unwrap();
    let upload = subject.0.path().join(&staged.as_str()[1..]);
    fs::rename(upload.with_extension("completed"), &upload).unwrap();
    let mut writer = store.open_writer(&staged, 3).await.unwrap();
    writer.write(vec![Bytes::from_static(b"ic")]).await.unwrap();
    let staged = writer.sync().await.unwrap();
    drop(writer);
    assert_eq!(fs::read(upload).unwrap(), b"comic");
    assert_eq!(read(&store, &location, 0..9).await, b"committed");
    store.discard(&staged).await.unwrap();
}

#[tokio::test]
async fn two_uploads_of_one_blob_share_nothing() {
    let subject = filesystem().await;
    let store = subject.blob_store();
    let digest = Digest::of(Algorithm::Sha256, b"pushed twice");
    let uploads = [written(&store, b"pushed twice").await, written(&store, b"pushed twice").await];
    for staged in uploads.iter().chain(&uploads) {
        let location = store.commit(staged, &digest, 12).await.unwrap();
        assert_eq!(read(&store, &location, 0..12).await, b"pushed twice");
        assert_eq!(files(subject.0.path()).len(), 3, "the blob, two uploads and nothing temporary");
    }
    for staged in &uploads {
        store.open_writer(staged, 0).await.unwrap().sync().await.unwrap();
    }
    let location = BlobLocation::new(registry_storage::layout::blob(&digest).as_str());
    assert_eq!(read(&store, &location, 0..12).await, b"pushed twice");
    for staged in &uploads {
        store.discard(staged).await.unwrap();
    }
    assert_eq!(files(subject.0.path()), [&location.as_str()[1..]]);
}

#[tokio::test]
async fn temporary_files_of_uploads_are_found() {
    let subject = filesystem().await;
    let store = subject.blob_store();
    let staged = written(&store, b"upload").await;
    let file = subject.0.path().join(&staged.as_str()[1..]);
    // What a crash leaves of a copy that was to replace the upload, or of a link that was to replace a blob.
    fs::hard_link(&file, file.with_file_name(format!("{}.tmp", UploadId::random()))).unwrap();
    let found = store.staged_before(later(), 10).await.unwrap();
    assert_eq!(found.len(), 2);
    for staged in found {
        store.discard(&staged).await.unwrap();
    }
    assert_eq!(files(subject.0.path()), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_comes_with_a_discard_spares_the_blob() {
    let subject = filesystem().await;
    let (store, other) = (subject.blob_store(), subject.blob_store());
    let digest = Digest::of(Algorithm::Sha256, b"committed");
    let mut location = None;
    for _ in 0..100 {
        let staged = written(&store, b"committed").await;
        let location = location.insert(store.commit(&staged, &digest, 9).await.unwrap());
        let (writer, discarded) = tokio::join!(store.open_writer(&staged, 3), other.discard(&staged));
        discarded.unwrap();
        match writer {
            Ok(mut writer) => writer.write(vec![Bytes::from_static(b"x")]).await.unwrap(),
            Err(error) => {
                assert!(matches!(error.kind(), StoreErrorKind::Corrupt | StoreErrorKind::Conflict), "{error:?}")
            }
        }
        assert_eq!(read(&store, location, 0..9).await, b"committed");
        store.discard(&staged).await.unwrap();
    }
    assert_eq!(files(subject.0.path()), [&location.unwrap().as_str()[1..]]);
}
