//! Files that are put together of segments, by us or by distribution.

use http::Method;
use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::testing::driver_suite::nothing_is_left;

use super::subject::{Container, swift};
use crate::object::parts::{append, content, path, read};
use crate::object::subject::ObjectSubject;

/// Makes a file as distribution does: segments, and an empty object that names what their names begin with.
async fn as_distribution_does(container: &Container, name: &str, segments: &[&str]) {
    let directory = format!("segments/abc/{name}");
    for (index, segment) in segments.iter().enumerate() {
        container.ask(Method::PUT, &format!("{directory}/{:016}", index + 1), &[], segment).await;
    }
    let prefix = format!("{}/{}/{directory}", container.0.container, container.0.root_directory);
    let headers = [("x-object-manifest", prefix.as_str()), ("content-length", "0")];
    container.ask(Method::PUT, &format!("files/suite/{name}"), &headers, "").await;
}

/// What distribution wrote is read and listed as it is, copied, and removed with all its segments.
#[tokio::test]
async fn what_distribution_wrote_is_a_file() {
    let container = swift().await;
    let driver = container.driver().await;
    for name in ["a", "b"] {
        as_distribution_does(&container, name, &["first, ", "second, ", "third"]).await;
    }
    let listed = driver.list(&path("/suite"), None, 10).await.unwrap().items;
    assert_eq!(listed.iter().map(|file| file.size_bytes).collect::<Vec<_>>(), [20, 20]);
    assert_eq!(driver.stat(&path("/suite/a")).await.unwrap().size_bytes, 20);
    assert_eq!(read(&driver, &path("/suite/a"), 20).await, "first, second, third");
    driver.keep_copy(&path("/suite/a"), &path("/suite/c")).await.unwrap();
    driver.delete(&path("/suite/a")).await.unwrap();
    assert_eq!(read(&driver, &path("/suite/c"), 20).await, "first, second, third");
    assert_eq!(read(&driver, &path("/suite/b"), 20).await, "first, second, third");
    // Replaced, it leaves no segments either.
    driver.put(&path("/suite/b"), "other".into()).await.unwrap();
    assert_eq!(read(&driver, &path("/suite/b"), 5).await, "other");
    assert_eq!(container.keys().await, ["files/suite/b", "files/suite/c"]);
    for result in driver.delete_all(&[path("/suite/b"), path("/suite/c")]).await {
        result.unwrap();
    }
    nothing_is_left(&container).await;
}

/// Segments go with their file, whether it is removed, or replaced by one without any.
#[tokio::test]
async fn segments_go_with_their_file() {
    let container = swift().await;
    let part = container.part_bytes();
    let driver = container.driver().await;
    let content = content(2 * part + 1, part);
    let mut files = Vec::new();
    for name in ["1", "2", "3"] {
        let upload = driver.begin_upload(&path(&format!("/suite/uploads/{name}"))).await.unwrap();
        let upload = append(&driver, &upload, 0, &content).await;
        files.push(driver.complete_upload(&upload, &path("/suite/target"), content.len() as u64).await.unwrap());
        driver.abort_upload(&upload).await.unwrap();
    }
    let listed = driver.list(&path("/suite/uploads"), None, 10).await.unwrap().items;
    assert_eq!(listed.iter().map(|file| file.size_bytes).collect::<Vec<_>>(), [content.len() as u64; 3]);
    assert_eq!(container.keys().await.len(), 3 + 9);
    // A copy has the bytes, not the segments.
    driver.keep_copy(&files[0], &path("/suite/copy")).await.unwrap();
    driver.delete(&files[0]).await.unwrap();
    driver.put(&files[1], "small".into()).await.unwrap();
    assert!(read(&driver, &path("/suite/copy"), content.len()).await == content);
    assert!(read(&driver, &files[2], content.len()).await == content);
    assert_eq!(container.keys().await.len(), 3 + 3);
    driver.delete_below(&path("/suite")).await.unwrap();
    nothing_is_left(&container).await;
}

/// Swift itself refuses to put a file together of what is not there, or is another than was written.
#[tokio::test]
async fn a_file_is_not_made_of_something_else() {
    let container = swift().await;
    let part = container.part_bytes();
    let driver = container.driver().await;
    let content = content(2 * part + 1, part);
    for (number, method) in [(1, Method::PUT), (2, Method::DELETE)] {
        let upload = driver.begin_upload(&path(&format!("/suite/uploads/{number}"))).await.unwrap();
        let upload = append(&driver, &upload, 0, &content).await;
        let writer = driver.open_writer(&upload, content.len() as u64).await.unwrap();
        let keys = container.keys().await;
        let segment = keys.iter().find(|key| key.starts_with("segments/")).expect("a segment");
        container.ask(method, segment, &[], "damaged").await;
        let completed = writer.complete(Vec::new(), &path("/suite/target")).await;
        assert_eq!(completed.unwrap_err().kind(), StoreErrorKind::Corrupt);
        driver.abort_upload(&upload).await.unwrap();
    }
    nothing_is_left(&container).await;
}

/// What was changed since it was synced is noticed.
#[tokio::test]
async fn a_file_is_made_of_what_was_written() {
    let container = swift().await;
    let part = container.part_bytes();
    let driver = container.driver().await;
    let content = content(2 * part + 1, part);
    let upload = driver.begin_upload(&path("/suite/uploads/1")).await.unwrap();
    let upload = append(&driver, &upload, 0, &content).await;
    let keys = container.keys().await;
    let segment = keys.iter().find(|key| key.starts_with("segments/")).expect("a segment");
    container.ask(Method::PUT, segment, &[], "damaged").await;
    let completed = driver.complete_upload(&upload, &path("/suite/target"), content.len() as u64).await;
    assert_eq!(completed.unwrap_err().kind(), StoreErrorKind::Corrupt);
    driver.abort_upload(&upload).await.unwrap();
    nothing_is_left(&container).await;
}
