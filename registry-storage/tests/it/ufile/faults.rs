//! What goes wrong between the driver and the store, made by a server between them.

use http::Method;
use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::ufile::open;
use registry_storage::testing::driver_suite::nothing_is_left;

use super::subject::{UfileBucket, ufile};
use crate::object::fault_server::{Fault, FaultServer};
use crate::object::faults::{BehindFaults, NewFile, Words, faults_suite};
use crate::object::parts::path;

const ERROR: Fault = Fault::Answer { status: 500, body: r#"{"RetCode": -1, "ErrMsg": "server error"}"# };
const UFILE: Words = Words::of_s3(NewFile::Claim, &[ERROR], ["500 -1 server error", "bucket `images`"]);

/// Returns a bucket behind a server that makes faults, and a driver that goes through it.
async fn behind_faults() -> BehindFaults<UfileBucket> {
    let subject = ufile().await;
    let server = FaultServer::start(&subject.config.base_url).await;
    let mut config = subject.config.clone();
    config.base_url = server.endpoint();
    let driver = open(&config).await.expect("the bucket can be reached");
    BehindFaults { subject, server, driver }
}

faults_suite!(behind_faults, UFILE);

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
