//! What goes wrong between the driver and the store, made by a server between them.

use http::Method;
use registry_storage::driver::kodo::{KodoHosts, open};

use super::subject::{KodoBucket, PART, kodo};
use crate::object::fault_server::{Fault, FaultServer};
use crate::object::faults::{BehindFaults, NewFile, Words, faults_suite};

/// What is in the addresses of parts, after that of the upload.
const PARTS: &str = "/uploads/upload%3D";
const ERRORS: [Fault; 3] = [
    Fault::Answer { status: 503, body: r#"{"error": "service unavailable"}"# },
    Fault::Answer { status: 599, body: r#"{"error": "temporary failure"}"# },
    Fault::Answer { status: 573, body: "" },
];
const KODO: Words = Words {
    part: PARTS,
    begin: "/uploads",
    complete: PARTS,
    new_file: NewFile::Post,
    errors: &ERRORS,
    says: ["503 service unavailable", "bucket `images`"],
};

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

faults_suite!(behind_faults, KODO);

/// The last piece of an upload is copied through the registry.
#[tokio::test]
async fn a_connection_cut_while_a_part_is_copied_is_passed_over() {
    behind_faults().await.push(Fault::CutAnswer, Method::GET, "_staged/1/", 1).await;
}
