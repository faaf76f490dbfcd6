//! Uploads of several parts, on every object store.

use bytes::Bytes;
use futures::TryStreamExt;
use registry_core::store::StagedUpload;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::object::{ObjectDriver, TransferConfig};
use registry_storage::path::StoragePath;

use super::subject::ObjectSubject;

/// Makes a module of tests, one for each case, for each `name => constructor` of an [`ObjectSubject`].
macro_rules! parts_suite {
    ($($name:ident => $constructor:expr),+ $(,)?) => { $(
        mod $name {
            use super::*;

            $crate::object::parts::parts_suite! { @cases $constructor;
                any_process_goes_on_with_an_upload
                an_upload_goes_on_where_the_record_says
                a_copy_stands_alone
                what_was_read_back_can_be_completed
                what_was_read_back_is_the_file_once_completed
                an_upload_that_was_read_back_is_removed_whole
                uploads_share_memory
            }
        }
    )+ };
    (@cases $constructor:expr; $($case:ident)+) => { $(
        #[tokio::test]
        async fn $case() {
            let subject = $constructor().await;
            $crate::object::parts::$case(&subject).await;
            registry_storage::testing::driver_suite::nothing_is_left(&subject).await;
        }
    )+ };
}

pub(crate) use parts_suite;

pub(crate) fn path(text: &str) -> StoragePath {
    text.parse().expect("a valid path")
}

/// Returns bytes of which no two parts of a size are alike.
pub(crate) fn content(size: usize, part: usize) -> Bytes {
    (0..size).map(|index| (index / 7 + index / part) as u8).collect::<Vec<_>>().into()
}

/// Appends to an upload.
pub(crate) async fn append(
    driver: &ObjectDriver,
    upload: &StagedUpload,
    offset: usize,
    content: &Bytes,
) -> StagedUpload {
    let mut writer = driver.open_writer(upload, offset as u64).await.expect("opening");
    for start in (offset..content.len()).step_by(1024 * 1024) {
        let piece = content.slice(start..content.len().min(start + 1024 * 1024));
        writer.write(vec![piece]).await.expect("writing");
    }
    writer.sync().await.expect("syncing")
}

pub(crate) async fn read(driver: &ObjectDriver, path: &StoragePath, size: usize) -> Bytes {
    let content = driver.read(path, 0..size as u64).await.expect("opening");
    content.into_bytes().await.expect("reading")
}

async fn read_upload(driver: &ObjectDriver, upload: &StagedUpload, size: usize) -> Bytes {
    let stream = driver.read_upload(upload, size as u64).await.expect("opening");
    let pieces: Vec<Bytes> = stream.try_collect().await.expect("reading");
    pieces.concat().into()
}

/// Several processes write an upload in turns; what each of them ends with is no whole part.
pub(crate) async fn any_process_goes_on_with_an_upload(subject: &impl ObjectSubject) {
    let part = subject.part_bytes();
    let content = content(3 * part + 12_345, part);
    let mut upload = subject.driver().await.begin_upload(&path("/suite/uploads/1")).await.unwrap();
    let mut offset = 0;
    for end in [part / 2, part + 1, 2 * part, 2 * part + 7, content.len()] {
        upload = append(&subject.driver().await, &upload, offset, &content.slice(..end)).await;
        offset = end;
    }
    let driver = subject.driver().await;
    let file = driver.complete_upload(&upload, &path("/suite/target"), content.len() as u64).await.unwrap();
    let again = driver.complete_upload(&upload, &path("/suite/target"), content.len() as u64).await.unwrap();
    assert_eq!(file, again);
    driver.abort_upload(&upload).await.unwrap();
    assert!(read(&driver, &file, content.len()).await == content);
    driver.delete(&file).await.unwrap();
}

/// The session's record may not have got as far as the last sync.
pub(crate) async fn an_upload_goes_on_where_the_record_says(subject: &impl ObjectSubject) {
    let part = subject.part_bytes();
    let driver = subject.driver().await;
    let (first, second) = (content(part + 5, part), Bytes::from(vec![9; 2 * part + 5]));
    let upload = driver.begin_upload(&path("/suite/uploads/1")).await.unwrap();
    let upload = append(&driver, &upload, 0, &first).await;
    append(&driver, &upload, first.len(), &second).await;
    let whole = Bytes::from([&first[..], &second[..part]].concat());
    let upload = append(&driver, &upload, first.len(), &whole).await;
    let file = driver.complete_upload(&upload, &path("/suite/target"), whole.len() as u64).await.unwrap();
    assert!(read(&driver, &file, whole.len()).await == whole);
    driver.abort_upload(&upload).await.unwrap();
    driver.delete(&file).await.unwrap();
}

