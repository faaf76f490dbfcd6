//! What goes wrong between the driver and the store, made by a server between them.

use http::Method;
use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::ufile::open;
use registry_storage::testing::driver_suite::nothing_is_left;

use super::subject::{UfileBucket, ufile};
use crate::object::fault_server::{Fault, FaultServer};
use crate::object::faults::BehindFaults;
use crate::object::parts::path;

const ERROR: Fault = Fault::Answer { status: 500, body: r#"{"RetCode": -1, "ErrMsg": "server error"}"# };

/// Returns a bucket behind a server that makes faults, and a driver that goes through it.
async fn behind_faults() -> BehindFaults<UfileBucket> {
    let subject = ufile().await;
    let server = FaultServer::start(&subject.config.base_url).await;
    let mut config = subject.config.clone();
    config.base_url = server.endpoint();
    let driver = open(&config).await.expect("the bucket can be reached");
    BehindFaults { subject, server, driver }
}

#[tokio::test]
async fn errors_of_the_server_are_passed_over() {
    behind_faults().await.push(ERROR, Method::PUT, "partNumber", 2).await;
}

#[tokio::test]
async fn a_connection_cut_in_a_part_is_passed_over() {
    behind_faults().await.push(Fault::CutRequest, Method::PUT, "partNumber", 2).await;
}

#[tokio::test]
async fn a_lost_reply_to_a_part_is_passed_over() {
    behind_faults().await.push(Fault::LoseReply, Method::PUT, "partNumber", 2).await;
}

#[tokio::test]
async fn a_lost_reply_to_the_beginning_leaves_nothing() {
    behind_faults().await.push(Fault::LoseReply, Method::POST, "?uploads", 1).await;
}

#[tokio::test]
async fn a_lost_reply_to_the_completion_is_recognised() {
    behind_faults().await.push(Fault::LoseReply, Method::POST, "uploadId", 1).await;
}

#[tokio::test]
async fn a_connection_cut_while_reading_is_passed_over() {
    behind_faults().await.read_on().await;
}

#[tokio::test]
async fn a_lost_reply_to_a_new_file_is_recognised() {
    behind_faults().await.write_new(Method::PUT, "/suite/file", false).await;
}

#[tokio::test]
async fn a_store_that_stays_away_is_unavailable() {
    behind_faults().await.stay_away(ERROR, &["500 -1 server error", "bucket `images`"]).await;
}

/// As often as the configuration says, and not once more.
#[tokio::test]
async fn attempts_are_counted() {
    let BehindFaults { subject, server, driver } = behind_faults().await;
    server.inject(ERROR, Method::PUT, "/suite/file", 5);
    let error = driver.put(&path("/suite/file"), "x".into()).await.unwrap_err();
    assert_eq!((error.kind(), server.left()), (StoreErrorKind::Unavailable, 2));
    drop(driver);
    nothing_is_left(&subject).await;
}

/// Of a size of parts that was never seen nothing is made.
#[tokio::test]
async fn another_size_of_parts_is_refused() {
    let BehindFaults { subject, server, driver } = behind_faults().await;
    let begun = r#"{"UploadId": "gone", "BlkSize": 8388608, "Bucket": "images", "Key": "k"}"#;
    server.inject(Fault::Answer { status: 200, body: begun }, Method::POST, "?uploads", 1);
    let upload = driver.begin_upload(&path("/suite/uploads/1")).await.unwrap();
    let mut writer = driver.open_writer(&upload, 0).await.unwrap();
    let error = writer.write(vec!["x".into()]).await.unwrap_err();
    let cause = std::error::Error::source(&error).and_then(std::error::Error::source).unwrap().to_string();
    assert_eq!(cause, "the store takes parts of 8388608 bytes, expected 4194304");
    nothing_is_left(&subject).await;
}
