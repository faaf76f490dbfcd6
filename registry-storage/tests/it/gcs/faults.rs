//! What goes wrong between the driver and the store, made by a server between them.

use http::Method;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::gcs;
use registry_storage::testing::driver_suite::nothing_is_left;

use super::subject::{Bucket, PART, strict_fake};
use crate::object::fault_server::{Fault, FaultServer};
use crate::object::faults::BehindFaults;
use crate::object::parts::{append, content, path, read};

/// Returns a bucket behind a server that makes faults, and a driver that goes through it.
pub(super) async fn behind_faults() -> BehindFaults<Bucket> {
    behind(strict_fake().await).await
}

/// Puts such a server before a bucket.
pub(super) async fn behind(bucket: Bucket) -> BehindFaults<Bucket> {
    let server = FaultServer::start(&bucket.config.endpoint).await;
    let mut config = bucket.config.clone();
    config.endpoint = server.endpoint();
    config.transfer.part_bytes = PART as u64;
    let driver = gcs::open(&config).await.expect("the bucket can be reached");
    BehindFaults { subject: bucket, server, driver }
}

/// Pushes a file of three parts through what is spoilt after the first of them, and reads it back.
async fn push(spoil: impl FnOnce(&FaultServer, &Bucket)) {
    let BehindFaults { subject: bucket, server, driver } = behind_faults().await;
    let content = content(2 * PART + 77, PART);
    let upload = driver.begin_upload(&path("/suite/uploads/1")).await.unwrap();
    let upload = append(&driver, &upload, 0, &content.slice(..PART + 1)).await;
    spoil(&server, &bucket);
    let upload = append(&driver, &upload, PART + 1, &content).await;
    let file = driver.complete_upload(&upload, &path("/suite/target"), content.len() as u64).await.unwrap();
    driver.abort_upload(&upload).await.unwrap();
    assert!(read(&driver, &file, content.len()).await == content);
    assert_eq!(server.left(), 0, "the faults were met");
    driver.delete(&file).await.unwrap();
    nothing_is_left(&bucket).await;
}

#[tokio::test]
async fn refusals_are_passed_over() {
    let rate = r#"{"error": {"code": 403, "errors": [{"reason": "userRateLimitExceeded"}]}}"#;
    for (status, body) in [(503, "Service Unavailable"), (429, ""), (403, rate)] {
        push(|server, _| {
            server.inject(Fault::Answer { status, body }, Method::POST, "uploadType=media", 2);
            server.inject(Fault::Answer { status, body }, Method::POST, "/compose", 1);
            server.inject(Fault::Answer { status, body }, Method::GET, "alt=media", 1);
        })
        .await;
    }
}

#[tokio::test]
async fn lost_replies_are_passed_over() {
    push(|server, _| {
        server.inject(Fault::CutRequest, Method::POST, "uploadType=media", 1);
        server.inject(Fault::LoseReply, Method::POST, "uploadType=media", 1);
        server.inject(Fault::LoseReply, Method::POST, "uploadType=multipart", 1);
        server.inject(Fault::LoseReply, Method::POST, "/compose", 1);
        server.inject(Fault::LoseReply, Method::POST, "/rewriteTo/", 1);
        server.inject(Fault::LoseReply, Method::DELETE, "_parts", 2);
        server.inject(Fault::LoseReply, Method::POST, "/batch/", 1);
        server.inject(Fault::CutAnswer, Method::GET, "alt=media", 1);
    })
    .await;
}

/// A token that the store no longer takes is replaced, in the middle of an upload too.
#[tokio::test]
async fn a_token_that_expired_is_replaced() {
    push(|_, bucket| bucket.server.as_ref().expect("a server of our own").expire_tokens()).await;
}

#[tokio::test]
async fn a_lost_reply_to_a_new_file_is_recognised() {
    behind_faults().await.write_new(Method::POST, "ifGenerationMatch=0", true).await;
}
