//! What is wrong with the configuration is said at the start.

use registry_core::store::StoreErrorKind;
use registry_storage::driver::cos::open;
use registry_storage::driver::s3::S3Credentials;

use super::subject::{ACCESS_KEY, SECRET_KEY, cos};

#[tokio::test]
async fn a_wrong_key_is_told_at_the_start() {
    let subject = cos().await;
    for (access_key, secret_key, check) in
        [(ACCESS_KEY, "wrong", "check `secretkey`"), ("nobody", SECRET_KEY, "check `secretid`")]
    {
        let mut config = subject.config.clone();
        let (access_key, secret_key) = (access_key.into(), secret_key.into());
        config.credentials = S3Credentials::Keys { access_key, secret_key, session_token: None };
        let error = open(&config).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Other);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(check) && cause.contains("bucket `images-1250000000`, request `R1`"), "{cause}");
        assert!(!cause.contains("wrong") && !cause.contains(SECRET_KEY), "{cause}");
    }
}
