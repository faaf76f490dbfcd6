//! What goes wrong between the driver and the service, made by a server of our own between them.

use http::Method;
use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::object::ObjectDriver;
use registry_storage::testing::driver_suite::nothing_is_left;

use super::subject::{Container, azure};
use crate::object::fault_server::{Fault, FaultServer};
use crate::object::parts::{ObjectSubject, append, content, path, read};

const SERVER_BUSY: Fault = Fault::Answer { status: 503, body: "<Error><Code>ServerBusy</Code></Error>" };

/// Returns a container behind a server that makes faults, and a driver that goes through it.
async fn behind_faults() -> (FaultServer, Container, ObjectDriver) {
    let container = azure().await;
    let (scheme, rest) = container.0.endpoint.split_once("://").unwrap();
    let (authority, account) = rest.split_once('/').unwrap();
    let server = FaultServer::start(&format!("{scheme}://{authority}")).await;
    let mut config = container.0.clone();
    config.endpoint = format!("{}/{account}", server.endpoint());
    let driver = Container(config).driver().await;
    (server, container, driver)
}

/// Pushes a file of three blocks through a fault, and reads it back.
async fn push(fault: Fault, method: Method, part: &'static str, times: usize) {
    let (server, container, driver) = behind_faults().await;
    server.inject(fault, method, part, times);
    let size = container.part_bytes();
    let content = content(2 * size + 77, size);
    let upload = driver.begin_upload(&path("/suite/uploads/1")).await.unwrap();
    let upload = append(&driver, &upload, 0, &content).await;
    let file = driver.complete_upload(&upload, &path("/suite/target"), content.len() as u64).await.unwrap();
    driver.abort_upload(&upload).await.unwrap();
    assert!(read(&driver, &file, content.len()).await == content);
    assert_eq!(server.left(), 0, "the fault was met");
    driver.delete(&file).await.unwrap();
    nothing_is_left(&container).await;
}

#[tokio::test]
async fn errors_of_the_server_are_passed_over() {
    let corrupted = Fault::Answer { status: 400, body: "<Error><Code>Md5Mismatch</Code></Error>" };
    for fault in [SERVER_BUSY, corrupted, Fault::Answer { status: 500, body: "" }] {
        push(fault, Method::PUT, "blockid", 2).await;
    }
}

#[tokio::test]
async fn a_connection_cut_in_a_block_is_passed_over() {
    push(Fault::CutRequest, Method::PUT, "blockid", 2).await;
}

#[tokio::test]
async fn a_lost_reply_to_a_block_is_passed_over() {
    push(Fault::LoseReply, Method::PUT, "blockid", 2).await;
}

#[tokio::test]
async fn a_lost_reply_to_the_block_list_is_recognised() {
    push(Fault::LoseReply, Method::PUT, "comp=blocklist", 1).await;
}

#[tokio::test]
async fn a_refusal_of_the_block_list_is_passed_over() {
    push(SERVER_BUSY, Method::PUT, "comp=blocklist", 2).await;
}

/// The last piece of an upload is copied through the registry.
#[tokio::test]
async fn a_connection_cut_while_a_part_is_copied_is_passed_over() {
    push(Fault::CutAnswer, Method::GET, "_staged/1/", 1).await;
}

/// A read goes on where it was cut.
#[tokio::test]
async fn a_connection_cut_while_reading_is_passed_over() {
    let (server, container, driver) = behind_faults().await;
    let content = content(3_000_000, 1_000_000);
    let file = path("/suite/file");
    driver.put(&file, content.clone()).await.unwrap();
    server.inject(Fault::CutAnswer, Method::GET, "/suite/file", 2);
    assert!(read(&driver, &file, content.len()).await == content);
    assert_eq!(server.left(), 0, "the fault was met");
    driver.delete(&file).await.unwrap();
    nothing_is_left(&container).await;
}

/// Whoever wrote first knows so, even if the reply was lost.
#[tokio::test]
async fn a_lost_reply_to_a_new_file_is_recognised() {
    let (server, container, driver) = behind_faults().await;
    let file = path("/suite/file");
    server.inject(Fault::LoseReply, Method::PUT, "", 1);
    assert!(driver.put_new(&file, "first".into()).await.unwrap());
    assert_eq!(server.left(), 0, "the fault was met");
    server.inject(Fault::LoseReply, Method::PUT, "", 1);
    assert!(!driver.put_new(&file, "other".into()).await.unwrap());
    driver.delete(&file).await.unwrap();
    nothing_is_left(&container).await;
}

/// An upload is removed even if what says so is cut off after its first step.
#[tokio::test]
async fn an_abort_that_was_interrupted_is_finished_by_the_next() {
    let (server, container, driver) = behind_faults().await;
    let upload = driver.begin_upload(&path("/suite/uploads/1")).await.unwrap();
    let upload = append(&driver, &upload, 0, &content(1000, 7)).await;
    // The blocks are dropped; the empty blob that it takes stays.
    server.inject(Fault::Answer { status: 403, body: "" }, Method::DELETE, "/uploads/1", 1);
    driver.abort_upload(&upload).await.unwrap_err();
    driver.abort_upload(&upload).await.unwrap();
    nothing_is_left(&container).await;
    // So it is if the answer to the first step was lost.
    let upload = append(&driver, &upload, 0, &content(1000, 7)).await;
    server.inject(Fault::LoseReply, Method::PUT, "comp=blocklist", 1);
    driver.abort_upload(&upload).await.unwrap();
    assert_eq!(server.left(), 0, "the faults were met");
    nothing_is_left(&container).await;
}

/// A service that stays away is told of as unavailable, with what it said.
#[tokio::test]
async fn a_service_that_stays_away_is_unavailable() {
    let (server, container, driver) = behind_faults().await;
    server.inject(SERVER_BUSY, Method::PUT, "", 6);
    let error = driver.put(&path("/suite/file"), "x".into()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("503 ServerBusy") && cause.contains("container `registry`"), "{cause}");
    nothing_is_left(&container).await;
}
