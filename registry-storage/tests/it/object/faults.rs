//! A driver that goes to its store through a server that makes faults.

use http::Method;
use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::object::ObjectDriver;
use registry_storage::testing::driver_suite::nothing_is_left;

use super::fault_server::{Fault, FaultServer};
use super::parts::{append, content, path, read};
use super::subject::ObjectSubject;

/// A subject, and a driver that goes to it through a server.
pub(crate) struct BehindFaults<S> {
    pub(crate) subject: S,
    pub(crate) server: FaultServer,
    pub(crate) driver: ObjectDriver,
}

impl<S: ObjectSubject> BehindFaults<S> {
    /// Pushes a file of three parts through a fault, and reads it back.
    pub(crate) async fn push(self, fault: Fault, method: Method, part: &'static str, times: usize) {
        let Self { subject, server, driver } = self;
        server.inject(fault, method, part, times);
        let size = subject.part_bytes();
        let content = content(2 * size + 77, size);
        let upload = driver.begin_upload(&path("/suite/uploads/1")).await.unwrap();
        let upload = append(&driver, &upload, 0, &content).await;
        let file = driver.complete_upload(&upload, &path("/suite/target"), content.len() as u64).await.unwrap();
        driver.abort_upload(&upload).await.unwrap();
        assert!(read(&driver, &file, content.len()).await == content);
        driver.delete(&file).await.unwrap();
        assert_eq!(server.left(), 0, "the fault was met");
        nothing_is_left(&subject).await;
    }

    /// Cuts a read, which goes on where it was cut.
    pub(crate) async fn read_on(self) {
        let Self { subject, server, driver } = self;
        let content = content(3_000_000, 1_000_000);
        let file = path("/suite/file");
        driver.put(&file, content.clone()).await.unwrap();
        server.inject(Fault::CutAnswer, Method::GET, "/suite/file", 2);
        assert!(read(&driver, &file, content.len()).await == content);
        assert_eq!(server.left(), 0, "the fault was met");
        driver.delete(&file).await.unwrap();
        nothing_is_left(&subject).await;
    }

    /// Loses the reply to the first writer of a new file, and to the second if that `sends` anything: each knows which it
    /// was.
    pub(crate) async fn write_new(self, method: Method, part: &'static str, sends: bool) {
        let Self { subject, server, driver } = self;
        let file = path("/suite/file");
        server.inject(Fault::LoseReply, method.clone(), part, 1);
        assert!(driver.put_new(&file, "first".into()).await.unwrap());
        assert_eq!(server.left(), 0, "the fault was met");
        server.inject(Fault::LoseReply, method, part, usize::from(sends));
        assert!(!driver.put_new(&file, "other".into()).await.unwrap());
        assert_eq!(server.left(), 0, "the fault was met");
        driver.delete(&file).await.unwrap();
        nothing_is_left(&subject).await;
    }

    /// Has the store stay away, of which a write tells with what the store said.
    pub(crate) async fn stay_away(self, fault: Fault, says: &[&str]) {
        let Self { subject, server, driver } = self;
        for method in [Method::PUT, Method::POST] {
            server.inject(fault, method, "", 6);
        }
        let error = driver.put(&path("/suite/file"), "x".into()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(says.iter().all(|part| cause.contains(part)), "{cause}");
        nothing_is_left(&subject).await;
    }
}
