//! A server of our own that speaks the part of Google's JSON API that there is a use for, and refuses all else: unknown
//! parameters, requests without a valid token, compositions of what has changed, batches that are too large.

mod account;
mod batch;
mod objects;
mod request;

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use registry_storage::driver::gcs::GcsCredentials;
use serde_json::json;

use self::account::Account;
use self::objects::Objects;
use self::request::Asked;
use crate::object::serving::Serving;

pub(super) const BUCKET: &str = "registry";
/// What an external identity shows to get a token.
pub(super) const SUBJECT_TOKEN: &str = "who-i-am";

type Answer = Response<Full<Bytes>>;

/// An answer that says no: a document, or without a reason a line of text.
struct Refused {
    status: u16,
    reason: &'static str,
    message: String,
}

#[derive(Default)]
struct State {
    objects: Objects,
    account: Option<Account>,
    tokens: HashSet<String>,
    tokens_given: usize,
    /// How many requests each batch had that was taken.
    batches: Vec<usize>,
    /// Which objects are not deleted, what is said instead, and how often.
    undeletable: HashMap<String, (u16, usize)>,
}

/// The server; it stops when it is dropped.
pub(super) struct FakeGcs {
    state: Arc<Mutex<State>>,
    serving: Serving,
}

impl FakeGcs {
    pub(super) async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let known = Arc::clone(&state);
        let serving = Serving::start(move |request| answer(Arc::clone(&known), request)).await;
        Self { state, serving }
    }

    pub(super) fn endpoint(&self) -> String {
        self.serving.endpoint()
    }

    /// Returns how the registry finds tokens: by the server that tells machines who they are.
    pub(super) fn credentials(&self) -> GcsCredentials {
        let variables = [("GCE_METADATA_HOST".to_owned(), self.serving.address().to_string())].into();
        GcsCredentials::Ambient { variables }
    }

    /// Makes a service account, and returns its key.
    pub(super) fn service_account(&self) -> GcsCredentials {
        let account = Account::new();
        let key = account.key_file(&format!("{}/token", self.endpoint()));
        self.state.lock().unwrap().account = Some(account);
        GcsCredentials::Json(key.to_string())
    }

    /// Takes no token any more that was given so far.
    pub(super) fn expire_tokens(&self) {
        self.state.lock().unwrap().tokens.clear();
    }

    /// Refuses to delete an object so many times.
    pub(super) fn refuse_to_delete(&self, name: &str, status: u16, times: usize) {
        self.state.lock().unwrap().undeletable.insert(name.to_owned(), (status, times));
    }

    /// Returns how many requests each batch had that was taken so far.
    pub(super) fn batches(&self) -> Vec<usize> {
        self.state.lock().unwrap().batches.clone()
    }

    /// Returns how many tokens were asked for.
    pub(super) fn tokens_given(&self) -> usize {
        self.state.lock().unwrap().tokens_given
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
        let path: Vec<_> = asked.path.iter().map(String::as_str).collect();
        match path[..] {
            ["computeMetadata", "v1", "instance", "service-accounts", "default", "token"] => {
                let flavor = asked.header("metadata-flavor");
                return if flavor == Some("Google") { Ok(self.token()) } else { Err(refused(403, "forbidden", "")) };
            }
            ["sts"] => return self.exchange(asked),
            ["token"] => return self.assertion(asked),
            [BUCKET, ref name @ ..] if asked.header("authorization").is_none() => {
                let refused = || refused(403, "", "<Error><Code>AccessDenied</Code></Error>");
                self.account.as_ref().ok_or_else(refused)?.check(asked)?;
                return self.objects.read(asked, &name.join("/"));
            }
            _ => {}
        }
        let token = asked.header("authorization").and_then(|text| text.strip_prefix("Bearer "));
        if !token.is_some_and(|token| self.tokens.contains(token)) {
            return Err(refused(401, "authError", "Invalid Credentials"));
        }
        match (asked.method.as_str(), &path[..]) {
            ("POST", ["batch", "storage", "v1"]) => self.batch(asked),
            _ => self.authorized(asked),
        }
    }

    /// Answers somebody who may do everything.
    fn authorized(&mut self, asked: &Asked) -> Result<Answer, Refused> {
        let path: Vec<_> = asked.path.iter().map(String::as_str).collect();
        let (bucket, rest) = match &path[..] {
            ["upload", "storage", "v1", "b", bucket, "o"] => (bucket, None),
            ["storage", "v1", "b", bucket, "o", rest @ ..] => (bucket, Some(rest)),
            _ => return Err(refused(404, "notFound", "Not Found")),
        };
        if *bucket != BUCKET {
            return Err(refused(404, "notFound", "The specified bucket does not exist."));
        }
        match (asked.method.as_str(), rest) {
            ("POST", None) => self.objects.insert(asked),
            ("GET", Some([])) => self.objects.list(asked),
            ("GET", Some([name])) => self.objects.get(asked, name),
            ("DELETE", Some([name])) => self.delete(asked, name),
            ("POST", Some([name, "compose"])) => self.objects.compose(asked, name),
            ("POST", Some([source, "rewriteTo", "b", BUCKET, "o", name])) => self.objects.rewrite(asked, source, name),
            _ => Err(refused(405, "methodNotAllowed", "Method not allowed")),
        }
    }

    fn delete(&mut self, asked: &Asked, name: &str) -> Result<Answer, Refused> {
        match self.undeletable.get_mut(name) {
            Some((status, times)) if *times > 0 => {
                *times -= 1;
                Err(refused(*status, "backendError", "Not now"))
            }
            _ => self.objects.delete(asked, name),
        }
    }

    /// Gives a token to an external identity (RFC 8693).
    fn exchange(&mut self, asked: &Asked) -> Result<Answer, Refused> {
        let body = String::from_utf8_lossy(&asked.body).into_owned();
        if body.contains(SUBJECT_TOKEN) {
            return Ok(self.token());
        }
        Err(refused(400, "invalid_grant", "The subject is unknown."))
    }

    /// Gives a token to a service account (RFC 7523).
    fn assertion(&mut self, asked: &Asked) -> Result<Answer, Refused> {
        let body = String::from_utf8_lossy(&asked.body).into_owned();
        if self.account.as_ref().is_some_and(|account| account.asserts(&body)) {
            return Ok(self.token());
        }
        Err(refused(400, "invalid_grant", "Invalid JWT Signature."))
    }

    fn token(&mut self) -> Answer {
        self.tokens_given += 1;
        let token = format!("token-{}", self.tokens_given);
        self.tokens.insert(token.clone());
        let issued = "urn:ietf:params:oauth:token-type:access_token";
        let token =
            json!({"access_token": token, "expires_in": 3600, "token_type": "Bearer", "issued_token_type": issued});
        document(&token)
    }
}

/// Answers with a document.
fn document(document: &serde_json::Value) -> Answer {
    let mut response = Response::new(Full::new(document.to_string().into()));
    response.headers_mut().insert(header::CONTENT_TYPE, "application/json".parse().expect("a header"));
    response
}

/// Says no.
fn refused(status: u16, reason: &'static str, message: impl Into<String>) -> Refused {
    Refused { status, reason, message: message.into() }
}

impl From<Refused> for Answer {
    fn from(Refused { status, reason, message }: Refused) -> Self {
        let errors = [json!({"domain": "global", "reason": reason, "message": message})];
        let mut answer = match reason {
            "" => Response::new(Full::new(message.into())),
            _ => document(&json!({"error": {"code": status, "message": message, "errors": errors}})),
        };
        *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
        answer.headers_mut().insert("x-guploader-uploadid", "request-1".parse().expect("a header"));
        answer
    }
}
