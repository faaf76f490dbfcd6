//! A server of our own that speaks the part of UCloud's API that there is a use for, and refuses all else.

mod objects;
pub(super) mod request;
mod uploads;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use md5::{Digest, Md5};
use reqsign_core::hash::hex_sha1;
use serde_json::json;

use self::objects::Objects;
use self::request::Asked;
use self::uploads::Uploads;
use super::signature;
use crate::object::serving::Serving;

pub(super) const BUCKET: &str = "images";
/// The size of the parts of an upload, but for the last.
const BLOCK_BYTES: usize = 4 * 1024 * 1024;

pub(super) type Answer = Response<Full<Bytes>>;

/// An answer that says no.
#[derive(Debug)]
pub(super) struct Refused {
    status: u16,
    code: i64,
    message: &'static str,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) objects: Objects,
    uploads: Uploads,
}

/// The server; it stops when it is dropped.
pub(super) struct FakeUfile {
    pub(super) state: Arc<Mutex<State>>,
    serving: Serving,
}

impl FakeUfile {
    pub(super) async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let known = Arc::clone(&state);
        let serving = Serving::start(move |request| answer(Arc::clone(&known), request)).await;
        Self { state, serving }
    }

    pub(super) fn endpoint(&self) -> String {
        self.serving.endpoint()
    }
}

async fn answer(state: Arc<Mutex<State>>, request: Request<Incoming>) -> Result<Answer, io::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let asked = Asked::new(parts, body);
    let answered = state.lock().unwrap().answer(&asked);
    Ok(answered.unwrap_or_else(Answer::from))
}

impl State {
    fn answer(&mut self, asked: &Asked) -> Result<Answer, Refused> {
        if asked.bucket() != BUCKET {
            return Err(refused(400, -148_653, "bucket not exists"));
        }
        if !signature::verify(asked, BUCKET) {
            return Err(refused(403, -148_643, "invalid signature"));
        }
        let checksum = asked.header("content-md5");
        if !checksum.is_empty() && checksum != hex::encode(Md5::digest(&asked.body)) {
            return Err(refused(400, -15_036, "check md5 failed"));
        }
        let is_part = asked.parameter("partNumber").is_some();
        match (asked.method.as_str(), asked.key.as_str(), asked.word.as_str()) {
            ("GET", "", "listobjects") => self.objects.list(asked),
            ("GET", "", "list") => self.objects.list_flat(asked),
            ("GET", "", "muploadpart") => self.uploads.list_parts(asked),
            ("GET", "", "muploadid") => self.uploads.list(asked),
            (_, "", _) => Err(not_allowed()),
            ("POST", _, "uploads") => self.uploads.begin(asked),
            ("POST", _, "") => self.uploads.complete(asked, &mut self.objects),
            ("PUT", _, "") if is_part => self.uploads.put(asked, &self.objects),
            ("DELETE", _, "") if asked.parameter("uploadId").is_some() => self.uploads.abort(asked),
            ("PUT", _, "") => self.objects.put(asked),
            ("GET" | "HEAD", _, "") => self.objects.get(asked),
            ("DELETE", _, "") => self.objects.delete(asked),
            _ => Err(not_allowed()),
        }
    }
}

/// Returns the hash by which the store knows a content.
fn etag(content: &[u8]) -> String {
    let sha1 = |bytes: &[u8]| hex::decode(hex_sha1(bytes)).expect("hex digits");
    let blocks: Vec<_> = content.chunks(BLOCK_BYTES).map(sha1).collect();
    let hash = if blocks.len() > 1 { sha1(&blocks.concat()) } else { sha1(content) };
    URL_SAFE.encode([&(blocks.len() as u32).to_le_bytes()[..], &hash].concat())
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later").as_secs() as i64
}

fn document(document: &serde_json::Value) -> Answer {
    let mut response = Response::new(Full::new(document.to_string().into()));
    response.headers_mut().insert(header::CONTENT_TYPE, "application/json".parse().expect("a header"));
    response
}

/// Answers without a document, with a tag if there is one.
fn done(status: u16, tag: Option<&str>) -> Answer {
    let mut response = Response::builder().status(status);
    if let Some(tag) = tag {
        response = response.header(header::ETAG, format!("\"{tag}\""));
    }
    response.body(Full::default()).expect("an answer")
}

fn refused(status: u16, code: i64, message: &'static str) -> Refused {
    Refused { status, code, message }
}

fn missing() -> Refused {
    refused(404, -148_654, "file not exist")
}

fn not_allowed() -> Refused {
    refused(405, -1, "method not allowed")
}

impl From<Refused> for Answer {
    fn from(Refused { status, code, message }: Refused) -> Self {
        let mut answer = document(&json!({"RetCode": code, "ErrMsg": message}));
        *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
        answer.headers_mut().insert("x-sessionid", "session-1".parse().expect("a header"));
        answer
    }
}
