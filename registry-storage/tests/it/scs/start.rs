//! What is wrong with the configuration is said at the start, and a bucket in another region is found.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Response, header};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::scs::open;
use registry_storage::testing::driver_suite::nothing_is_left;
use tokio::net::TcpListener;

use super::subject::scs;
use crate::object::parts::{path, read};

#[tokio::test]
async fn a_wrong_key_or_bucket_is_told_at_the_start() {
    let subject = scs().await;
    let mut secret = subject.config.clone();
    secret.secret_key = "wrong".into();
    let mut access = subject.config.clone();
    access.access_key = "nobody".into();
    let mut bucket = subject.config.clone();
    bucket.bucket = "no-such-bucket".into();
    for (config, check) in [
        (secret, "check `secretkey`"),
        (access, "check `accesskey`"),
        (bucket.clone(), "check `bucket` and `endpoint`"),
    ] {
        let error = open(&config).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Other);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        let place = format!("bucket `{}`, request `R1`", config.bucket);
        assert!(cause.contains(check) && cause.contains(&place), "{cause}");
        assert!(!cause.contains("wrong") && !cause.contains("scssecret"), "{cause}");
    }
}

/// Starts a region that knows where a bucket is.
async fn region(elsewhere: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let elsewhere = elsewhere.clone();
            let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let location = format!("{elsewhere}{}", request.uri());
                async move {
                    let answer = Response::builder().status(307).header(header::LOCATION, location);
                    Ok::<_, Infallible>(answer.body(Full::<Bytes>::default()).expect("an answer"))
                }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

#[tokio::test]
async fn a_bucket_in_another_region_is_found() {
    let subject = scs().await;
    let mut config = subject.config.clone();
    config.endpoint = format!("http://{}", region(subject.config.endpoint.clone()).await);
    let driver = open(&config).await.expect("the right region is asked");
    driver.put(&path("/suite/file"), "content".into()).await.unwrap();
    assert_eq!(read(&driver, &path("/suite/file"), 7).await, "content");
    driver.delete(&path("/suite/file")).await.unwrap();
    nothing_is_left(&subject).await;
}

/// Two regions that send to each other are not followed for long.
#[tokio::test]
async fn a_region_that_sends_back_is_told_of() {
    let subject = scs().await;
    let mut config = subject.config.clone();
    let nowhere = format!("http://{}", region("http://127.0.0.1:1".into()).await);
    config.endpoint = format!("http://{}", region(nowhere).await);
    let error = open(&config).await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("sends elsewhere, and from there again"), "{cause}");
}
