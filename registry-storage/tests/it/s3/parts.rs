//! Uploads of several parts.

use bytes::Bytes;
use futures::TryStreamExt;
use registry_core::store::{StagedUpload, StoreErrorKind};
use registry_storage::driver::StorageDriver;
use registry_storage::driver::object::ObjectDriver;
use registry_storage::path::StoragePath;
use registry_storage::testing::driver_suite::nothing_is_left;

use crate::subject::s3;

const PART: usize = 5 * 1024 * 1024;

pub(super) fn path(text: &str) -> StoragePath {
    text.parse().expect("a valid path")
}

/// Returns bytes of which no two parts are alike.
pub(super) fn content(size: usize) -> Bytes {
    (0..size).map(|index| (index / 7 + index / PART) as u8).collect::<Vec<_>>().into()
}

/// Appends to an upload.
pub(super) async fn append(
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

pub(super) async fn read(driver: &ObjectDriver, path: &StoragePath, size: usize) -> Bytes {
    let content = driver.read(path, 0..size as u64).await.expect("opening");
    content.into_bytes().await.expect("reading")
}

async fn read_upload(driver: &ObjectDriver, upload: &StagedUpload, size: usize) -> Bytes {
    let stream = driver.read_upload(upload, size as u64).await.expect("opening");
    let pieces: Vec<Bytes> = stream.try_collect().await.expect("reading");
    pieces.concat().into()
}

/// Several processes write an upload in turns; what each of them ends with is no whole part.
#[tokio::test]
async fn any_process_goes_on_with_an_upload() {
    let mut bucket = s3().await;
    bucket.0.transfer.part_bytes = PART as u64;
    let content = content(3 * PART + 12_345);
    let mut upload = bucket.driver().await.begin_upload(&path("/suite/uploads/1")).await.unwrap();
    let mut offset = 0;
    for end in [PART / 2, PART + 1, 2 * PART, 2 * PART + 7, content.len()] {
        upload = append(&bucket.driver().await, &upload, offset, &content.slice(..end)).await;
        offset = end;
    }
    let driver = bucket.driver().await;
    let file = driver.complete_upload(&upload, &path("/suite/target"), content.len() as u64).await.unwrap();
    let again = driver.complete_upload(&upload, &path("/suite/target"), content.len() as u64).await.unwrap();
    assert_eq!(file, again);
    driver.abort_upload(&upload).await.unwrap();
    assert!(read(&driver, &file, content.len()).await == content);
    driver.delete(&file).await.unwrap();
    nothing_is_left(&bucket).await;
}

/// The session's record may not have got as far as the last sync.
#[tokio::test]
async fn an_upload_goes_on_where_the_record_says() {
    let mut bucket = s3().await;
    bucket.0.transfer.part_bytes = PART as u64;
    let driver = bucket.driver().await;
    let (first, second) = (content(PART + 5), Bytes::from(vec![9; 2 * PART + 5]));
    let upload = driver.begin_upload(&path("/suite/uploads/1")).await.unwrap();
    let upload = append(&driver, &upload, 0, &first).await;
    append(&driver, &upload, first.len(), &second).await;
    let whole = Bytes::from([&first[..], &second[..PART]].concat());
    let upload = append(&driver, &upload, first.len(), &whole).await;
    let file = driver.complete_upload(&upload, &path("/suite/target"), whole.len() as u64).await.unwrap();
    assert!(read(&driver, &file, whole.len()).await == whole);
    driver.abort_upload(&upload).await.unwrap();
    driver.delete(&file).await.unwrap();
    nothing_is_left(&bucket).await;
}

/// A copy has the parts, and its own tail; the writer that was lost can do nothing to it.
#[tokio::test]
async fn a_copy_stands_alone() {
    let mut bucket = s3().await;
    bucket.0.transfer.part_bytes = PART as u64;
    let driver = bucket.driver().await;
    let content = content(2 * PART + 100);
    let old = driver.begin_upload(&path("/suite/uploads/1")).await.unwrap();
    let old = append(&driver, &old, 0, &content).await;
    let mut lost = driver.open_writer(&old, content.len() as u64).await.unwrap();
    lost.write(vec![Bytes::from(vec![1; PART])]).await.unwrap();

    let other = bucket.driver().await;
    for (name, size) in [("2", content.len()), ("3", 2 * PART), ("4", PART + 1), ("5", PART - 1)] {
        let copy = other.copy_upload(&old, &path(&format!("/suite/uploads/{name}")), size as u64).await.unwrap();
        let longer = Bytes::from([&content[..size], &[7; 1000]].concat());
        let copy = append(&other, &copy, size, &longer).await;
        let file = other.complete_upload(&copy, &path("/suite/target"), longer.len() as u64).await.unwrap();
        other.abort_upload(&copy).await.unwrap();
        assert!(read(&driver, &file, longer.len()).await == longer, "{size}");
        driver.delete(&file).await.unwrap();
    }
    lost.sync().await.expect_err("the upload was sealed");
    drop(lost);
    other.abort_upload(&old).await.unwrap();
    nothing_is_left(&bucket).await;
}

/// Reading what was synced seals the upload. It can be completed all the same, and gone on with.
#[tokio::test]
async fn what_was_read_back_can_be_completed() {
    let mut bucket = s3().await;
    bucket.0.transfer.part_bytes = PART as u64;
    let driver = bucket.driver().await;
    for size in [2 * PART, 2 * PART + 100] {
        let content = content(size);
        let upload = driver.begin_upload(&path(&format!("/suite/uploads/{size}"))).await.unwrap();
        let upload = append(&driver, &upload, 0, &content).await;
        for read in [size, PART, PART + 1, 1] {
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
    nothing_is_left(&bucket).await;
}

/// As a push whose digest is of another kind than the one that was computed: read back, and completed as it is.
#[tokio::test]
async fn what_was_read_back_is_the_file_once_completed() {
    let mut bucket = s3().await;
    bucket.0.transfer.part_bytes = PART as u64;
    let driver = bucket.driver().await;
    for size in [PART, PART + 100] {
        let content = content(size);
        let upload = driver.begin_upload(&path(&format!("/suite/uploads/{size}"))).await.unwrap();
        let upload = append(&driver, &upload, 0, &content).await;
        assert!(read_upload(&driver, &upload, size).await == content);
        let file = driver.complete_upload(&upload, &path("/suite/target"), size as u64).await.unwrap();
        driver.abort_upload(&upload).await.unwrap();
        assert!(read(&driver, &file, size).await == content, "{size}");
        driver.delete(&file).await.unwrap();
    }
    nothing_is_left(&bucket).await;
}

/// An upload that was sealed is removed with the object that its parts became.
#[tokio::test]
async fn a_sealed_upload_is_removed_whole() {
    let mut bucket = s3().await;
    bucket.0.transfer.part_bytes = PART as u64;
    let driver = bucket.driver().await;
    let upload = driver.begin_upload(&path("/suite/uploads/1")).await.unwrap();
    let upload = append(&driver, &upload, 0, &content(PART + 100)).await;
    read_upload(&driver, &upload, PART).await;
    driver.abort_upload(&upload).await.unwrap();
    nothing_is_left(&bucket).await;
}

/// Memory for parts is given to as many uploads as there is room for; the others wait for it.
#[tokio::test]
async fn uploads_share_memory() {
    let mut bucket = s3().await;
    bucket.0.transfer.part_bytes = PART as u64;
    bucket.0.transfer.upload_memory_bytes = 2 * PART as u64;
    let driver = bucket.driver().await;
    let content = content(2 * PART + 1);
    let uploads = (0..6).map(|index| {
        let (driver, content) = (driver.clone(), content.clone());
        async move {
            let upload = driver.begin_upload(&path(&format!("/suite/uploads/{index}"))).await.unwrap();
            let mut writer = driver.open_writer(&upload, 0).await.unwrap();
            writer.write(vec![content.slice(..PART + 1)]).await.unwrap();
            writer.complete(vec![content.slice(PART + 1..)], &path("/suite/target")).await.unwrap()
        }
    });
    for file in futures::future::join_all(uploads).await {
        assert!(read(&driver, &file, content.len()).await == content);
        driver.delete(&file).await.unwrap();
    }
    nothing_is_left(&bucket).await;
}

/// What is wrong with the configuration is said at the start.
#[tokio::test]
async fn a_wrong_bucket_or_key_is_told_at_the_start() {
    use registry_storage::driver::s3::{S3Credentials, open};

    let right = s3().await.0;
    let mut bucket = right.clone();
    bucket.bucket = "no-such-bucket".into();
    let mut secret = right.clone();
    let S3Credentials::Keys { access_key, .. } = &right.credentials else { panic!("keys") };
    secret.credentials =
        S3Credentials::Keys { access_key: access_key.clone(), secret_key: "wrong".into(), session_token: None };
    for (config, check) in [(bucket, "check `bucket`"), (secret, "check `secretkey`")] {
        let error = open(&config).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Other);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(check) && !cause.contains("wrong"), "{cause}");
    }
}
