//! What is wrong with the configuration is said at the start.

use registry_core::store::StoreErrorKind;
use registry_storage::driver::bos::{BosConfig, BosCredentials, open};

use super::subject::{ACCESS_KEY, BosBucket, SECRET_KEY, bos};

fn with(bucket: &BosBucket, access_key: &str, secret_key: &str, token: Option<&str>) -> BosConfig {
    let credentials = BosCredentials {
        access_key: access_key.into(),
        secret_key: secret_key.into(),
        session_token: token.map(Into::into),
    };
    BosConfig { credentials, ..bucket.config.clone() }
}

#[tokio::test]
async fn a_wrong_key_or_token_is_told_at_the_start() {
    let bucket = bos().await;
    for (config, check) in [
        (with(&bucket, ACCESS_KEY, "wrong", None), "check `secretkey`"),
        (with(&bucket, "nobody", SECRET_KEY, None), "check `accesskey`"),
        (with(&bucket, ACCESS_KEY, SECRET_KEY, Some("wrong")), "check `sessiontoken`"),
    ] {
        let error = open(&config).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Other);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(check) && cause.contains("bucket `images`, request `R1`"), "{cause}");
        assert!(!cause.contains("wrong") && !cause.contains(SECRET_KEY), "{cause}");
    }
}

#[tokio::test]
async fn a_wrong_bucket_is_told_at_the_start() {
    let bucket = BosBucket::of_another_name("no-such-bucket").await;
    let error = open(&bucket.config).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Other);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("404 NoSuchBucket") && cause.contains("check `bucket`, `region`"), "{cause}");
}
