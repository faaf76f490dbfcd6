//! A server of our own that stands in for all of Kodo's hosts, and refuses what is not signed as Qiniu says. What is asked
//! for tells the hosts apart, so that they can share an address.

mod form;
mod objects;
mod uploads;

use std::io;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use self::objects::Objects;
use self::uploads::Uploads;
use super::signature;
use crate::object::serving::Serving;

pub(super) const BUCKET: &str = "images";
pub(super) const ACCESS_KEY: &str = "kodoaccess";
pub(super) const SECRET_KEY: &str = "kodosecret";

pub(super) type Answer = Response<Full<Bytes>>;

/// An answer that says no.
#[derive(Debug, PartialEq)]
pub(super) struct Refused(pub(super) u16, pub(super) &'static str);

pub(super) const NO_SUCH_FILE: Refused = Refused(612, "no such file or directory");

#[derive(Default)]
struct State {
    objects: Objects,
    uploads: Uploads,
}

/// The server; it stops when it is dropped.
pub(super) struct FakeKodo {
    state: Arc<Mutex<State>>,
    serving: Serving,
}

impl FakeKodo {
    pub(super) async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let known = Arc::clone(&state);
        let serving = Serving::start(move |request| answer(Arc::clone(&known), request)).await;
        Self { state, serving }
    }

    pub(super) fn endpoint(&self) -> String {
        self.serving.endpoint()
    }

    /// Names all objects, and all uploads that have parts. One without is dropped by Kodo itself.
    pub(super) fn kept(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.objects.names().chain(state.uploads.with_parts()).collect()
    }

    /// Forgets all uploads, as Kodo does after a week.
    pub(super) fn forget_uploads(&self) {
        self.state.lock().unwrap().uploads = Uploads::default();
    }
}

async fn answer(state: Arc<Mutex<State>>, request: Request<Incoming>) -> Result<Answer, io::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let request = Request::from_parts(parts, body);
    let answered = state.lock().unwrap().answer(&request);
    let mut answer = answered.unwrap_or_else(|Refused(status, error)| {
        let mut answer = document(&json!({"error": error}));
        *answer.status_mut() = status.try_into().expect("a status");
        answer
    });
    answer.headers_mut().insert("x-reqid", "R1".parse().expect("a header"));
    Ok(answer)
}

impl State {
    fn answer(&mut self, request: &Request<Bytes>) -> Result<Answer, Refused> {
        let segments: Vec<_> = request.uri().path().split('/').skip(1).map(decode).collect();
        let segments: Vec<_> = segments.iter().map(String::as_str).collect();
        match (request.method().as_str(), &segments[..]) {
            ("GET", ["v4", "query"]) => regions(request),
            ("POST", [""]) => self.objects.put_form(request),
            (_, ["buckets", bucket, "objects", key, "uploads", upload @ ..]) => {
                let key = decode_base64(key)?;
                signature::verify_upload(request, bucket, &key)?;
                self.uploads.answer(request, &key, upload, &mut self.objects)
            }
            ("GET", ["list"]) => {
                signature::verify_management(request)?;
                self.objects.list(request)
            }
            ("POST", ["batch"]) => {
                signature::verify_management(request)?;
                self.objects.batch(request)
            }
            ("POST", operation @ ["stat" | "delete" | "copy" | "move", ..]) => {
                signature::verify_management(request)?;
                self.objects.manage(operation).map(|answer| document(&answer))
            }
            ("GET", key) => {
                signature::verify_download(request)?;
                self.objects.get(request, &key.join("/"))
            }
            _ => Err(Refused(405, "method not allowed")),
        }
    }
}

/// Says which hosts have the bucket: the one that is asked.
fn regions(request: &Request<Bytes>) -> Result<Answer, Refused> {
    if parameter(request, "ak").as_deref() != Some(ACCESS_KEY) {
        return Err(Refused(401, "app/accesskey is not found"));
    }
    if parameter(request, "bucket").as_deref() != Some(BUCKET) {
        return Err(Refused(631, "no such bucket"));
    }
    let host = json!({"domains": [host(request)]});
    let region = json!({"region": "z0", "ttl": 86400, "up": host, "rs": host, "rsf": host, "io_src": host, "io": host});
    Ok(document(&json!({"hosts": [region]})))
}

/// Answers with a document.
pub(super) fn document(document: &Value) -> Answer {
    let mut response = Response::new(Full::new(document.to_string().into()));
    response.headers_mut().insert(header::CONTENT_TYPE, "application/json".parse().expect("a header"));
    response
}

/// Returns a parameter of the query.
pub(super) fn parameter(request: &Request<Bytes>, name: &str) -> Option<String> {
    let mut pairs = request.uri().query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| decode(value))
}

/// Returns a header, or nothing.
pub(super) fn text<'a>(request: &'a Request<Bytes>, name: &str) -> &'a str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

pub(super) fn host(request: &Request<Bytes>) -> &str {
    text(request, "host")
}

/// Decodes what an address has; in forms and queries `+` is a space.
pub(super) fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

pub(super) fn decode_base64(text: &str) -> Result<String, Refused> {
    let decoded = URL_SAFE.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.ok_or(Refused(400, "invalid encoding"))
}
