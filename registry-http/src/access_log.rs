//! One event for every request, when its answer is over.
//!
//! Events have the target `registry::access`, the level INFO and these fields: `id`, `method`, `path` (with the query,
//! of which unknown values are left out, because they may be secrets), `protocol`, `status`, `sent_status` (only if the
//! client went away, and the answer had begun), `request_bytes`, `bytes`, `duration_ms`, `client`, `user`,
//! `user_agent`. A client that goes away before the end of its answer has the status 499.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf, Bytes};
use http::header::{HeaderMap, USER_AGENT};
use http::request::Parts;
use http::{Method, Response, StatusCode, Uri, Version};
use http_body::{Body, Frame, SizeHint};

use crate::metrics::RequestMeter;
use crate::request_id::RequestId;

/// The longest path and the longest user agent that are logged, in characters.
const TEXT_MAX: usize = 1024;

/// Query parameters whose values say what was asked for, and are no secrets.
const PLAIN_PARAMETERS: [&str; 13] = [
    "account",
    "artifactType",
    "digest",
    "digest-algorithm",
    "from",
    "last",
    "mount",
    "n",
    "ns",
    "scope",
    "service",
    "tag",
    "verbose",
];

/// What is known about a request. Logged when it is dropped, or when the body that it was made part of is over.
#[derive(Debug)]
pub struct RequestRecord {
    started: Instant,
    logged: bool,
    id: RequestId,
    method: Method,
    path: String,
    version: Version,
    client: Option<IpAddr>,
    user: Option<String>,
    user_agent: Option<String>,
    meter: Option<RequestMeter>,
    /// None if the request has no body.
    request_bytes: Option<Arc<AtomicU64>>,
    /// Of the answer, once there is one.
    status: Option<StatusCode>,
    response_bytes: u64,
    complete: bool,
}

impl RequestRecord {
    /// Begins with a request's head. `logged` is whether there will be an event.
    pub fn open(parts: &Parts, id: RequestId, client: Option<IpAddr>, logged: bool) -> Self {
        Self {
            started: Instant::now(),
            logged,
            id,
            method: parts.method.clone(),
            path: if logged { shown_path(&parts.uri) } else { String::new() },
            version: parts.version,
            client,
            user: None,
            user_agent: if logged { user_agent(&parts.headers) } else { None },
            meter: None,
            request_bytes: None,
            status: None,
            response_bytes: 0,
            complete: false,
        }
    }

    /// Returns the request's name.
    pub fn id(&self) -> &RequestId {
        &self.id
    }

    /// Tells who sent the request.
    pub fn set_user(&mut self, name: impl Into<String>) {
        self.user = Some(name.into());
    }

    /// Has the request counted, too.
    pub fn set_meter(&mut self, meter: RequestMeter) {
        self.meter = Some(meter);
    }

    /// Counts what is read of the request's body.
    pub fn request_body<B>(&mut self, body: B) -> CountedBody<B> {
        let bytes = self.request_bytes.get_or_insert_default();
        CountedBody { body, bytes: Arc::clone(bytes) }
    }

    /// Makes the record part of the answer. It is in a box, because answers are moved often on their way.
    pub fn answer<B: Body>(mut self: Box<Self>, response: Response<B>) -> Response<RecordedBody<B>> {
        self.status = Some(response.status());
        // Nothing follows the head: whoever sends it does not ask for a body.
        self.complete = self.method == Method::HEAD || response.body().is_end_stream();
        response.map(|body| RecordedBody { left: body.size_hint().exact(), body, record: self })
    }

    fn finish(&mut self) {
        let duration = self.started.elapsed();
        let request_bytes = self.request_bytes.as_ref().map_or(0, |bytes| bytes.load(Ordering::Relaxed));
        let client_closed = StatusCode::from_u16(499).expect("499 is a status");
        let sent = self.status.filter(|_| !self.complete);
        let status = self.status.filter(|_| self.complete).unwrap_or(client_closed);
        if let Some(meter) = self.meter.take() {
            meter.finish(status, request_bytes, self.response_bytes, duration);
        }
        if self.logged {
            tracing::info!(
                target: "registry::access",
                id = self.id.as_str(),
                method = self.method.as_str(),
                path = self.path,
                protocol = ?self.version,
                status = status.as_u16(),
                sent_status = sent.map(|status| status.as_u16()),
                request_bytes,
                bytes = self.response_bytes,
                duration_ms = duration.as_micros() as f64 / 1000.0,
                client = self.client.map(tracing::field::display),
                user = self.user,
                user_agent = self.user_agent,
                "request"
            );
        }
    }
}

impl Drop for RequestRecord {
    fn drop(&mut self) {
        self.finish();
    }
}

/// A request's body whose bytes are counted.
#[derive(Debug)]
pub struct CountedBody<B> {
    body: B,
    bytes: Arc<AtomicU64>,
}

