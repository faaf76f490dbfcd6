//! A service of our own that deletes blobs, also in batches, and says what it is told to say. Azurite fails only as a whole.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use registry_storage::driver::azure::{AzureConfig, AzureCredentials, open};
use registry_storage::driver::object::ObjectDriver;
use registry_storage::path::StoragePath;

use crate::object::batch::{self, BatchPart};
use crate::object::serving::Serving;

/// How many requests a batch has at most.
const MAX_REQUESTS: usize = 256;
const SIGNATURE: &str = "sr=c&sig=s";

#[derive(Default)]
pub(super) struct State {
    /// The addresses of the blobs that are there.
    pub(super) blobs: BTreeSet<String>,
    /// What is said next of the deletion of a blob; nothing at all for 0.
    pub(super) says: HashMap<String, Vec<u16>>,
    /// The status and the code of the one part that answers all of the next batches.
    pub(super) refusals: Vec<(u16, &'static str)>,
    /// How many requests each batch had.
    pub(super) batches: Vec<usize>,
    /// How many blobs were deleted by a request of their own, or were to be.
    pub(super) singly: usize,
}

/// The service; it stops when it is dropped.
pub(super) struct Service {
    pub(super) state: Arc<Mutex<State>>,
    _serving: Serving,
}

impl Service {
    /// Starts a service with blobs, and opens a driver for it.
    pub(super) async fn start(blobs: &[StoragePath]) -> (Self, ObjectDriver) {
        let blobs = blobs.iter().map(address).collect();
        let state = Arc::new(Mutex::new(State { blobs, ..State::default() }));
        let known = Arc::clone(&state);
        let serving = Serving::start(move |request| answer(Arc::clone(&known), request)).await;
        let mut config = AzureConfig::new("images", "registry", AzureCredentials::Sas(SIGNATURE.into()));
        config.endpoint = serving.endpoint();
        let driver = open(&config).await.expect("the service answers");
        (Self { state, _serving: serving }, driver)
    }
}

/// Returns the address of a blob.
pub(super) fn address(path: &StoragePath) -> String {
    format!("/registry{path}")
}

async fn answer(state: Arc<Mutex<State>>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let mut state = state.lock().unwrap();
    let is = |query: &str| head.uri.query() == Some(&format!("{query}&{SIGNATURE}"));
    Ok(match head.method {
        Method::GET => text(200, "<EnumerationResults><Blobs /><NextMarker /></EnumerationResults>".into()),
        Method::DELETE => {
            state.singly += 1;
            let (status, body) = state.delete(&head.uri, &head.headers).expect("an answer");
            text(status.as_u16(), body)
        }
        Method::POST if is("comp=batch&restype=container") && head.headers.contains_key("x-ms-version") => {
            state.batch(&head.headers, &body)
        }
        _ => text(400, error("InvalidInput")),
    })
}

impl State {
    fn batch(&mut self, headers: &HeaderMap, body: &Bytes) -> Response<Full<Bytes>> {
        let content_type = headers.get("content-type").and_then(|text| text.to_str().ok());
        let parts = batch::read(content_type, body).expect("a batch");
        self.batches.push(parts.len());
        if let Some((status, code)) = self.refusals.pop() {
            return batch::answer(202, [(None, StatusCode::from_u16(status).unwrap(), error(code))]);
        }
        if parts.len() > MAX_REQUESTS {
            return batch::answer(202, [(None, StatusCode::BAD_REQUEST, error("ExceedsMaxBatchRequestCount"))]);
        }
        let mut answers = Vec::new();
        for BatchPart { id, method, uri, headers } in parts {
            assert!(id.parse::<usize>().is_ok_and(|id| id < MAX_REQUESTS), "{id}");
            assert!(method == Method::DELETE && !headers.contains_key("x-ms-version"), "{method} {headers:?}");
            answers.extend(self.delete(&uri, &headers).map(|(status, body)| (Some(id), status, body)));
        }
        batch::answer(202, answers)
    }

    fn delete(&mut self, uri: &Uri, headers: &HeaderMap) -> Option<(StatusCode, Bytes)> {
        assert_eq!(uri.query(), Some(SIGNATURE));
        assert_eq!(headers["x-ms-delete-snapshots"], "include");
        let says = self.says.get_mut(uri.path()).and_then(Vec::pop);
        match says {
            Some(0) => None,
            Some(status) => Some((StatusCode::from_u16(status).unwrap(), error("AsItWasTold"))),
            None if self.blobs.remove(uri.path()) => Some((StatusCode::ACCEPTED, Bytes::new())),
            None => Some((StatusCode::NOT_FOUND, error("BlobNotFound"))),
        }
    }
}

fn error(code: &str) -> Bytes {
    format!("<?xml version=\"1.0\"?>\r\n<Error><Code>{code}</Code><Message>No.</Message></Error>").into()
}

fn text(status: u16, body: Bytes) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::new(body)).expect("an answer")
}
