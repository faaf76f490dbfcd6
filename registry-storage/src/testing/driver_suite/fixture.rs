//! Short words for what the cases do.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use bytes::Bytes;
use futures::TryStreamExt;
use registry_core::store::{StagedUpload, StoreErrorKind};

use crate::driver::{Content, StorageDriver};
use crate::error::DriverResult;
use crate::path::StoragePath;

pub(super) async fn upload(driver: &dyn StorageDriver, at: &str, content: &[u8]) -> StagedUpload {
    let upload = driver.begin_upload(&path(at)).await.expect("beginning");
    let mut writer = driver.open_writer(&upload, 0).await.expect("opening");
    // More pieces than a system takes in one call.
    let pieces = content.chunks(content.len() / 2000 + 1).map(Bytes::copy_from_slice).collect();
    writer.write(pieces).await.expect("writing");
    writer.sync().await.expect("syncing")
}

/// Completes an upload and ends it.
pub(super) async fn finish(
    driver: &dyn StorageDriver,
    upload: &StagedUpload,
    target: &StoragePath,
    size_bytes: u64,
) -> StoragePath {
    let completed = driver.complete_upload(upload, target, size_bytes).await.expect("completing");
    driver.abort_upload(upload).await.expect("aborting what was completed");
    completed
}

pub(super) async fn read(driver: &dyn StorageDriver, path: &StoragePath, range: Range<u64>) -> Vec<u8> {
    collect(driver.read(path, range).await.expect("opening a file")).await.expect("reading a file")
}

pub(super) async fn collect(content: Content) -> DriverResult<Vec<u8>> {
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

pub(super) async fn delete<'a>(driver: &dyn StorageDriver, paths: impl IntoIterator<Item = &'a StoragePath>) {
    for path in paths {
        driver.delete(path).await.expect("deleting");
    }
}

pub(super) fn path(text: &str) -> StoragePath {
    text.parse().expect("a path of the suite")
}

/// Bytes without a short period, so that a piece in the wrong place shows.
pub(super) fn content(len: usize) -> Bytes {
    (0u32..).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).take(len).collect()
}

pub(super) fn assert_kind<T: std::fmt::Debug>(result: DriverResult<T>, kind: StoreErrorKind) {
    assert_eq!(result.expect_err("the driver cannot do this").kind(), kind);
}