impl<B: Body + Unpin> Body for CountedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            self.bytes.fetch_add(data.remaining() as u64, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response's body that has the request logged when it is over.
#[derive(Debug)]
pub struct RecordedBody<B> {
    body: B,
    /// How many bytes are still to come, where that is known. Such a body is not asked again after its last byte.
    left: Option<u64>,
    record: Box<RequestRecord>,
}

impl<B: Body<Data = Bytes> + Unpin> Body for RecordedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            let len = data.len() as u64;
            self.record.response_bytes += len;
            self.left = self.left.map(|left| left.saturating_sub(len));
        }
        let broken = matches!(frame, Some(Err(_)));
        if frame.is_none() || (!broken && (self.left == Some(0) || self.body.is_end_stream())) {
            self.record.complete = true;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Returns the path and the query with what may be secret left out.
fn shown_path(uri: &Uri) -> String {
    let Some(query) = uri.query() else { return shortened(uri.path()) };
    let shown = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if !PLAIN_PARAMETERS.contains(&name) => format!("{name}=…"),
        _ => pair.to_owned(),
    });
    shortened(&format!("{}?{}", uri.path(), shown.collect::<Vec<_>>().join("&")))
}

fn user_agent(headers: &HeaderMap) -> Option<String> {
    headers.get(USER_AGENT).map(|value| shortened(&String::from_utf8_lossy(value.as_bytes())))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::task::Waker;

    use super::*;

    #[test]
    fn secrets_of_the_query_are_not_shown() {
        let shown = |uri: &str| shown_path(&uri.parse().unwrap());
        assert_eq!(shown("/v2/a/tags/list?n=5&last=x"), "/v2/a/tags/list?n=5&last=x");
        assert_eq!(shown("/v2/?_state=abc&token=t&digest=sha256:0"), "/v2/?_state=…&token=…&digest=sha256:0");
        assert_eq!(shown("/v2/?flag"), "/v2/?flag");
        assert_eq!(shown(&format!("/{}", "a".repeat(5000))).chars().count(), TEXT_MAX + 1);
    }

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Returns the fields of the one event that is logged by `work`.
    fn logged(work: impl FnOnce(Box<RequestRecord>)) -> serde_json::Value {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
        let request = http::Request::builder().uri("/v2/?n=1").header(USER_AGENT, "a\tb").body(()).unwrap();
        let id = RequestId::from_proxy(&http::HeaderValue::from_static("id-1")).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            let client = Some([192, 0, 2, 7].into());
            work(Box::new(RequestRecord::open(&request.into_parts().0, id, client, true)));
        });
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let event: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(event["target"], "registry::access");
        event["fields"].clone()
    }

    fn read(body: &mut (impl Body<Data = Bytes> + Unpin), frames: usize) {
        for _ in 0..frames {
            let frame = Pin::new(&mut *body).poll_frame(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(frame, Poll::Ready(Some(Ok(_)))));
        }
    }

    fn two_frames() -> impl Body<Data = Bytes> + Unpin {
        let frames = ["abc", "de"].map(|text| Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from(text))));
        http_body_util::StreamBody::new(futures::stream::iter(frames))
    }

    #[test]
    fn an_answer_is_logged_when_its_body_is_over() {
        let fields = logged(|mut record| {
            record.set_user("u");
            let body = http_body_util::Full::new(Bytes::from_static(b"hello"));
            read(&mut record.request_body(body.clone()), 1);
            read(record.answer(Response::new(body)).body_mut(), 1);
        });
        assert_eq!(fields["status"], 200);
        assert_eq!(fields["bytes"], 5);
        assert_eq!(fields["request_bytes"], 5);
        assert_eq!(fields["id"], "id-1");
        assert_eq!(fields["method"], "GET");
        assert_eq!(fields["path"], "/v2/?n=1");
        assert_eq!(fields["user"], "u");
        assert_eq!(fields["client"], "192.0.2.7");
        assert_eq!(fields["user_agent"], "a\tb");
        assert!(fields.get("sent_status").is_none());
    }

    #[test]
    fn a_client_that_goes_away_has_the_status_499() {
        let fields = logged(|record| read(record.answer(Response::new(two_frames())).body_mut(), 1));
        assert_eq!(
            (&fields["status"], &fields["sent_status"], &fields["bytes"]),
            (&499.into(), &200.into(), &3.into())
        );
        let fields = logged(drop);
        assert_eq!(fields["status"], 499);
        assert!(fields.get("sent_status").is_none(), "there was no answer yet");
    }

    #[test]
    fn a_body_of_unknown_length_is_over_after_its_last_frame() {
        let fields = logged(|record| {
            let mut response = record.answer(Response::new(two_frames()));
            read(response.body_mut(), 2);
            let end = Pin::new(response.body_mut()).poll_frame(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(end, Poll::Ready(None)));
        });
        assert_eq!((&fields["status"], &fields["bytes"]), (&200.into(), &5.into()));
    }

    #[test]
    fn an_answer_without_body_is_over_at_once() {
        let fields = logged(|record| drop(record.answer(Response::new(http_body_util::Empty::<Bytes>::new()))));
        assert_eq!(fields["status"], 200);
    }
}
