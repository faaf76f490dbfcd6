//! What goes wrong between the driver and the store, made by a server of our own between them.

use http::Method;
use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::scs::open;
use registry_storage::testing::driver_suite::nothing_is_left;

use super::subject::{ScsBucket, scs};
use crate::object::fault_server::{Fault, FaultServer};
use crate::object::faults::{BehindFaults, NewFile, Words, faults_suite};
use crate::object::parts::{path, read};

const ERROR: Fault = Fault::Answer { status: 500, body: "<Error><Code>InternalError</Code></Error>" };
const SCS: Words = Words::of_s3(NewFile::Claim, &[ERROR], ["500 InternalError", "bucket `images`"]);

/// Returns a bucket behind a server that makes faults, and a driver that goes through it.
async fn behind_faults() -> BehindFaults<ScsBucket> {
    let subject = scs().await;
    let server = FaultServer::start(&subject.config.endpoint).await;
    let mut config = subject.config.clone();
    config.endpoint = server.endpoint();
    config.transfer.part_bytes = 5 * 1024 * 1024;
    let driver = open(&config).await.expect("the store can be reached");
    BehindFaults { subject, server, driver }
}

faults_suite!(behind_faults, SCS);

#[tokio::test]
async fn a_connection_cut_while_a_part_is_copied_is_passed_over() {
    behind_faults().await.push(Fault::CutAnswer, Method::GET, "/_staged/", 2).await;
}

#[tokio::test]
async fn a_lost_reply_to_a_claim_is_passed_over() {
    behind_faults().await.write_new(Method::PUT, "/_claims/", false).await;
}

/// The Sohu registry gave out nothing then.
#[tokio::test]
async fn a_range_that_is_answered_by_the_whole_is_no_empty_read() {
    let BehindFaults { subject, server, driver } = behind_faults().await;
    let file = path("/suite/file");
    driver.put(&file, "0123456789".into()).await.unwrap();
    server.inject(Fault::Answer { status: 200, body: "0123456789" }, Method::GET, "/suite/file", 2);
    assert_eq!(read(&driver, &file, 5).await, "01234");
    let error = driver.read(&file, 5..10).await.unwrap_err();
    assert_eq!((error.kind(), server.left()), (StoreErrorKind::Other, 0));
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.source().unwrap().to_string(), "it has another range");
    driver.delete(&file).await.unwrap();
    nothing_is_left(&subject).await;
}
