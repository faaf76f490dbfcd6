//! Batches as strict servers read them, and their answers.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri};
use http_body_util::Full;

/// One request of a batch.
pub(crate) struct BatchPart {
    /// Its `Content-ID`.
    pub(crate) id: String,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
}

/// Takes a batch apart, whose requests have no bodies.
///
/// # Errors
/// What is wrong with its form.
pub(crate) fn read(content_type: Option<&str>, body: &[u8]) -> Result<Vec<BatchPart>, &'static str> {
    let boundary = content_type.and_then(|text| text.strip_prefix("multipart/mixed; boundary="));
    let boundary = boundary.ok_or("no boundary")?;
    let text = str::from_utf8(body).map_err(|_| "no text")?;
    let text = text.strip_suffix(&format!("\r\n--{boundary}--\r\n")).ok_or("no end")?;
    let parts = text.strip_prefix(&format!("--{boundary}\r\n")).ok_or("no first part")?;
    parts.split(&format!("\r\n--{boundary}\r\n")).map(part).collect()
}

fn part(text: &str) -> Result<BatchPart, &'static str> {
    let (about, request) = text.split_once("\r\n\r\n").ok_or("a part without a request")?;
    let about = headers(about)?;
    if about.get("content-type").is_none_or(|is| is != "application/http")
        || about.get("content-transfer-encoding").is_none_or(|is| is != "binary")
    {
        return Err("a part that is no request");
    }
    let id = about.get("content-id").and_then(|id| id.to_str().ok()).ok_or("a part without an id")?;
    let head = request.strip_suffix("\r\n\r\n").ok_or("a request with a body, or cut off")?;
    let (line, head) = head.split_once("\r\n").ok_or("a request without a head")?;
    let [method, target, "HTTP/1.1"] = line.split(' ').collect::<Vec<_>>()[..] else { return Err("another protocol") };
    let (method, uri) = (method.parse().map_err(|_| "no method")?, target.parse().map_err(|_| "no target")?);
    Ok(BatchPart { id: id.to_owned(), method, uri, headers: headers(head)? })
}

fn headers(text: &str) -> Result<HeaderMap, &'static str> {
    let header = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?))
    };
    text.split("\r\n").map(header).collect::<Option<_>>().ok_or("no header")
}

/// Answers a batch with a status, and with the answers to its requests, each with its id, if it gets one.
pub(crate) fn answer(
    status: u16,
    answers: impl IntoIterator<Item = (Option<String>, StatusCode, Bytes)>,
) -> Response<Full<Bytes>> {
    let mut body = String::new();
    for (id, status, text) in answers {
        let id = id.map(|id| format!("Content-ID: {id}\r\n")).unwrap_or_default();
        let text = str::from_utf8(&text).expect("a text");
        let head = format!("HTTP/1.1 {} It Says\r\nContent-Length: {}", status.as_u16(), text.len());
        body += &format!("--answers_1\r\nContent-Type: application/http\r\n{id}\r\n{head}\r\n\r\n{text}\r\n");
    }
    body += "--answers_1--\r\n";
    let response = Response::builder().status(status).header("content-type", "multipart/mixed; boundary=answers_1");
    response.body(Full::new(body.into())).expect("an answer")
}
