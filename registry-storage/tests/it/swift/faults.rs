//! What goes wrong between the driver and the store, made by a server of our own between them.

use std::error::Error;
use std::time::Duration;

use http::Method;
use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::object::TransferConfig;
use registry_storage::driver::swift::{self, SwiftConfig};
use registry_storage::testing::driver_suite::nothing_is_left;

use super::subject::{Container, swift};
use crate::object::fault_server::{Fault, FaultServer};
use crate::object::faults::BehindFaults;
use crate::object::parts::path;

/// Returns a container behind a server that makes faults, and a driver that goes through it.
async fn behind_faults() -> BehindFaults<Container> {
    let container = swift().await;
    let mut config = container.0.clone();
    let (address, path) = config.login.url.split_once("/auth/").expect("an address of TempAuth");
    // TempAuth names the address of the account as it was asked itself.
    let server = FaultServer::start(address).await;
    config.login.url = format!("{}/auth/{path}", server.endpoint());
    let transfer = TransferConfig { part_bytes: SwiftConfig::MIN_PART_BYTES, ..TransferConfig::default() };
    let driver = swift::open(&SwiftConfig { transfer, ..config }).await.expect("the store can be reached");
    BehindFaults { subject: container, server, driver }
}

#[tokio::test]
async fn errors_of_the_server_are_passed_over() {
    for status in [500, 503, 498, 422] {
        behind_faults().await.push(Fault::Answer { status, body: "" }, Method::PUT, "/segments/", 2).await;
    }
}

#[tokio::test]
async fn a_connection_cut_in_a_part_is_passed_over() {
    behind_faults().await.push(Fault::CutRequest, Method::PUT, "/segments/", 2).await;
}

#[tokio::test]
async fn a_lost_reply_to_a_part_is_passed_over() {
    behind_faults().await.push(Fault::LoseReply, Method::PUT, "/segments/", 2).await;
}

#[tokio::test]
async fn a_lost_reply_to_the_beginning_leaves_nothing() {
    behind_faults().await.push(Fault::LoseReply, Method::PUT, "/uploads/", 1).await;
}

#[tokio::test]
async fn a_lost_reply_to_the_completion_is_passed_over() {
    behind_faults().await.push(Fault::LoseReply, Method::PUT, "multipart-manifest=put", 2).await;
}

#[tokio::test]
async fn a_lost_reply_to_the_removal_is_passed_over() {
    behind_faults().await.push(Fault::LoseReply, Method::DELETE, "multipart-manifest=delete", 1).await;
}

/// A token that ends in the middle of an upload is replaced, once for all who meet its end.
#[tokio::test]
async fn a_token_that_ends_is_replaced() {
    for (method, part_of_path) in [(Method::PUT, "/segments/"), (Method::HEAD, "/uploads/"), (Method::GET, "prefix=")] {
        behind_faults().await.push(Fault::Answer { status: 401, body: "" }, method, part_of_path, 1).await;
    }
}

/// A token that no server takes any more: a new login brings another one.
#[tokio::test]
async fn a_new_login_brings_a_new_token() {
    let BehindFaults { subject: container, server, driver } = behind_faults().await;
    server.inject(Fault::Answer { status: 401, body: "" }, Method::PUT, "/suite/file", 1);
    // A session that has just begun is not ended for one refusal.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    server.inject(Fault::Answer { status: 503, body: "" }, Method::GET, "/auth/v1.0", 1);
    driver.put(&path("/suite/file"), "x".into()).await.unwrap();
    assert_eq!(server.left(), 0, "it logged in again");
    driver.delete(&path("/suite/file")).await.unwrap();
    nothing_is_left(&container).await;
}

/// Whoever may not do something is told so, and not asked to log in for ever.
#[tokio::test]
async fn a_token_without_rights_is_told_of() {
    let BehindFaults { server, driver, .. } = behind_faults().await;
    server.inject(Fault::Answer { status: 401, body: "" }, Method::PUT, "/suite/file", 2);
    let error = driver.put(&path("/suite/file"), "x".into()).await.unwrap_err();
    assert_eq!((error.kind(), server.left()), (StoreErrorKind::Other, 0));
    let cause = error.source().unwrap().to_string();
    assert!(cause.contains("401 Unauthorized") && cause.contains("check that the user has rights"), "{cause}");
}

#[tokio::test]
async fn a_connection_cut_while_reading_is_passed_over() {
    behind_faults().await.read_on().await;
}

#[tokio::test]
async fn a_lost_reply_to_a_new_file_is_recognised() {
    behind_faults().await.write_new(Method::PUT, "/suite/file", false).await;
}

/// A store that stays away is told of as unavailable, with what it said, and one that is full as out of space.
#[tokio::test]
async fn what_the_store_says_is_told() {
    let BehindFaults { subject: container, server, driver } = behind_faults().await;
    for (status, times, kind, text) in [
        (503, 6, StoreErrorKind::Unavailable, "503 Service Unavailable Later. (container `"),
        (413, 1, StoreErrorKind::OutOfSpace, "413 Payload Too Large Later. (container `"),
        (507, 1, StoreErrorKind::OutOfSpace, "507 Insufficient Storage Later. (container `"),
    ] {
        server.inject(Fault::Answer { status, body: "<html><h1>No</h1><p>Later.</p></html>" }, Method::PUT, "", times);
        let error = driver.put(&path("/suite/file"), "x".into()).await.unwrap_err();
        assert_eq!((error.kind(), server.left()), (kind, 0));
        let cause = error.source().unwrap().to_string();
        assert!(cause.contains(text), "{cause}");
    }
    nothing_is_left(&container).await;
}
