//! Addresses for clients, and the keys that sign them.

use http::{Method, StatusCode};
use registry_storage::driver::StorageDriver;
use registry_storage::driver::swift::{self, SwiftConfig};

use super::subject::{Container, ask, config};
use crate::object::parts::path;
use crate::object::redirects::{LIFETIME, get, redirects_suite};

const FIRST: &str = "x-container-meta-temp-url-key";
const SECOND: &str = "x-container-meta-temp-url-key-2";

/// Returns the settings for a container of its own, since its keys are looked at.
fn own_container(key: Option<&str>) -> SwiftConfig {
    let mut config = config();
    config.container = format!("keys-{}", config.root_directory);
    config.temp_url.key = key.map(ToOwned::to_owned);
    config
}

/// Opens a storage of its own, by a key of its own.
async fn with_key() -> Container {
    Container(own_container(Some("secret")))
}

redirects_suite! { tempauth => with_key }

async fn keys(config: &SwiftConfig) -> [Option<String>; 2] {
    let (headers, _) = ask(Method::HEAD, &config.container, &[], "").await;
    [FIRST, SECOND].map(|name| Some(headers.get(name)?.to_str().expect("a text").to_owned()))
}

/// Tells whether an address that a registry with these settings gives can be read by.
async fn can_be_read(config: &SwiftConfig) -> bool {
    let file = path("/suite/file");
    let driver = swift::open(config).await.unwrap();
    driver.put(&file, "content".into()).await.unwrap();
    let Some(address) = driver.redirect(&file, LIFETIME).await.unwrap() else { return false };
    assert_eq!(get(&address, None).await, (StatusCode::OK, "content".into()));
    true
}

#[tokio::test]
async fn without_a_key_the_container_s_counts() {
    let config = own_container(None);
    assert!(!can_be_read(&config).await, "there is none");
    assert_eq!(keys(&config).await, [None, None], "and none is made");
    ask(Method::POST, &config.container, &[(SECOND, "second")], "").await;
    assert!(can_be_read(&config).await);
    ask(Method::POST, &config.container, &[(FIRST, "first")], "").await;
    assert!(can_be_read(&config).await);
}

/// Registries that still have the other key go on, as long as there are two.
#[tokio::test]
async fn a_key_that_is_replaced_counts_on() {
    let old = own_container(Some("old"));
    let mut new = old.clone();
    new.temp_url.key = Some("new".into());
    for (config, there) in [(&old, ["old", ""]), (&new, ["new", "old"]), (&old, ["new", "old"])] {
        assert!(can_be_read(config).await);
        assert_eq!(keys(config).await.map(Option::unwrap_or_default), there);
    }
}

#[tokio::test]
async fn the_account_can_have_the_key() {
    let mut config = own_container(Some("account"));
    config.temp_url.is_of_account = true;
    assert!(can_be_read(&config).await);
    assert_eq!(keys(&config).await, [None, None]);
}

#[tokio::test]
async fn a_store_that_allows_none_has_none() {
    let mut config = own_container(Some("secret"));
    config.temp_url.methods = Some(vec!["PUT".into()]);
    assert!(!can_be_read(&config).await);
}

#[tokio::test]
async fn clients_are_sent_to_the_endpoint_that_they_can_reach() {
    let mut config = own_container(Some("secret"));
    config.public_endpoint = Some("https://images.example.com".into());
    let driver = swift::open(&config).await.unwrap();
    let address = driver.redirect(&path("/suite/file"), LIFETIME).await.unwrap().unwrap();
    let below = format!("/{}/{}/files/suite/file?temp_url_sig=", config.container, config.root_directory);
    assert!(
        address.starts_with("https://images.example.com/v1/AUTH_test/keys-") && address.contains(&below),
        "{address}"
    );
}
