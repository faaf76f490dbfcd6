//! What is wrong with the configuration is said at the start.

use registry_core::store::StoreErrorKind;
use registry_storage::driver::ufile::{UfileConfig, open};

use super::signature::{PRIVATE_KEY, PUBLIC_KEY};
use super::subject::ufile;

#[tokio::test]
async fn a_wrong_key_or_bucket_is_told_at_the_start() {
    let subject = ufile().await;
    let mut private = subject.config.clone();
    private.private_key = "wrong".into();
    let mut public = subject.config.clone();
    public.public_key = "nobody".into();
    let elsewhere = subject.server.endpoint().replace("127.0.0.1", "localhost");
    let bucket = UfileConfig::new(elsewhere, PUBLIC_KEY, PRIVATE_KEY);
    let keys = "check `ufile_public_key` and `ufile_private_key`";
    for (config, said, check) in [
        (private, "403 -148643 invalid signature", keys),
        (public, "403 -148643 invalid signature", keys),
        (bucket, "400 -148653 bucket not exists", "check `ufile_baseurl`"),
    ] {
        let error = open(&config).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Other);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        let place = format!("bucket `{}`, request `session-1`", config.bucket);
        assert!(cause.contains(said) && cause.contains(check) && cause.contains(&place), "{cause}");
        assert!(!cause.contains("wrong") && !cause.contains(PRIVATE_KEY), "{cause}");
    }
}

#[tokio::test]
async fn what_is_no_url_is_told_at_the_start() {
    for url in ["images.cn-bj.ufileos.com", "http://h/x"] {
        let error = open(&UfileConfig::new(url, PUBLIC_KEY, PRIVATE_KEY)).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot use the endpoint `{url}`"));
    }
}
