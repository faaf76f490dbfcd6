//! Batches: several requests in the body of one, whose answer has an answer to each of them.
//!
//! Both bodies are `multipart/mixed` (RFC 2046), and each part is `application/http`. Answers may come in any order; by its
//! `Content-ID` one says which request it is to.
//!
//! ```text
//! --batch_5f0c…                            --batchresponse_66925647-…
//! Content-Type: application/http           Content-Type: application/http
//! Content-Transfer-Encoding: binary        Content-ID: 0
//! Content-ID: 0
//!                                          HTTP/1.1 202 Accepted
//! DELETE /registry/a/b HTTP/1.1            x-ms-request-id: 778fdc83-…
//! Content-Length: 0
//!
//!
//! --batch_5f0c…--                          --batchresponse_66925647-…--
//! ```

use bytes::{BufMut, Bytes, BytesMut};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use httparse::{EMPTY_HEADER, Header, Response, Status};

/// How many headers an answer, or its part, has at most.
const MAX_HEADERS: usize = 64;

/// The answer to one request of a batch.
#[derive(Debug, Clone)]
pub(crate) struct PartAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The answer to a batch.
#[derive(Debug)]
pub(crate) enum BatchAnswer {
    /// To each request, in their order, the answer that is there.
    Each(Vec<Option<PartAnswer>>),
    /// One that says no to all of them.
    Whole(PartAnswer),
}

/// Writes requests that have no bodies. `id` returns what the store is to call the one with an index.
pub(crate) fn write(boundary: &str, requests: &[Parts], id: impl Fn(usize) -> String) -> Bytes {
    let mut body = BytesMut::new();
    for (index, request) in requests.iter().enumerate() {
        let target = request.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let head = format!(
            "--{boundary}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {}\r\n\r\n\
             {} {target} HTTP/1.1\r\n",
            id(index),
            request.method,
        );
        body.put_slice(head.as_bytes());
        for (name, value) in &request.headers {
            for piece in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                body.put_slice(piece);
            }
        }
        // The head ends with an empty line; the last of these is the boundary's.
        body.put_slice(b"Content-Length: 0\r\n\r\n\r\n");
    }
    body.put_slice(format!("--{boundary}--\r\n").as_bytes());
    body.freeze()
}

/// Reads the answer to a batch of as many requests as were `asked`, whose parts are known by their indices. `None` if it is
/// not of that kind at all.
///
/// A part that was cut off, that cannot be read or that answers nothing that was asked counts as none. Of two answers to one
/// request the one counts that says no.
pub(crate) fn read(content_type: Option<&HeaderValue>, body: &Bytes, asked: usize) -> Option<BatchAnswer> {
    let boundary = boundary(content_type?.to_str().ok()?)?;
    let mut each = vec![None; asked];
    let parts = parts(body, boundary);
    for part in &parts {
        let Some((id, answer)) = read_part(body, part) else { continue };
        match id {
            // There is nothing to say which, if it is to all of them.
            None if parts.len() == 1 && !answer.status.is_success() => return Some(BatchAnswer::Whole(answer)),
            None => {}
            Some(id) => match each.get_mut(id) {
                Some(Some(PartAnswer { status, .. })) if !status.is_success() => {}
                Some(place) => *place = Some(answer),
                None => {}
            },
        }
    }
    Some(BatchAnswer::Each(each))
}

/// Returns the boundary that a `Content-Type` names.
fn boundary(content_type: &str) -> Option<&str> {
    let mut fields = content_type.split(';').map(str::trim);
    if !fields.next()?.eq_ignore_ascii_case("multipart/mixed") {
        return None;
    }
    let parameters = fields.filter_map(|field| field.split_once('='));
    let (_, boundary) = parameters.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("boundary"))?;
    Some(boundary.trim_matches('"')).filter(|boundary| !boundary.is_empty())
}

/// Takes a body apart. A part that no boundary follows was cut off.
fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let delimiter = format!("--{boundary}");
    let (mut parts, mut begun, mut end) = (Vec::new(), None, 0);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let start = end;
        end += line.len();
        let is_last = match line.trim_ascii_end().strip_prefix(delimiter.as_bytes()) {
            Some(b"") => false,
            Some(b"--") => true,
            _ => continue,
        };
        parts.extend(begun.map(|begun| &body[begun..start]));
        if is_last {
            break;
        }
        begun = Some(end);
    }
    parts
}

/// Reads a part of a body, and the index of the request that it answers, if it says that.
fn read_part(body: &Bytes, part: &[u8]) -> Option<(Option<usize>, PartAnswer)> {
    let mut fields = [EMPTY_HEADER; MAX_HEADERS];
    let Ok(Status::Complete((length, fields))) = httparse::parse_headers(part, &mut fields) else { return None };
    let id = fields.iter().find(|field| field.name.eq_ignore_ascii_case("content-id"));
    let id = id.and_then(|field| index(field.value));
    let mut fields = [EMPTY_HEADER; MAX_HEADERS];
    let mut response = Response::new(&mut fields);
    let part = &part[length..];
    let Ok(Status::Complete(length)) = response.parse(part) else { return None };
    let answer = PartAnswer {
        status: StatusCode::from_u16(response.code?).ok()?,
        headers: headers(response.headers),
        body: body.slice_ref(part[length..].trim_ascii()),
    };
    Some((id, answer))
}

/// Reads the index in an id: `7` as it was sent, or `<response-7>` where `<7>` was.
fn index(id: &[u8]) -> Option<usize> {
    let id = str::from_utf8(id).ok()?.trim();
    let inner = id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or(id);
    inner.strip_prefix("response-").unwrap_or(inner).parse().ok()
}

fn headers(fields: &[Header<'_>]) -> HeaderMap {
    let field =
        |field: &Header<'_>| Some((HeaderName::try_from(field.name).ok()?, HeaderValue::from_bytes(field.value).ok()?));
    fields.iter().filter_map(field).collect()
}

#[cfg(test)]
mod tests;
