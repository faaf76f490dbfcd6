//! A server that passes requests on to another, but for those that it was told to spoil.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::StreamExt;
use http::{Method, Request, Response, Uri};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::serving::Serving;

/// How a request is spoilt.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// It is answered without being passed on.
    Answer { status: u16, body: &'static str },
    /// The connection ends before the request was read.
    CutRequest,
    /// It is passed on, and the connection ends in place of the answer.
    LoseReply,
    /// It is passed on, and the connection ends in the middle of the answer's body.
    CutAnswer,
}

#[derive(Debug)]
struct Rule {
    fault: Fault,
    method: Method,
    part: &'static str,
    times: usize,
}

type Body = BoxBody<Bytes, io::Error>;

/// The server; it stops when it is dropped.
pub(crate) struct FaultServer {
    rules: Arc<Mutex<Vec<Rule>>>,
    serving: Serving,
}

impl FaultServer {
    /// Passes requests on to `endpoint`.
    pub(crate) async fn start(endpoint: &str) -> Self {
        let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let upstream: Uri = endpoint.parse().expect("an endpoint");
        let rules = Arc::new(Mutex::new(Vec::new()));
        let known = Arc::clone(&rules);
        let serving =
            Serving::start(move |request| answer(client.clone(), upstream.clone(), Arc::clone(&known), request));
        Self { rules, serving: serving.await }
    }

    pub(crate) fn endpoint(&self) -> String {
        self.serving.endpoint()
    }

    /// Spoils the next `times` requests of this method whose path with its query contains `part`.
    pub(crate) fn inject(&self, fault: Fault, method: Method, part: &'static str, times: usize) {
        self.rules.lock().unwrap().push(Rule { fault, method, part, times });
    }

    /// Returns how many requests are still to be spoilt.
    pub(crate) fn left(&self) -> usize {
        self.rules.lock().unwrap().iter().map(|rule| rule.times).sum()
    }
}

fn fault(rules: &Mutex<Vec<Rule>>, request: &Request<Incoming>) -> Option<Fault> {
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    let mut rules = rules.lock().unwrap();
    let met = |rule: &&mut Rule| rule.times > 0 && rule.method == *request.method() && target.contains(rule.part);
    let rule = rules.iter_mut().find(met)?;
    rule.times -= 1;
    Some(rule.fault)
}

async fn answer(
    client: Client<HttpConnector, Full<Bytes>>,
    upstream: Uri,
    rules: Arc<Mutex<Vec<Rule>>>,
    request: Request<Incoming>,
) -> Result<Response<Body>, io::Error> {
    let fault = fault(&rules, &request);
    if let Some(Fault::CutRequest) = fault {
        return Err(io::Error::other("cut"));
    }
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    if let Some(Fault::Answer { status, body }) = fault {
        let body = Full::new(body.into()).map_err(never).boxed();
        return Ok(Response::builder().status(status).body(body).expect("a valid answer"));
    }
    let mut uri = upstream.into_parts();
    uri.path_and_query = parts.uri.path_and_query().cloned();
    parts.uri = Uri::from_parts(uri).expect("a valid address");
    let response = client.request(Request::from_parts(parts, Full::new(body))).await.map_err(io::Error::other)?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    match fault {
        Some(Fault::LoseReply) => Err(io::Error::other("lost")),
        Some(Fault::CutAnswer) => {
            let first = Ok(Frame::data(body.slice(..body.len() / 2)));
            let frames = futures::stream::iter([first, Err(io::Error::other("cut"))]).then(|frame| async {
                // Gives the first half time to leave.
                tokio::task::yield_now().await;
                frame
            });
            Ok(Response::from_parts(parts, BodyExt::boxed(StreamBody::new(Box::pin(frames)))))
        }
        _ => Ok(Response::from_parts(parts, Full::new(body).map_err(never).boxed())),
    }
}

fn never(error: Infallible) -> io::Error {
    match error {}
}
