//! Addresses for clients, by the endpoint that they can reach.

use registry_storage::driver::StorageDriver;
use registry_storage::driver::s3::open;

use crate::object::parts::path;
use crate::object::redirects::{LIFETIME, redirects_suite};
use crate::subject::{s3, s3_config};

redirects_suite! { seaweedfs => s3 }

#[tokio::test]
async fn clients_are_sent_to_the_endpoint_that_they_can_reach() {
    let mut config = s3_config();
    config.public_endpoint = Some("https://images.example.com".into());
    let driver = open(&config).await.unwrap();
    let address = driver.redirect(&path("/suite/file"), LIFETIME).await.unwrap().unwrap();
    let expected = format!("https://images.example.com/{}{}/suite/file?", config.bucket, config.root_directory);
    assert!(address.starts_with(&expected) && address.contains("X-Amz-Expires=1200&"), "{address}");

    config.public_endpoint = Some("images.example.com".into());
    assert!(open(&config).await.is_err(), "it says no scheme");
}
