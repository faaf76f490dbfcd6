//! What goes wrong between the driver and the store, made by a server of our own between them.

use http::Method;
use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::testing::driver_suite::nothing_is_left;

use crate::object::fault_server::{Fault, FaultServer};
use crate::object::faults::BehindFaults;
use crate::object::parts::{content, path};
use crate::object::subject::ObjectSubject;
use crate::subject::{Bucket, s3};

const PART: usize = 5 * 1024 * 1024;
const SLOW_DOWN: Fault = Fault::Answer { status: 503, body: "<Error><Code>SlowDown</Code></Error>" };

/// Returns a bucket behind a server that makes faults, and a driver that goes through it.
async fn behind_faults() -> BehindFaults<Bucket> {
    let bucket = s3().await;
    let server = FaultServer::start(&bucket.0.endpoint).await;
    let mut config = bucket.0.clone();
    config.endpoint = server.endpoint();
    let driver = Bucket(config).driver().await;
    BehindFaults { subject: bucket, server, driver }
}

#[tokio::test]
async fn errors_of_the_server_are_passed_over() {
    let error = Fault::Answer { status: 500, body: "<Error><Code>InternalError</Code></Error>" };
    for fault in [error, SLOW_DOWN, Fault::Answer { status: 502, body: "" }] {
        behind_faults().await.push(fault, Method::PUT, "partNumber", 2).await;
    }
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
async fn a_refusal_of_the_completion_is_passed_over() {
    behind_faults().await.push(SLOW_DOWN, Method::POST, "uploadId", 2).await;
}

#[tokio::test]
async fn a_connection_cut_while_reading_is_passed_over() {
    behind_faults().await.read_on().await;
}

#[tokio::test]
async fn a_lost_reply_to_a_new_file_is_recognised() {
    behind_faults().await.write_new(Method::PUT, "", true).await;
}

/// Of an upload that lacks a part nothing is noted or completed.
#[tokio::test]
async fn an_upload_without_a_part_is_lost() {
    let BehindFaults { subject: bucket, server, driver } = behind_faults().await;
    server.inject(SLOW_DOWN, Method::PUT, "partNumber=2", 6);
    let upload = driver.begin_upload(&path("/suite/uploads/1")).await.unwrap();
    let mut writer = driver.open_writer(&upload, 0).await.unwrap();
    writer.write(vec![content(2 * PART + 77, PART)]).await.unwrap();
    writer.sync().await.unwrap_err();
    assert_eq!(server.left(), 0, "the fault was met");
    for _ in 0..2 {
        let error = writer.sync().await.expect_err("a part is missing");
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    }
    writer.write(vec!["x".into()]).await.expect_err("a part is missing");
    writer.complete(vec![], &path("/suite/target")).await.expect_err("a part is missing");
    driver.abort_upload(&upload).await.unwrap();
    nothing_is_left(&bucket).await;
}

#[tokio::test]
async fn a_store_that_stays_away_is_unavailable() {
    behind_faults().await.stay_away(SLOW_DOWN, &["503 SlowDown", "bucket `registry`"]).await;
}
