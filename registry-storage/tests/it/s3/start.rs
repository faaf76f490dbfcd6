//! What is wrong with the configuration is said at the start.

use registry_core::store::StoreErrorKind;
use registry_storage::driver::s3::{S3Credentials, open};

use crate::subject::s3_config;

#[tokio::test]
async fn a_wrong_bucket_or_key_is_told_at_the_start() {
    let right = s3_config();
    let mut bucket = right.clone();
    bucket.bucket = "no-such-bucket".into();
    let mut secret = right.clone();
    let S3Credentials::Keys { access_key, .. } = &right.credentials else { panic!("keys") };
    secret.credentials =
        S3Credentials::Keys { access_key: access_key.clone(), secret_key: "wrong".into(), session_token: None };
    for (config, check) in [(bucket, "check `bucket`"), (secret, "check `secretkey`")] {
        let error = open(&config).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Other);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(check) && !cause.contains("wrong"), "{cause}");
    }
}
