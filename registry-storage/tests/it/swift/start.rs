//! What is wrong with the configuration is said at the start.

use std::error::Error;

use registry_core::store::StoreErrorKind;
use registry_storage::driver::swift;
use registry_storage::driver::swift::SwiftConfig;

use super::subject::config;

/// Returns what an attempt to open a storage fails with.
pub(super) async fn failure(config: &SwiftConfig) -> (StoreErrorKind, String) {
    let error = swift::open(config).await.unwrap_err();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    assert!(!text.contains("hidden"), "{text}");
    (error.kind(), text)
}

#[tokio::test]
async fn a_wrong_password_or_user_is_told() {
    for (username, password) in [("test:tester", "hidden"), ("test:nobody", "testing"), ("tester", "testing")] {
        let mut config = config();
        (config.login.username, config.login.password) = (username.into(), password.into());
        let (kind, text) = failure(&config).await;
        assert_eq!(kind, StoreErrorKind::Other);
        let login = format!("login of `{username}` at `{}`, request `tx", config.login.url);
        assert!(text.contains("answered 401 Unauthorized") && text.contains(&login), "{text}");
        assert!(text.ends_with("check `username` (`account:user`) and `password`"), "{text}");
    }
}

/// A user without rights can log in, and no more.
#[tokio::test]
async fn a_user_without_rights_is_told() {
    let mut config = config();
    (config.login.username, config.login.password) = ("test:guest".into(), "guest".into());
    let (kind, text) = failure(&config).await;
    assert_eq!(kind, StoreErrorKind::Other);
    let refused = format!("answered 403 Forbidden (container `{}`", config.container);
    assert!(text.contains(&refused) && text.contains("request `tx"), "{text}");
    assert!(text.ends_with("check that the user may list, read, write and delete in the container"), "{text}");
}

#[tokio::test]
async fn a_wrong_address_is_told() {
    let mut elsewhere = config();
    elsewhere.login.url = elsewhere.login.url.replace("/auth/v1.0", "/nowhere");
    let (kind, text) = failure(&elsewhere).await;
    assert_eq!(kind, StoreErrorKind::Other);
    assert!(text.contains("check `authurl` and `authversion`"), "{text}");
    let mut no_address = config();
    no_address.login.url = "no address".into();
    let (_, text) = failure(&no_address).await;
    assert!(text.contains("check `authurl`"), "{text}");
}

/// As with distribution, a container that is not there is made.
#[tokio::test]
async fn a_container_is_made() {
    let mut config = config();
    config.container = format!("made-{}", config.root_directory);
    for _ in 0..2 {
        swift::open(&config).await.expect("it is made once, and there then");
    }
}
