//! What is wrong with the configuration is said at the start.

use std::error::Error;

use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::kodo::{KodoConfig, KodoHosts, open, open_s3};
use registry_storage::driver::s3::S3Credentials;

use super::fake::SECRET_KEY;
use super::subject::{KodoBucket, kodo};
use crate::subject::s3_config;

/// Returns settings that name the hosts.
fn with_hosts(bucket: &KodoBucket) -> KodoConfig {
    let host = Some(bucket.server.endpoint());
    let hosts = KodoHosts { up: host.clone(), rs: host.clone(), rsf: host.clone(), domain: host };
    KodoConfig { hosts, discovery: "http://127.0.0.1:1".into(), ..bucket.config.clone() }
}

#[tokio::test]
async fn hosts_that_are_named_are_not_asked_for() {
    let bucket = kodo().await;
    let driver = open(&with_hosts(&bucket)).await.expect("the hosts are known");
    driver.check().await.expect("the bucket is there");
}

#[tokio::test]
async fn a_wrong_key_bucket_or_host_is_told_at_the_start() {
    let bucket = kodo().await;
    let mut unknown_key = bucket.config.clone();
    unknown_key.credentials.access_key = "nobody".into();
    let mut key = with_hosts(&bucket);
    key.credentials.access_key = "nobody".into();
    let mut secret = bucket.config.clone();
    secret.credentials.secret_key = "wrong".into();
    let mut name = bucket.config.clone();
    name.bucket = "no-such-bucket".into();
    let mut named = with_hosts(&bucket);
    named.bucket = "no-such-bucket".into();
    for (config, says) in [
        (unknown_key, &["401 app/accesskey is not found", "bucket `images`, request `R1`", "check `accesskey`"][..]),
        (key, &["401 bad token", "bucket `images`, request `R1`", "check `accesskey` and `secretkey`"]),
        (secret, &["401 bad token", "bucket `images`, request `R1`", "check `accesskey` and `secretkey`"]),
        (name, &["631 no such bucket", "bucket `no-such-bucket`, request `R1`", "check `bucket`"]),
        (named, &["631 no such bucket", "bucket `no-such-bucket`, request `R1`", "check `bucket`"]),
    ] {
        let error = open(&config).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Other);
        let cause = error.source().unwrap().to_string();
        assert!(says.iter().all(|part| cause.contains(part)), "{cause}");
        assert!(!cause.contains("wrong") && !cause.contains(SECRET_KEY), "{cause}");
    }
    let mut host = with_hosts(&bucket);
    host.hosts.rsf = Some("h".into());
    let error = open(&host).await.unwrap_err();
    assert!(error.source().unwrap().to_string().contains("expected a scheme and a host"), "{error}");
}

/// By S3, what is told names the keys of this driver.
#[tokio::test]
async fn a_wrong_key_for_the_s3_endpoint_is_told_at_the_start() {
    let mut config = s3_config();
    let S3Credentials::Keys { secret_key, .. } = &mut config.credentials else { panic!("keys") };
    *secret_key = "wrong".into();
    let error = open_s3(&config).await.unwrap_err();
    let cause = error.source().unwrap().to_string();
    assert!(cause.contains("check `secretkey` and `region`") && !cause.contains("wrong"), "{cause}");
    config.bucket = "no-such-bucket".into();
    config.credentials = s3_config().credentials;
    let error = open_s3(&config).await.unwrap_err();
    assert!(error.source().unwrap().to_string().contains("check `bucket` and `endpoint`"));
}
