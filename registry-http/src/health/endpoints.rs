//! Questions about health over HTTP.
//!
//! | path | answer | for |
//! |---|---|---|
//! | `/livez` | 200 while the process answers at all | whoever restarts it |
//! | `/readyz` | 200 while it can do its work, else 503 | whoever sends requests to it |
//! | `/startupz` | 200 once it serves, else 503 | whoever waits for it |
//! | `/debug/health` | 200 with `{}`, or 503 with the failures, as distribution has it | operators |
//! | `/debug/health/down`, `/up` | POST sets the process down and up | operators |
//!
//! With `?verbose`, the first three list what they looked at.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body_util::Full;

use super::HealthChecks;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Anybody who reaches the API: learns which check fails, and not why.
    Public,
    /// Operators, on the debug address: learn everything, and may set the process down.
    Operators,
}

impl HealthChecks {
    /// Answers a request if its path is one about health.
    pub fn respond(
        &self,
        method: &Method,
        path: &str,
        query: Option<&str>,
        audience: Audience,
    ) -> Option<Response<Full<Bytes>>> {
        let read = [Method::GET, Method::HEAD];
        let reads =
            |answer: &dyn Fn() -> Answer| if read.contains(method) { answer() } else { Answer::not("GET, HEAD") };
        let operators = audience == Audience::Operators;
        let answer = match path {
            "/livez" => reads(&|| Answer::report(Vec::new(), query)),
            "/readyz" => reads(&|| Answer::report(self.readiness(audience), query)),
            "/startupz" => reads(&|| Answer::report(vec![self.startup()], query)),
            "/debug/health" if operators => reads(&|| self.debug()),
            "/debug/health/down" | "/debug/health/up" if operators => {
                if method == Method::POST {
                    self.set_down(path.ends_with("down"));
                    Answer { status: StatusCode::OK, ..Answer::default() }
                } else {
                    Answer::not("POST")
                }
            }
            _ => return None,
        };
        Some(answer.into_response(method))
    }

    /// Lists what readiness depends on.
    fn readiness(&self, audience: Audience) -> Vec<Item> {
        let failures = self.failures();
        let stopping = Item { name: "shutdown".to_owned(), failure: self.is_stopping().then(|| "stopping".to_owned()) };
        let checks = self.checks.keys().chain(failures.keys().filter(|name| !self.checks.contains_key(*name)));
        let checks = checks.map(|name| {
            let failure = failures.get(name).map(|failure| match audience {
                Audience::Operators => failure.clone(),
                Audience::Public => "reason withheld".to_owned(),
            });
            Item { name: name.clone(), failure }
        });
        [self.startup(), stopping].into_iter().chain(checks).collect()
    }

    fn startup(&self) -> Item {
        Item { name: "startup".to_owned(), failure: (!self.is_started()).then(|| "not finished".to_owned()) }
    }

    fn debug(&self) -> Answer {
        let failures = self.failures();
        let status = if failures.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let body = serde_json::to_string(&failures).expect("a map of texts is JSON");
        Answer { status, content_type: Some(JSON), allow: None, body }
    }
}

/// Something that an answer about health depends on.
struct Item {
    name: String,
    failure: Option<String>,
}

#[derive(Default)]
struct Answer {
    status: StatusCode,
    content_type: Option<HeaderValue>,
    allow: Option<HeaderValue>,
    body: String,
}

impl Answer {
    fn report(items: Vec<Item>, query: Option<&str>) -> Self {
        let well = items.iter().all(|item| item.failure.is_none());
        let status = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let verbose =
            query.is_some_and(|query| query.split('&').any(|part| part == "verbose" || part == "verbose=true"));
        let mut body = String::new();
        if verbose {
            for Item { name, failure } in items {
                let line = match failure {
                    None => writeln!(body, "[+] {name} ok"),
                    Some(failure) => writeln!(body, "[-] {name} failed: {failure}"),
                };
                line.expect("writing to a string does not fail");
            }
        }
        body.push_str(if well { "ok\n" } else { "failed\n" });
        Self { status, content_type: Some(TEXT), allow: None, body }
    }

    fn not(allow: &'static str) -> Self {
        let allow = Some(HeaderValue::from_static(allow));
        Self { status: StatusCode::METHOD_NOT_ALLOWED, content_type: None, allow, body: String::new() }
    }

    fn into_response(self, method: &Method) -> Response<Full<Bytes>> {
        let len = self.body.len();
        let body = if method == Method::HEAD { Bytes::new() } else { self.body.into() };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_LENGTH, len.into());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.content_type.map(|value| (CONTENT_TYPE, value)));
        headers.extend(self.allow.map(|value| (ALLOW, value)));
        response
    }
}
