//! Uploads in parts, where the suite of all object stores does not look.

use bytes::Bytes;
use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::testing::driver_suite::nothing_is_left;

use super::subject::{PART, kodo};
use crate::object::parts::{append, content, path};
use crate::object::subject::ObjectSubject;

/// A writer that was only slow cannot slip a part of its own into what another completes.
#[tokio::test]
async fn a_replaced_part_is_not_completed() {
    let bucket = kodo().await;
    let driver = bucket.driver().await;
    let content = content(PART + 5, PART);
    let upload = driver.begin_upload(&path("/suite/uploads/1")).await.unwrap();
    let upload = append(&driver, &upload, 0, &content.slice(..5)).await;
    let mut slow = driver.open_writer(&upload, 5).await.unwrap();
    let mut writer = driver.open_writer(&upload, 5).await.unwrap();
    writer.write(vec![content.slice(5..)]).await.unwrap();
    writer.sync().await.unwrap();
    slow.write(vec![Bytes::from(vec![1; PART + 1])]).await.unwrap();
    slow.sync().await.unwrap();
    let error = writer.complete(vec![], &path("/suite/target")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    driver.abort_upload(&upload).await.unwrap();
    nothing_is_left(&bucket).await;
}

/// Kodo drops uploads a week after they were begun. What says that there was one goes when the upload is aborted.
#[tokio::test]
async fn an_upload_that_the_store_has_dropped_is_aborted() {
    let bucket = kodo().await;
    let driver = bucket.driver().await;
    let content = content(PART + 5, PART);
    let upload = driver.begin_upload(&path("/suite/uploads/1")).await.unwrap();
    let upload = append(&driver, &upload, 0, &content).await;
    bucket.server.forget_uploads();
    let Err(error) = driver.open_writer(&upload, content.len() as u64).await else { panic!("the parts are gone") };
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    driver.abort_upload(&upload).await.unwrap();
    nothing_is_left(&bucket).await;
}
