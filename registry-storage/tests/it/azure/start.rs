//! What is wrong with the configuration is said at the start.

use std::error::Error;

use registry_core::store::StoreErrorKind;
use registry_storage::driver::azure::{AzureCredentials, open};

use super::subject::azure;

#[tokio::test]
async fn a_wrong_container_or_key_is_told_at_the_start() {
    let right = azure().await.0;
    let mut container = right.clone();
    container.container = "no-such-container".into();
    let mut key = right.clone();
    key.credentials = AzureCredentials::SharedKey("d3Jvbmc=".into());
    let mut no_key = right.clone();
    no_key.credentials = AzureCredentials::SharedKey("wrong".into());
    let mut signature = right.clone();
    signature.credentials =
        AzureCredentials::Sas("sv=2020-12-06&sr=c&sp=rl&se=2020-01-01T00:00:00Z&sig=d3Jvbmc%3D".into());
    for (config, says) in [
        (container, &["404 ContainerNotFound", "container `no-such-container`, request `", "check `container`"][..]),
        (key, &["403 ", "container `registry`, request `", "check `accountname`, `accountkey`"]),
        (no_key, &["no credentials were found; check `accountkey`"]),
        (signature, &["403 ", "check `sastoken`"]),
    ] {
        let error = open(&config).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Other);
        let cause = error.source().unwrap().to_string();
        assert!(says.iter().all(|part| cause.contains(part)), "{cause}");
        assert!(!cause.contains("wrong") && !cause.contains("d3Jvbmc"), "{cause}");
    }
}
