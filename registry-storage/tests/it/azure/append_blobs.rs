//! Append blobs, which distribution has written, on a service of our own: Azurite has anything put in their place.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use registry_core::store::StoreErrorKind;
use registry_storage::driver::StorageDriver;
use registry_storage::driver::azure::{AzureConfig, AzureCredentials, open};
use registry_storage::driver::object::ObjectDriver;
use tokio::net::TcpListener;

use crate::object::parts::path;

/// The kind of the only blob, if it is there, and whether it refuses to be replaced.
struct Blob {
    kind: Option<&'static str>,
    is_fixed: bool,
}

/// Starts a service with a blob, and opens a driver for it.
async fn service(kind: &'static str) -> (Arc<Mutex<Blob>>, ObjectDriver) {
    let blob = Arc::new(Mutex::new(Blob { kind: Some(kind), is_fixed: true }));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let mut config = AzureConfig::new("images", "registry", AzureCredentials::Sas("sig=s".into()));
    config.endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let shared = Arc::clone(&blob);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("accepting");
            let blob = Arc::clone(&shared);
            let service = service_fn(move |request| answer(Arc::clone(&blob), request));
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (blob, open(&config).await.expect("the service answers"))
}

async fn answer(blob: Arc<Mutex<Blob>>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    body.collect().await.expect("a request");
    let mut blob = blob.lock().unwrap();
    let response = Response::builder();
    let (response, text) = match (parts.method, blob.kind) {
        (Method::GET, _) => (response, "<EnumerationResults><Blobs /><NextMarker /></EnumerationResults>"),
        (Method::HEAD, Some(kind)) => (response.header("x-ms-blob-type", kind).header("content-length", 4), ""),
        (Method::PUT, Some(_)) if blob.is_fixed => {
            (response.status(409), "<Error><Code>InvalidBlobType</Code></Error>")
        }
        (Method::PUT, _) => {
            blob.kind = Some("BlockBlob");
            (response.status(201), "")
        }
        (Method::DELETE, Some(_)) => {
            *blob = Blob { kind: None, is_fixed: false };
            (response.status(202), "")
        }
        _ => (response.status(404), ""),
    };
    Ok(response.body(Full::new(text.into())).expect("a valid answer"))
}

#[tokio::test]
async fn an_append_blob_is_deleted_to_be_replaced() {
    let (blob, driver) = service("AppendBlob").await;
    driver.put(&path("/suite/file"), "data".into()).await.expect("it is replaced");
    assert_eq!(blob.lock().unwrap().kind, Some("BlockBlob"));
}

#[tokio::test]
async fn a_block_blob_that_cannot_be_replaced_stays() {
    let (blob, driver) = service("BlockBlob").await;
    let error = driver.put(&path("/suite/file"), "data".into()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Conflict);
    assert_eq!(blob.lock().unwrap().kind, Some("BlockBlob"));
}
