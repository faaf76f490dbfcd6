//! Deletions of many objects, which go in batches of at most 100.

use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::testing::driver_suite::nothing_is_left;

use super::faults::{behind, behind_faults};
use super::subject::{fake_gcs_server, strict_fake};
use crate::object::deletions::{deletions_suite, left, without_batches, write};
use crate::object::fault_server::Fault;
use crate::object::subject::ObjectSubject;

/// What is in the address of a batch.
const BATCH: &str = "/batch/storage/v1";
const BUSY: Fault = Fault::Answer { status: 429, body: "" };

deletions_suite! {
    on_fake_gcs_server => fake_gcs_server,
    on_strict_fake => strict_fake,
}

#[tokio::test]
async fn batches_are_full() {
    let bucket = strict_fake().await;
    let (server, driver) = (bucket.server.as_ref().expect("a server of our own"), bucket.driver().await);
    let files = write(&driver, 250).await;
    driver.delete_all(&files).await.into_iter().for_each(|deleted| deleted.expect("deleting"));
    let mut batches = server.batches();
    batches.sort_unstable();
    assert_eq!(batches, [50, 100, 100]);
    nothing_is_left(&bucket).await;
}

#[tokio::test]
async fn a_store_without_batches_is_asked_singly() {
    without_batches(behind_faults, BATCH).await;
}

#[tokio::test]
async fn a_batch_is_sent_again() {
    for bucket in [fake_gcs_server().await, strict_fake().await] {
        behind(bucket).await.delete_again(BATCH, BUSY).await;
    }
}

#[tokio::test]
async fn a_batch_that_fails_deletes_nothing() {
    behind_faults().await.delete_later(BATCH, BUSY).await;
}

/// A batch may be the first request that a token is too old for.
#[tokio::test]
async fn a_token_that_expired_is_replaced() {
    let bucket = strict_fake().await;
    let driver = bucket.driver().await;
    let files = write(&driver, 5).await;
    bucket.server.as_ref().expect("a server of our own").expire_tokens();
    driver.delete_all(&files).await.into_iter().for_each(|deleted| deleted.expect("deleting"));
    nothing_is_left(&bucket).await;
}

#[tokio::test]
async fn what_fails_in_a_batch_fails_alone() {
    let bucket = strict_fake().await;
    let (server, driver) = (bucket.server.as_ref().expect("a server of our own"), bucket.driver().await);
    let files = write(&driver, 120).await;
    // Two are deleted by requests of their own; the others stay.
    for (index, status, times) in [(3, 503, 2), (4, 403, 1), (50, 403, 2), (110, 500, 7)] {
        server.refuse_to_delete(&format!("root{}", files[index]), status, times);
    }
    for (index, deleted) in driver.delete_all(&files).await.into_iter().enumerate() {
        let kind = deleted.as_ref().err().map(|error| error.kind());
        let expected = match index {
            50 => Some(StoreErrorKind::Other),
            110 => Some(StoreErrorKind::Unavailable),
            _ => None,
        };
        assert_eq!(kind, expected, "{index}: {deleted:?}");
    }
    assert_eq!(left(&driver).await, [files[50].clone(), files[110].clone()]);
    driver.delete_all(&files).await.into_iter().for_each(|deleted| deleted.expect("deleting"));
    nothing_is_left(&bucket).await;
}
