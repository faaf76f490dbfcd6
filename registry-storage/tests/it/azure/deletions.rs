//! Deletions of many blobs, which go in batches of at most 256.

use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::object::ObjectDriver;
use registry_storage::path::StoragePath;

use super::faults::{SERVER_BUSY, behind, behind_faults};
use super::service::{Service, address};
use super::subject::{azure, azure_by_signature};
use crate::object::deletions::{deletions_suite, without_batches};
use crate::object::parts::path;

/// What is in the address of a batch.
const BATCH: &str = "comp=batch";

deletions_suite! {
    azurite => azure,
    azurite_by_signature => azure_by_signature,
}

#[tokio::test]
async fn a_service_without_batches_is_asked_singly() {
    without_batches(behind_faults, BATCH).await;
}

#[tokio::test]
async fn a_batch_is_sent_again() {
    for container in [azure().await, azure_by_signature().await] {
        behind(container).await.delete_again(BATCH, SERVER_BUSY).await;
    }
}

#[tokio::test]
async fn a_batch_that_fails_deletes_nothing() {
    behind_faults().await.delete_later(BATCH, SERVER_BUSY).await;
}

fn blobs(count: usize) -> Vec<StoragePath> {
    (0..count).map(|index| path(&format!("/suite/{index}"))).collect()
}

/// Deletes blobs, and returns what each deletion that failed means.
async fn failed(driver: &ObjectDriver, blobs: &[StoragePath]) -> Vec<(usize, StoreErrorKind)> {
    let deleted = driver.delete_all(blobs).await;
    assert_eq!(deleted.len(), blobs.len());
    let failed = deleted.into_iter().enumerate().filter_map(|(index, deleted)| Some((index, deleted.err()?.kind())));
    failed.collect()
}

#[tokio::test]
async fn what_fails_in_a_batch_fails_alone() {
    let blobs = blobs(300);
    let (service, driver) = Service::start(&blobs).await;
    // Three are deleted by requests of their own. The others stay: leased, not answered, unavailable for too long.
    let passing = [(3, vec![503, 500]), (4, vec![401]), (5, vec![403])];
    for (index, says) in passing.into_iter().chain([(50, vec![409; 2]), (60, vec![0]), (290, vec![500; 7])]) {
        service.state.lock().unwrap().says.insert(address(&blobs[index]), says);
    }
    let expected = [(50, StoreErrorKind::Conflict), (60, StoreErrorKind::Other), (290, StoreErrorKind::Unavailable)];
    assert_eq!(failed(&driver, &blobs).await, expected);
    {
        let state = service.state.lock().unwrap();
        assert_eq!(state.blobs, [50, 60, 290].map(|index| address(&blobs[index])).into());
        // Each that was refused was asked for alone, as often as anything else is.
        assert_eq!((state.batches.iter().sum::<usize>(), state.singly), (300, 2 + 1 + 1 + 1 + 6));
    }
    assert_eq!(failed(&driver, &blobs).await, []);
    let state = service.state.lock().unwrap();
    assert!(state.blobs.is_empty() && state.batches.len() == 4, "batches are still sent: {:?}", state.batches);
}

/// Azure accepts a batch that it cannot read, and says so in the only part of its answer.
#[tokio::test]
async fn one_answer_may_be_to_a_whole_batch() {
    let blobs = blobs(5);
    let (service, driver) = Service::start(&blobs).await;
    for (refusal, batches) in [((503, "ServerBusy"), 1), ((400, "InvalidInput"), 2), ((400, "not sent"), 2)] {
        service.state.lock().unwrap().refusals.push(refusal);
        assert_eq!(failed(&driver, &blobs).await, []);
        let mut state = service.state.lock().unwrap();
        assert!(state.blobs.is_empty());
        assert_eq!(state.batches.len(), batches, "{refusal:?}");
        state.blobs = blobs.iter().map(address).collect();
    }
    assert_eq!(service.state.lock().unwrap().singly, 15);
}

/// What is said of nothing that was asked is no batch's answer.
#[tokio::test]
async fn an_answer_without_any_part_is_to_no_batch() {
    let blobs = blobs(5);
    let (service, driver) = Service::start(&blobs).await;
    service.state.lock().unwrap().says = blobs.iter().map(|blob| (address(blob), vec![0])).collect();
    assert_eq!(failed(&driver, &blobs).await, []);
    assert_eq!(failed(&driver, &blobs).await, []);
    let state = service.state.lock().unwrap();
    assert!(state.blobs.is_empty());
    assert_eq!((state.batches.len(), state.singly), (1, 10));
}
