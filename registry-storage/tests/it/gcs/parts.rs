//! Uploads of several parts, where the suite of all object stores does not look.

use bytes::Bytes;
use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::testing::driver_suite::nothing_is_left;

use super::subject::{PART, fake_gcs_server, strict_fake};
use crate::object::parts::{append, content, parts_suite, path, read};
use crate::object::subject::ObjectSubject;

parts_suite! {
    on_fake_gcs_server => fake_gcs_server,
    on_strict_fake => strict_fake,
}

/// One composition takes 32 parts; more are composed in a tree, of which nothing stays.
#[tokio::test]
async fn many_parts_are_composed_in_a_tree() {
    for bucket in [fake_gcs_server().await, strict_fake().await] {
        let driver = bucket.driver().await;
        for parts in [31, 32, 33, 65] {
            let content = content(parts * PART - 5, PART);
            let upload = driver.begin_upload(&path("/suite/uploads/1")).await.unwrap();
            let mut writer = driver.open_writer(&upload, 0).await.unwrap();
            writer.write(vec![content.slice(..PART + 1)]).await.unwrap();
            let file = writer.complete(vec![content.slice(PART + 1..)], &path("/suite/target")).await.unwrap();
            assert!(read(&driver, &file, content.len()).await == content, "{parts}");
            driver.delete(&file).await.unwrap();
            nothing_is_left(&bucket).await;
        }
    }
}

/// A writer that was only slow cannot slip a part of its own into what another completes.
#[tokio::test]
async fn a_replaced_part_is_not_composed() {
    for bucket in [fake_gcs_server().await, strict_fake().await] {
        let driver = bucket.driver().await;
        let content = content(PART + 5, PART);
        let upload = driver.begin_upload(&path("/suite/uploads/1")).await.unwrap();
        let upload = append(&driver, &upload, 0, &content.slice(..5)).await;
        let mut slow = driver.open_writer(&upload, 5).await.unwrap();
        let upload = append(&driver, &upload, 5, &content).await;
        slow.write(vec![Bytes::from(vec![1; PART + 1])]).await.unwrap();
        slow.sync().await.unwrap();
        let completed = driver.complete_upload(&upload, &path("/suite/target"), content.len() as u64).await;
        assert_eq!(completed.unwrap_err().kind(), StoreErrorKind::Corrupt);
        driver.abort_upload(&upload).await.unwrap();
        nothing_is_left(&bucket).await;
    }
}

/// What a writer sends after its upload was aborted does not stay.
#[tokio::test]
async fn parts_that_come_late_are_removed() {
    for bucket in [fake_gcs_server().await, strict_fake().await] {
        let driver = bucket.driver().await;
        let upload = driver.begin_upload(&path("/suite/uploads/1")).await.unwrap();
        let mut writer = driver.open_writer(&upload, 0).await.unwrap();
        writer.write(vec![Bytes::from(vec![1; 5])]).await.unwrap();
        driver.abort_upload(&upload).await.unwrap();
        // The first part is waited for before the second is sent.
        let error = writer.write(vec![Bytes::from(vec![1; 2 * PART])]).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::NotFound);
        nothing_is_left(&bucket).await;
    }
}
