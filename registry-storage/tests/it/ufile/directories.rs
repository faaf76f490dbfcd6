//! What the driver of the first registry has left, and claims of who was killed.

use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::ufile::{INDEX, UfileConfig, open};
use registry_storage::testing::driver_suite::nothing_is_left;

use super::subject::{UfileBucket, ufile};
use crate::object::parts::{path, read};
use crate::object::subject::ObjectSubject;

impl UfileBucket {
    /// Writes an object as another program does.
    fn put(&self, key: &str, content: &'static str, kind: &str) {
        let objects = &mut self.server.state.lock().unwrap().objects;
        objects.put_directly(&format!("root/{key}"), content.into(), kind);
    }

    /// Makes an object older.
    fn age(&self, key: &str, seconds: i64) {
        let objects = &mut self.server.state.lock().unwrap().objects;
        objects.get_mut(&format!("root/{key}")).expect("an object").modified_at -= seconds;
    }
}

/// They list directories, under the names of those.
#[tokio::test]
async fn indexes_are_no_files() {
    let subject = ufile().await;
    let driver = subject.driver().await;
    subject.put("suite/images", "a/\nb/\n", INDEX);
    subject.put("suite/images/a", "json\n", INDEX);
    subject.put("suite/images/a/json", "{}", "application/octstream");
    let listed = driver.list(&path("/suite"), None, 10).await.unwrap();
    assert_eq!(listed.items.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["/suite/images/a/json"]);
    assert!(!listed.more);
    assert_eq!(read(&driver, &path("/suite/images/a/json"), 2).await, "{}");
    for directory in ["/suite/images", "/suite/images/a"] {
        assert_eq!(driver.stat(&path(directory)).await.unwrap_err().kind(), StoreErrorKind::NotFound);
        assert_eq!(driver.read(&path(directory), 0..2).await.unwrap_err().kind(), StoreErrorKind::NotFound);
    }
}

/// A page of a list may be all indexes.
#[tokio::test]
async fn lists_go_on_behind_indexes() {
    let subject = ufile().await;
    let driver = subject.driver().await;
    for index in 0..5 {
        subject.put(&format!("suite/{index}"), "file\n", INDEX);
    }
    subject.put("suite/5", "x", "application/octstream");
    let listed = driver.list(&path("/suite"), None, 1).await.unwrap();
    assert_eq!(listed.items.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["/suite/5"]);
}

/// Who finds a claim of another waits, and takes the turn when the claim has run out.
#[tokio::test]
async fn a_claim_of_who_was_killed_runs_out() {
    let subject = ufile().await;
    let driver = subject.driver().await;
    let claim = "suite/_claims/file/0";
    subject.put(claim, "", "application/octet-stream");
    let waiting = tokio::spawn({
        let driver = driver.clone();
        async move { driver.put_new(&path("/suite/file"), "content".into()).await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(!waiting.is_finished(), "the other may still write");
    subject.age(claim, 601);
    assert!(waiting.await.unwrap().unwrap());
    assert_eq!(read(&driver, &path("/suite/file"), 7).await, "content");
    driver.delete(&path("/suite/file")).await.unwrap();
    nothing_is_left(&subject).await;
}

/// A copy of more than the store copies at once is one in parts.
#[tokio::test]
async fn a_large_file_is_copied_in_parts() {
    let subject = ufile().await;
    let config = UfileConfig { root_directory: "/root".into(), ..subject.config.clone() };
    let driver = open(&config).await.unwrap();
    let size = 100_000_001;
    subject.server.state.lock().unwrap().objects.put_directly("root/suite/large", vec![7; size].into(), "x");
    driver.keep_copy(&path("/suite/large"), &path("/suite/copy")).await.unwrap();
    assert_eq!(driver.stat(&path("/suite/copy")).await.unwrap().size_bytes, size as u64);
    for file in ["/suite/large", "/suite/copy"] {
        driver.delete(&path(file)).await.unwrap();
    }
    nothing_is_left(&subject).await;
}
