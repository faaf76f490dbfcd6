//! Uploads that end while somebody writes to them.

use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::testing::driver_suite::nothing_is_left;

use super::subject::swift;
use crate::object::parts::{content, path};
use crate::object::subject::ObjectSubject;

/// Nobody keeps a writer from writing to an upload that was aborted; it notices, and leaves nothing.
#[tokio::test]
async fn a_writer_whose_upload_was_aborted_leaves_nothing() {
    let container = swift().await;
    let part = container.part_bytes();
    let driver = container.driver().await;
    let upload = driver.begin_upload(&path("/suite/uploads/1")).await.unwrap();
    let mut writer = driver.open_writer(&upload, 0).await.unwrap();
    writer.write(vec![content(part + 1, part)]).await.unwrap();
    writer.sync().await.unwrap();
    container.driver().await.abort_upload(&upload).await.unwrap();
    // What is sent is waited for when the next part is.
    let late = writer.write(vec![content(3 * part, part)]).await;
    assert_eq!(late.unwrap_err().kind(), StoreErrorKind::NotFound);
    drop(writer);
    nothing_is_left(&container).await;
}
