//! What goes wrong between the driver and the store, made by a server between them.

use http::Method;

use super::subject::{BosBucket, bos};
use crate::object::fault_server::{Fault, FaultServer};
use crate::object::faults::BehindFaults;

const BUSY: Fault = Fault::Answer { status: 503, body: r#"{"code": "ServiceUnavailable"}"# };

/// Returns a bucket behind a server that makes faults, and a driver that goes through it.
async fn behind_faults() -> BehindFaults<BosBucket> {
    let subject = bos().await;
    let server = FaultServer::start(&subject.config.endpoint).await;
    let driver = subject.driver_by(server.endpoint()).await;
    BehindFaults { subject, server, driver }
}

#[tokio::test]
async fn errors_of_the_server_are_passed_over() {
    let expired = Fault::Answer { status: 400, body: r#"{"code": "RequestTimeout"}"# };
    for fault in [BUSY, expired, Fault::Answer { status: 500, body: "" }] {
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
    behind_faults().await.push(BUSY, Method::POST, "uploadId", 2).await;
}

#[tokio::test]
async fn a_connection_cut_while_reading_is_passed_over() {
    behind_faults().await.read_on().await;
}

#[tokio::test]
async fn a_lost_reply_to_a_new_file_is_recognised() {
    behind_faults().await.write_new(Method::PUT, "", true).await;
}

#[tokio::test]
async fn a_store_that_stays_away_is_unavailable() {
    behind_faults().await.stay_away(BUSY, &["503 ServiceUnavailable", "bucket `images`"]).await;
}
