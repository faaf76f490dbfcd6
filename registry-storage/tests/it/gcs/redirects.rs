//! Addresses for clients.

use registry_storage::driver::StorageDriver;

use super::subject::{Bucket, fake_gcs_server, strict_fake};
use crate::object::parts::path;
use crate::object::redirects::{LIFETIME, redirects_suite};
use crate::object::subject::ObjectSubject;

/// By the key of a service account.
async fn with_key() -> Bucket {
    let mut bucket = strict_fake().await;
    bucket.config.credentials = bucket.server.as_ref().expect("our own").service_account();
    bucket
}

redirects_suite! { strict_fake => with_key }

/// Tokens sign nothing, and whoever is nobody does not either.
#[tokio::test]
async fn without_a_key_there_are_no_addresses() {
    for bucket in [strict_fake().await, fake_gcs_server().await] {
        let driver = bucket.driver().await;
        assert_eq!(driver.redirect(&path("/suite/file"), LIFETIME).await.unwrap(), None);
    }
}