/// A copy has the parts, and its own tail; the writer that was lost can do nothing to it.
pub(crate) async fn a_copy_stands_alone(subject: &impl ObjectSubject) {
    let part = subject.part_bytes();
    let driver = subject.driver().await;
    let content = content(2 * part + 100, part);
    let old = driver.begin_upload(&path("/suite/uploads/1")).await.unwrap();
    let old = append(&driver, &old, 0, &content).await;
    let mut lost = driver.open_writer(&old, content.len() as u64).await.unwrap();
    lost.write(vec![Bytes::from(vec![1; part])]).await.unwrap();

    let other = subject.driver().await;
    for (name, size) in [("2", content.len()), ("3", 2 * part), ("4", part + 1), ("5", part - 1)] {
        let copy = other.copy_upload(&old, &path(&format!("/suite/uploads/{name}")), size as u64).await.unwrap();
        let longer = Bytes::from([&content[..size], &[7; 1000]].concat());
        let copy = append(&other, &copy, size, &longer).await;
        let file = other.complete_upload(&copy, &path("/suite/target"), longer.len() as u64).await.unwrap();
        other.abort_upload(&copy).await.unwrap();
        assert!(read(&driver, &file, longer.len()).await == longer, "{size}");
        driver.delete(&file).await.unwrap();
    }
    assert_eq!(lost.sync().await.is_err(), subject.seals());
    drop(lost);
    other.abort_upload(&old).await.unwrap();
}

/// Reading what was synced may seal the upload. It can be completed all the same, and gone on with.
pub(crate) async fn what_was_read_back_can_be_completed(subject: &impl ObjectSubject) {
    let part = subject.part_bytes();
    let driver = subject.driver().await;
    for size in [2 * part, 2 * part + 100] {
        let content = content(size, part);
        let upload = driver.begin_upload(&path(&format!("/suite/uploads/{size}"))).await.unwrap();
        let upload = append(&driver, &upload, 0, &content).await;
        for read in [size, part, part + 1, 1] {
            assert!(read_upload(&driver, &upload, read).await == content[..read], "{read} of {size}");
        }
        let longer = Bytes::from([&content[..], &[7; 1000]].concat());
        let gone_on = append(&driver, &upload, size, &longer).await;
        for (upload, content) in [(&gone_on, &longer)] {
            let file = driver.complete_upload(upload, &path("/suite/target"), content.len() as u64).await.unwrap();
            driver.abort_upload(upload).await.unwrap();
            assert!(read(&driver, &file, content.len()).await == content, "{size}");
            driver.delete(&file).await.unwrap();
        }
    }
}

/// As a push whose digest is of another kind than the one that was computed: read back, and completed as it is.
pub(crate) async fn what_was_read_back_is_the_file_once_completed(subject: &impl ObjectSubject) {
    let part = subject.part_bytes();
    let driver = subject.driver().await;
    for size in [part, part + 100] {
        let content = content(size, part);
        let upload = driver.begin_upload(&path(&format!("/suite/uploads/{size}"))).await.unwrap();
        let upload = append(&driver, &upload, 0, &content).await;
        assert!(read_upload(&driver, &upload, size).await == content);
        let file = driver.complete_upload(&upload, &path("/suite/target"), size as u64).await.unwrap();
        driver.abort_upload(&upload).await.unwrap();
        assert!(read(&driver, &file, size).await == content, "{size}");
        driver.delete(&file).await.unwrap();
    }
}

/// Also with the object that its parts became, if it was sealed.
pub(crate) async fn an_upload_that_was_read_back_is_removed_whole(subject: &impl ObjectSubject) {
    let part = subject.part_bytes();
    let driver = subject.driver().await;
    let upload = driver.begin_upload(&path("/suite/uploads/1")).await.unwrap();
    let upload = append(&driver, &upload, 0, &content(part + 100, part)).await;
    read_upload(&driver, &upload, part).await;
    driver.abort_upload(&upload).await.unwrap();
}

/// Memory for parts is given to as many uploads as there is room for; the others wait for it.
pub(crate) async fn uploads_share_memory(subject: &impl ObjectSubject) {
    let part = subject.part_bytes();
    let (part_bytes, upload_memory_bytes) = (part as u64, 2 * part as u64);
    let transfer = TransferConfig { part_bytes, upload_memory_bytes, ..TransferConfig::default() };
    let driver = subject.driver_with(transfer).await;
    let content = content(2 * part + 1, part);
    let uploads = (0..6).map(|index| {
        let (driver, content) = (driver.clone(), content.clone());
        async move {
            let upload = driver.begin_upload(&path(&format!("/suite/uploads/{index}"))).await.unwrap();
            let mut writer = driver.open_writer(&upload, 0).await.unwrap();
            writer.write(vec![content.slice(..part + 1)]).await.unwrap();
            writer.complete(vec![content.slice(part + 1..)], &path("/suite/target")).await.unwrap()
        }
    });
    for file in futures::future::join_all(uploads).await {
        assert!(read(&driver, &file, content.len()).await == content);
        driver.delete(&file).await.unwrap();
    }
}
