//! What goes wrong between the driver and the store, made by a server between them.

use super::subject::{BosBucket, bos};
use crate::object::fault_server::{Fault, FaultServer};
use crate::object::faults::{BehindFaults, NewFile, Words, faults_suite};

const ERRORS: [Fault; 3] = [
    Fault::Answer { status: 503, body: r#"{"code": "ServiceUnavailable"}"# },
    Fault::Answer { status: 400, body: r#"{"code": "RequestTimeout"}"# },
    Fault::Answer { status: 500, body: "" },
];
const BOS: Words = Words::of_s3(NewFile::Put, &ERRORS, ["503 ServiceUnavailable", "bucket `images`"]);

/// Returns a bucket behind a server that makes faults, and a driver that goes through it.
async fn behind_faults() -> BehindFaults<BosBucket> {
    let subject = bos().await;
    let server = FaultServer::start(&subject.config.endpoint).await;
    let driver = subject.driver_by(server.endpoint()).await;
    BehindFaults { subject, server, driver }
}

faults_suite!(behind_faults, BOS);
