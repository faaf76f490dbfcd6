//! What goes wrong between the driver and the store, made by a server between them.

use http::Method;
use registry_storage::driver::kodo::{KodoHosts, open};

use super::subject::{KodoBucket, PART, kodo};
use crate::object::fault_server::{Fault, FaultServer};
use crate::object::faults::BehindFaults;

const BUSY: Fault = Fault::Answer { status: 503, body: r#"{"error": "service unavailable"}"# };
/// What is in the addresses of parts, after that of the upload.
const PARTS: &str = "/uploads/upload%3D";

/// Returns a bucket behind a server that makes faults, and a driver that goes through it.
async fn behind_faults() -> BehindFaults<KodoBucket> {
    let subject = kodo().await;
    let server = FaultServer::start(&subject.server.endpoint()).await;
    let mut config = subject.config.clone();
    let host = Some(server.endpoint());
    config.hosts = KodoHosts { up: host.clone(), rs: host.clone(), rsf: host.clone(), domain: host };
    config.transfer.part_bytes = PART as u64;
    let driver = open(&config).await.expect("the store can be reached");
    BehindFaults { subject, server, driver }
}

#[tokio::test]
async fn errors_of_the_server_are_passed_over() {
    let failed = Fault::Answer { status: 599, body: r#"{"error": "temporary failure"}"# };
    let frequent = Fault::Answer { status: 573, body: "" };
    for fault in [BUSY, failed, frequent] {
        behind_faults().await.push(fault, Method::PUT, PARTS, 2).await;
    }
}

#[tokio::test]
async fn a_connection_cut_in_a_part_is_passed_over() {
    behind_faults().await.push(Fault::CutRequest, Method::PUT, PARTS, 2).await;
}

#[tokio::test]
async fn a_lost_reply_to_a_part_is_passed_over() {
    behind_faults().await.push(Fault::LoseReply, Method::PUT, PARTS, 2).await;
}

#[tokio::test]
async fn a_lost_reply_to_the_beginning_leaves_nothing() {
    behind_faults().await.push(Fault::LoseReply, Method::POST, "/uploads", 1).await;
}

#[tokio::test]
async fn a_lost_reply_to_the_completion_is_recognised() {
    behind_faults().await.push(Fault::LoseReply, Method::POST, PARTS, 1).await;
}

#[tokio::test]
async fn a_refusal_of_the_completion_is_passed_over() {
    behind_faults().await.push(BUSY, Method::POST, PARTS, 2).await;
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
    behind_faults().await.write_new(Method::POST, "", true).await;
}

#[tokio::test]
async fn a_store_that_stays_away_is_unavailable() {
    behind_faults().await.stay_away(BUSY, &["503 service unavailable", "bucket `images`"]).await;
}
