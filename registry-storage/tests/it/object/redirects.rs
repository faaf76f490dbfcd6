//! Addresses for clients without credentials, on every object store whose driver signs them.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use registry_storage::driver::StorageDriver;

use super::parts::{append, content, path};
use super::subject::ObjectSubject;

/// Makes a module of tests, one for each case, for each `name => constructor` of an [`ObjectSubject`].
macro_rules! redirects_suite {
    ($($name:ident => $constructor:expr),+ $(,)?) => { $(
        mod $name {
            use super::*;

            $crate::object::redirects::redirects_suite! { @cases $constructor;
                an_address_is_for_reading_one_file
                a_file_of_several_parts_has_an_address
                an_address_counts_for_its_time
            }
        }
    )+ };
    (@cases $constructor:expr; $($case:ident)+) => { $(
        #[tokio::test]
        async fn $case() {
            let subject = $constructor().await;
            $crate::object::redirects::$case(&subject).await;
            registry_storage::testing::driver_suite::nothing_is_left(&subject).await;
        }
    )+ };
}

pub(crate) use redirects_suite;

/// How long addresses count in the cases.
pub(crate) const LIFETIME: Duration = Duration::from_secs(20 * 60);

/// Asks as anybody can who has an address.
pub(crate) async fn ask(method: Method, address: &str, range: Option<&str>) -> (StatusCode, Bytes) {
    let mut request = Request::builder().method(method).uri(address);
    if let Some(range) = range {
        request = request.header("range", range);
    }
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request.body(Full::<Bytes>::default()).unwrap()).await.expect("asking");
    (response.status(), response.into_body().collect().await.expect("reading").to_bytes())
}

pub(crate) async fn get(address: &str, range: Option<&str>) -> (StatusCode, Bytes) {
    ask(Method::GET, address, range).await
}

/// Exactly the bytes come, whole or in part; with the same address nothing is written, removed, or read of another file.
pub(crate) async fn an_address_is_for_reading_one_file(subject: &impl ObjectSubject) {
    let driver = subject.driver().await;
    let [file, other] = ["/suite/a_b-c/data", "/suite/other"].map(path);
    for path in [&file, &other] {
        driver.put(path, Bytes::from_static(b"0123456789")).await.unwrap();
    }
    let address = driver.redirect(&file, LIFETIME).await.unwrap().expect("the driver signs addresses");
    assert!(address.is_ascii(), "{address}");
    assert_eq!(get(&address, None).await, (StatusCode::OK, "0123456789".into()));
    for (range, part) in [("bytes=2-4", "234"), ("bytes=7-", "789")] {
        assert_eq!(get(&address, Some(range)).await, (StatusCode::PARTIAL_CONTENT, part.into()), "{range}");
    }
    for method in [Method::PUT, Method::DELETE] {
        let (status, _) = ask(method.clone(), &address, None).await;
        assert!(status.is_client_error(), "{method}: {status}");
    }
    let elsewhere = address.replace(file.as_str(), other.as_str());
    assert_ne!(elsewhere, address);
    let unsigned = address.split_once('?').expect("a signature").0;
    for address in [elsewhere.as_str(), unsigned] {
        let (status, _) = get(address, None).await;
        assert!(status.is_client_error(), "{address}: {status}");
    }
    assert_eq!(get(&address, None).await, (StatusCode::OK, "0123456789".into()));
    for path in [&file, &other] {
        driver.delete(path).await.unwrap();
    }
}

/// Also where the store puts it together of others when it is read.
pub(crate) async fn a_file_of_several_parts_has_an_address(subject: &impl ObjectSubject) {
    let part = subject.part_bytes();
    let driver = subject.driver().await;
    let content = content(2 * part + 100, part);
    let upload = driver.begin_upload(&path("/suite/uploads/1")).await.unwrap();
    let upload = append(&driver, &upload, 0, &content).await;
    let file = driver.complete_upload(&upload, &path("/suite/target"), content.len() as u64).await.unwrap();
    driver.abort_upload(&upload).await.unwrap();
    let address = driver.redirect(&file, LIFETIME).await.unwrap().expect("the driver signs addresses");
    let (status, whole) = get(&address, None).await;
    assert!((status, &whole) == (StatusCode::OK, &content), "{status}");
    let (first, last) = (part - 10, part + 9);
    let across = get(&address, Some(&format!("bytes={first}-{last}"))).await;
    assert_eq!(across, (StatusCode::PARTIAL_CONTENT, content.slice(first..=last)));
    driver.delete(&file).await.unwrap();
}

/// It is refused afterwards.
pub(crate) async fn an_address_counts_for_its_time(subject: &impl ObjectSubject) {
    let driver = subject.driver().await;
    let file = path("/suite/file");
    driver.put(&file, Bytes::from_static(b"content")).await.unwrap();
    let address = driver.redirect(&file, Duration::from_secs(1)).await.unwrap().expect("the driver signs addresses");
    let mut refused = false;
    for _ in 0..40 {
        refused = get(&address, None).await.0.is_client_error();
        if refused {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert!(refused, "it still counts");
    assert_eq!(driver.stat(&file).await.unwrap().size_bytes, 7);
    driver.delete(&file).await.unwrap();
}
