//! What goes wrong between the driver and the store, made by a server of our own between them.

use http::Method;
use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::testing::driver_suite::nothing_is_left;

use crate::object::fault_server::{Fault, FaultServer};
use crate::object::faults::{BehindFaults, NewFile, Words, faults_suite};
use crate::object::parts::{content, path};
use crate::object::subject::ObjectSubject;
use crate::subject::{Bucket, s3};

const PART: usize = 5 * 1024 * 1024;
const SLOW_DOWN: Fault = Fault::Answer { status: 503, body: "<Error><Code>SlowDown</Code></Error>" };
const ERRORS: [Fault; 3] = [
    SLOW_DOWN,
    Fault::Answer { status: 500, body: "<Error><Code>InternalError</Code></Error>" },
    Fault::Answer { status: 502, body: "" },
];
const S3: Words = Words::of_s3(NewFile::Put, &ERRORS, ["503 SlowDown", "bucket `registry`"]);

/// Returns a bucket behind a server that makes faults, and a driver that goes through it.
async fn behind_faults() -> BehindFaults<Bucket> {
    let bucket = s3().await;
    let server = FaultServer::start(&bucket.0.endpoint).await;
    let mut config = bucket.0.clone();
    config.endpoint = server.endpoint();
    let driver = Bucket(config).driver().await;
    BehindFaults { subject: bucket, server, driver }
}

faults_suite!(behind_faults, S3);

/// A token that ends in the middle of an upload is replaced, and the part is sent again.
#[tokio::test]
async fn a_token_that_expires_is_replaced() {
    let expired = Fault::Answer { status: 400, body: "<Error><Code>ExpiredToken</Code></Error>" };
    behind_faults().await.push(expired, Method::PUT, "partNumber=2", 1).await;
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
