//! What goes wrong between the driver and the store, made by a server between them.

use super::subject::{OssBucket, signed_by_v4};
use crate::object::fault_server::{Fault, FaultServer};
use crate::object::faults::{BehindFaults, NewFile, Words, faults_suite};

const ERRORS: [Fault; 2] = [
    Fault::Answer { status: 503, body: "<Error><Code>ServerBusy</Code></Error>" },
    Fault::Answer { status: 500, body: "<Error><Code>InternalError</Code></Error>" },
];
const OSS: Words = Words::of_s3(NewFile::Put, &ERRORS, ["503 ServerBusy", "bucket `images`"]);

/// Returns a bucket behind a server that makes faults, and a driver that goes through it.
async fn behind_faults() -> BehindFaults<OssBucket> {
    let subject = signed_by_v4().await;
    let server = FaultServer::start(&subject.config.endpoint).await;
    let driver = subject.driver_by(server.endpoint()).await;
    BehindFaults { subject, server, driver }
}

faults_suite!(behind_faults, OSS);
