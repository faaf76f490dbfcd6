//! What goes wrong between the driver and the store, made by a server between them.

use super::subject::{CosBucket, cos};
use crate::object::fault_server::{Fault, FaultServer};
use crate::object::faults::{BehindFaults, NewFile, Words, faults_suite};

const ERRORS: [Fault; 2] = [
    Fault::Answer { status: 503, body: "<Error><Code>SlowDown</Code></Error>" },
    Fault::Answer { status: 500, body: "<Error><Code>InternalError</Code></Error>" },
];
const COS: Words = Words::of_s3(NewFile::Put, &ERRORS, ["503 SlowDown", "bucket `images-1250000000`"]);

/// Returns a bucket behind a server that makes faults, and a driver that goes through it.
async fn behind_faults() -> BehindFaults<CosBucket> {
    let subject = cos().await;
    let server = FaultServer::start(&subject.config.endpoint).await;
    let driver = subject.driver_by(server.endpoint()).await;
    BehindFaults { subject, server, driver }
}

faults_suite!(behind_faults, COS);
