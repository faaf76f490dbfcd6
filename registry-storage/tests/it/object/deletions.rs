//! Deletions of many objects, where these go in batches.

use futures::StreamExt;
use http::Method;
use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::object::ObjectDriver;
use registry_storage::path::StoragePath;
use registry_storage::testing::driver_suite::nothing_is_left;

use super::fault_server::Fault;
use super::faults::BehindFaults;
use super::parts::path;
use super::subject::ObjectSubject;

/// More than any batch has.
const MANY: usize = 300;
/// How many files are being written at a time.
const WRITES_AT_ONCE: usize = 16;
/// What servers say that do not know batches.
const UNKNOWN: [Fault; 5] = [
    Fault::Answer { status: 400, body: "" },
    Fault::Answer { status: 404, body: "Not Found" },
    Fault::Answer { status: 405, body: "<Error><Code>UnsupportedHttpVerb</Code></Error>" },
    Fault::Answer { status: 501, body: "{}" },
    Fault::Answer { status: 200, body: "{}" },
];

/// Makes a module of tests, one for each case, for each `name => constructor` of an [`ObjectSubject`].
macro_rules! deletions_suite {
    ($($name:ident => $constructor:expr),+ $(,)?) => { $(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn more_are_deleted_than_a_batch_takes() {
                $crate::object::deletions::more_are_deleted_than_a_batch_takes(&$constructor().await).await;
            }
        }
    )+ };
}

pub(crate) use deletions_suite;

/// Writes files, and returns their paths.
pub(crate) async fn write(driver: &ObjectDriver, count: usize) -> Vec<StoragePath> {
    let paths: Vec<_> = (0..count).map(|index| path(&format!("/suite/many/{index:03}"))).collect();
    let written = paths.iter().map(|path| driver.put(path, "x".into())).collect::<Vec<_>>();
    let written: Vec<_> = futures::stream::iter(written).buffer_unordered(WRITES_AT_ONCE).collect().await;
    written.into_iter().for_each(|written| written.expect("writing"));
    paths
}

/// Returns what is there of [the files](write).
pub(crate) async fn left(driver: &ObjectDriver) -> Vec<StoragePath> {
    let page = driver.list(&path("/suite/many"), None, 2 * MANY).await.expect("listing");
    page.items.into_iter().map(|file| file.path).collect()
}

/// As many as there are, among them some that are not there, and no others.
pub(crate) async fn more_are_deleted_than_a_batch_takes(subject: &impl ObjectSubject) {
    let driver = subject.driver().await;
    let files = write(&driver, MANY).await;
    let (some, others) = files.split_at(MANY - 10);
    for _ in 0..2 {
        let asked: Vec<_> = [path("/suite/never/was")].iter().chain(some).cloned().collect();
        let deleted = driver.delete_all(&asked).await;
        assert_eq!(deleted.len(), asked.len());
        deleted.into_iter().for_each(|deleted| deleted.expect("deleting"));
        assert_eq!(left(&driver).await, others);
    }
    write(&driver, MANY).await;
    driver.delete_below(&path("/suite/many")).await.expect("deleting");
    nothing_is_left(subject).await;
}

/// Where `part` is in the address of a batch, has a store refuse batches: files are deleted singly, and no other batch is
/// tried by the driver.
pub(crate) async fn without_batches<S: ObjectSubject>(behind: impl AsyncFn() -> BehindFaults<S>, part: &'static str) {
    for fault in UNKNOWN {
        let BehindFaults { subject, server, driver } = behind().await;
        server.inject(fault, Method::POST, part, 2);
        for count in [5, 7] {
            let files = write(&driver, count).await;
            driver.delete_all(&files).await.into_iter().for_each(|deleted| deleted.expect("deleting"));
            assert_eq!(server.left(), 1, "one batch was tried: {fault:?}");
        }
        nothing_is_left(&subject).await;
    }
}

impl<S: ObjectSubject> BehindFaults<S> {
    /// Has a batch fail in ways that pass.
    pub(crate) async fn delete_again(self, part: &'static str, busy: Fault) {
        let Self { subject, server, driver } = self;
        for fault in [busy, Fault::CutRequest, Fault::LoseReply, Fault::CutAnswer] {
            let files = write(&driver, 5).await;
            server.inject(fault, Method::POST, part, 1);
            // One by one they could not be deleted.
            server.inject(Fault::Answer { status: 403, body: "" }, Method::DELETE, "many", 1);
            driver.delete_all(&files).await.into_iter().for_each(|deleted| deleted.expect("deleting"));
            assert_eq!(server.left(), 1, "the fault was met, and batches are still sent: {fault:?}");
            let error = driver.delete(&files[0]).await.unwrap_err();
            assert_eq!((error.kind(), server.left()), (StoreErrorKind::Other, 0));
        }
        nothing_is_left(&subject).await;
    }

    /// Has batches fail for too long: none of the files is said to be deleted, and none is.
    pub(crate) async fn delete_later(self, part: &'static str, busy: Fault) {
        let Self { subject, server, driver } = self;
        let files = write(&driver, 5).await;
        server.inject(busy, Method::POST, part, 6);
        for (deleted, file) in driver.delete_all(&files).await.into_iter().zip(&files) {
            let error = deleted.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Unavailable);
            assert!(error.to_string().contains(&file.as_str()[1..]), "{error}");
        }
        assert_eq!((server.left(), left(&driver).await), (0, files.clone()));
        driver.delete_all(&files).await.into_iter().for_each(|deleted| deleted.expect("deleting"));
        nothing_is_left(&subject).await;
    }
}
