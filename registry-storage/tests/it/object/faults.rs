//! A driver that goes to its store through a server that makes faults.

use http::Method;
use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::object::ObjectDriver;
use registry_storage::testing::driver_suite::nothing_is_left;

use super::fault_server::{Fault, FaultServer};
use super::parts::{append, content, path, read};
use super::subject::ObjectSubject;

/// By what the requests of a driver are known, and what its store says when it fails.
pub(crate) struct Words {
    /// What is in the address of a part, which is sent by PUT.
    pub(crate) part: &'static str,
    /// What is in the address by which an upload begins, by POST.
    pub(crate) begin: &'static str,
    /// What is in the address by which one is completed, by POST.
    pub(crate) complete: &'static str,
    /// How a new file is written.
    pub(crate) new_file: NewFile,
    /// What is worth another attempt.
    pub(crate) errors: &'static [Fault],
    /// What is said of the first of these in the end.
    pub(crate) says: [&'static str; 2],
}

/// How a driver writes a new file.
#[derive(Clone, Copy)]
pub(crate) enum NewFile {
    /// By a `PUT`, which the store refuses if there is one.
    Put,
    /// By such a `POST`.
    Post,
    /// By a `PUT` of whoever has claimed it, and of nobody else.
    Claim,
}

impl NewFile {
    /// Returns the request, what is in its address, and whether the second writer of a file sends it as well.
    pub(crate) fn request(self) -> (Method, &'static str, bool) {
        match self {
            Self::Put => (Method::PUT, "", true),
            Self::Post => (Method::POST, "", true),
            Self::Claim => (Method::PUT, "/suite/file", false),
        }
    }
}

impl Words {
    /// The words of Amazon S3 and of stores that are alike.
    pub(crate) const fn of_s3(new_file: NewFile, errors: &'static [Fault], says: [&'static str; 2]) -> Self {
        Self { part: "partNumber", begin: "?uploads", complete: "uploadId", new_file, errors, says }
    }
}

/// Tests a driver with all that goes wrong alike between any driver and its store: `$behind` returns [`BehindFaults`], and
/// `$words` its [`Words`].
macro_rules! faults_suite {
    ($behind:path, $words:path) => {
        #[tokio::test]
        async fn errors_of_the_server_are_passed_over() {
            for fault in $words.errors {
                $behind().await.push(*fault, http::Method::PUT, $words.part, 2).await;
            }
        }

        #[tokio::test]
        async fn a_connection_cut_in_a_part_is_passed_over() {
            let fault = $crate::object::fault_server::Fault::CutRequest;
            $behind().await.push(fault, http::Method::PUT, $words.part, 2).await;
        }

        #[tokio::test]
        async fn a_lost_reply_to_a_part_is_passed_over() {
            let fault = $crate::object::fault_server::Fault::LoseReply;
            $behind().await.push(fault, http::Method::PUT, $words.part, 2).await;
        }

        #[tokio::test]
        async fn a_lost_reply_to_the_beginning_leaves_nothing() {
            let fault = $crate::object::fault_server::Fault::LoseReply;
            $behind().await.push(fault, http::Method::POST, $words.begin, 1).await;
        }

        #[tokio::test]
        async fn a_lost_reply_to_the_completion_is_recognised() {
            let fault = $crate::object::fault_server::Fault::LoseReply;
            $behind().await.push(fault, http::Method::POST, $words.complete, 1).await;
        }

        #[tokio::test]
        async fn a_refusal_of_the_completion_is_passed_over() {
            $behind().await.push($words.errors[0], http::Method::POST, $words.complete, 2).await;
        }

        #[tokio::test]
        async fn a_connection_cut_while_reading_is_passed_over() {
            $behind().await.read_on().await;
        }

        #[tokio::test]
        async fn a_lost_reply_to_a_new_file_is_recognised() {
            let (method, part, sends) = $words.new_file.request();
            $behind().await.write_new(method, part, sends).await;
        }

        #[tokio::test]
        async fn a_store_that_stays_away_is_unavailable() {
            $behind().await.stay_away($words.errors[0], &$words.says).await;
        }
    };
}

pub(crate) use faults_suite;

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
