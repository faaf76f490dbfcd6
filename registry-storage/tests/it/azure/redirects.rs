//! Addresses for clients.

use registry_storage::driver::StorageDriver;
use registry_storage::driver::azure::open;

use super::subject::{azure, azure_by_signature};
use crate::object::parts::path;
use crate::object::redirects::{LIFETIME, redirects_suite};
use crate::object::subject::ObjectSubject;

redirects_suite! { azurite => azure }

/// It allows more than to read one blob.
#[tokio::test]
async fn a_signature_that_the_registry_was_given_is_given_to_nobody() {
    let driver = azure_by_signature().await.driver().await;
    assert_eq!(driver.redirect(&path("/suite/file"), LIFETIME).await.unwrap(), None);
}

#[tokio::test]
async fn clients_are_sent_to_the_endpoint_that_they_can_reach() {
    let mut config = azure().await.0;
    config.public_endpoint = Some("https://images.example.com".into());
    let driver = open(&config).await.unwrap();
    let address = driver.redirect(&path("/suite/file"), LIFETIME).await.unwrap().unwrap();
    let expected = format!("https://images.example.com/{}{}/suite/file?", config.container, config.root_directory);
    assert!(address.starts_with(&expected), "{address}");
    // For reading, and not over plain HTTP.
    assert!(address.contains("&sp=r&") && address.contains("&spr=https&"), "{address}");
}
