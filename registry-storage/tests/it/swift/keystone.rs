//! Logging in by Keystone: by version 3 at a real one, and by version 2, which no Keystone has any more, at one of our own.

mod version_2;

use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::swift::{
    self, SwiftAuthVersion, SwiftConfig, SwiftEndpoint, SwiftLogin, SwiftName, SwiftScope,
};

use self::version_2::Keystone;
use super::start::failure;
use super::subject::config;
use crate::object::parts::{append, content, path, read};
use crate::subject::variable;

const PART: usize = SwiftConfig::MIN_PART_BYTES as usize;

/// Returns the settings for a part of its own in a container of the project that Keystone has.
fn with_keystone() -> SwiftConfig {
    let mut config = config();
    config.transfer.part_bytes = PART as u64;
    config.login = SwiftLogin {
        url: variable("TEST_KEYSTONE_URL"),
        version: SwiftAuthVersion::V3,
        username: "admin".into(),
        password: "secret".into(),
        user_domain: None,
        scope: project("admin"),
    };
    config
}

fn project(name: &str) -> Option<SwiftScope> {
    Some(SwiftScope::Project { project: SwiftName::Name(name.into()), domain: None })
}

/// Opens a storage, and keeps a file of several parts in it for a while.
async fn use_storage(config: &SwiftConfig) {
    let driver = swift::open(config).await.expect("the store can be reached");
    let content = content(2 * PART + 7, PART);
    let upload = driver.begin_upload(&path("/suite/uploads/1")).await.unwrap();
    let upload = append(&driver, &upload, 0, &content).await;
    let file = driver.complete_upload(&upload, &path("/suite/target"), content.len() as u64).await.unwrap();
    driver.abort_upload(&upload).await.unwrap();
    assert!(read(&driver, &file, content.len()).await == content);
    driver.delete(&file).await.unwrap();
    assert_eq!(driver.list(&path("/suite"), None, 10).await.unwrap().items, []);
}

#[tokio::test]
async fn version_3_brings_a_token_and_an_address() {
    let mut config = with_keystone();
    use_storage(&config).await;
    config.login.user_domain = Some(SwiftName::Name("Default".into()));
    config.login.url = format!("{}/auth", config.login.url);
    config.endpoint = SwiftEndpoint::Internal;
    config.region = Some("RegionOne".into());
    use_storage(&config).await;
}

#[tokio::test]
async fn what_keystone_refuses_is_told() {
    for (password, scope) in [("hidden", project("admin")), ("secret", project("none"))] {
        let mut config = with_keystone();
        (config.login.password, config.login.scope) = (password.into(), scope);
        let (kind, text) = failure(&config).await;
        assert_eq!(kind, StoreErrorKind::Other);
        let login = format!("login of `admin` at `{}`, request `req-", config.login.url);
        assert!(text.contains("answered 401 Unauthorized The request you have made requires"), "{text}");
        assert!(text.contains(&login), "{text}");
        assert!(text.ends_with("check `username`, `password`, `domain` and `tenant`"), "{text}");
    }
}

/// Without a project, in another region or of another kind there is no address.
#[tokio::test]
async fn a_catalog_without_an_address_is_told() {
    let with = |change: fn(&mut SwiftConfig)| {
        let mut config = with_keystone();
        change(&mut config);
        config
    };
    for config in
        [with(|config| config.region = Some("RegionTwo".into())), with(|config| config.endpoint = SwiftEndpoint::Admin)]
    {
        let (kind, text) = failure(&config).await;
        assert_eq!(kind, StoreErrorKind::Other);
        assert!(text.contains("check `region`, `endpointtype` and the project (`tenant`)"), "{text}");
    }
}

#[tokio::test]
async fn version_2_brings_a_token_and_an_address() {
    let keystone = Keystone::start().await;
    let mut config = config();
    config.transfer.part_bytes = PART as u64;
    config.login.url = keystone.url();
    config.login.version = SwiftAuthVersion::V2;
    (config.login.username, config.login.password) = ("user".into(), "password".into());
    for scope in [project("tenant"), Some(SwiftScope::Project { project: SwiftName::Id("id".into()), domain: None })] {
        config.login.scope = scope;
        use_storage(&config).await;
    }
    config.login.scope = project("other");
    let (_, text) = failure(&config).await;
    assert!(text.contains("401 Unauthorized Not the tenant."), "{text}");
    assert!(text.ends_with("check `username`, `password` and `tenant`"), "{text}");
}
