//! What goes wrong between the driver and the service, made by a server of our own between them.

use http::Method;
use registry_storage::driver::StorageDriver;
use registry_storage::testing::driver_suite::nothing_is_left;

use super::subject::{Container, azure};
use crate::object::fault_server::{Fault, FaultServer};
use crate::object::faults::BehindFaults;
use crate::object::parts::{append, content, path};
use crate::object::subject::ObjectSubject;

pub(super) const SERVER_BUSY: Fault = Fault::Answer { status: 503, body: "<Error><Code>ServerBusy</Code></Error>" };

/// Returns a container behind a server that makes faults, and a driver that goes through it.
pub(super) async fn behind_faults() -> BehindFaults<Container> {
    behind(azure().await).await
}

/// Puts such a server before a container.
pub(super) async fn behind(container: Container) -> BehindFaults<Container> {
    let (scheme, rest) = container.0.endpoint.split_once("://").unwrap();
    let (authority, account) = rest.split_once('/').unwrap();
    let server = FaultServer::start(&format!("{scheme}://{authority}")).await;
    let mut config = container.0.clone();
    config.endpoint = format!("{}/{account}", server.endpoint());
    let driver = Container(config).driver().await;
    BehindFaults { subject: container, server, driver }
}

#[tokio::test]
async fn errors_of_the_server_are_passed_over() {
    let corrupted = Fault::Answer { status: 400, body: "<Error><Code>Md5Mismatch</Code></Error>" };
    for fault in [SERVER_BUSY, corrupted, Fault::Answer { status: 500, body: "" }] {
        behind_faults().await.push(fault, Method::PUT, "blockid", 2).await;
    }
}

#[tokio::test]
async fn a_connection_cut_in_a_block_is_passed_over() {
    behind_faults().await.push(Fault::CutRequest, Method::PUT, "blockid", 2).await;
}

#[tokio::test]
async fn a_lost_reply_to_a_block_is_passed_over() {
    behind_faults().await.push(Fault::LoseReply, Method::PUT, "blockid", 2).await;
}

#[tokio::test]
async fn a_lost_reply_to_the_block_list_is_recognised() {
    behind_faults().await.push(Fault::LoseReply, Method::PUT, "comp=blocklist", 1).await;
}

#[tokio::test]
async fn a_refusal_of_the_block_list_is_passed_over() {
    behind_faults().await.push(SERVER_BUSY, Method::PUT, "comp=blocklist", 2).await;
}

/// The last piece of an upload is copied through the registry.
#[tokio::test]
async fn a_connection_cut_while_a_part_is_copied_is_passed_over() {
    behind_faults().await.push(Fault::CutAnswer, Method::GET, "_staged/1/", 1).await;
}

#[tokio::test]
async fn a_connection_cut_while_reading_is_passed_over() {
    behind_faults().await.read_on().await;
}

#[tokio::test]
async fn a_lost_reply_to_a_new_file_is_recognised() {
    behind_faults().await.write_new(Method::PUT, "", true).await;
}

/// An upload is removed even if what says so is cut off after its first step.
#[tokio::test]
async fn an_abort_that_was_interrupted_is_finished_by_the_next() {
    let BehindFaults { subject: container, server, driver } = behind_faults().await;
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

#[tokio::test]
async fn a_service_that_stays_away_is_unavailable() {
    behind_faults().await.stay_away(SERVER_BUSY, &["503 ServerBusy", "container `registry`"]).await;
}
