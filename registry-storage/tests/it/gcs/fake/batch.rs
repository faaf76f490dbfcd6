//! Several requests in one.

use bytes::Bytes;
use futures::FutureExt;
use http::Request;
use http_body_util::BodyExt;

use super::request::Asked;
use super::{Answer, Refused, State, refused};
use crate::object::batch::{self, BatchPart};

/// How many requests a batch has at most.
const MAX_REQUESTS: usize = 100;

impl State {
    /// Does what a batch asks for. It counts as authorised as the batch is. The answers come in another order.
    pub(super) fn batch(&mut self, asked: &Asked) -> Result<Answer, Refused> {
        asked.has_only(&[])?;
        let parts = batch::read(asked.header("content-type"), &asked.body);
        let parts = parts.map_err(|why| refused(400, "badRequest", why))?;
        let count = parts.len();
        if count > MAX_REQUESTS {
            return Err(refused(413, "uploadTooLarge", "The batch request contains too many calls."));
        }
        let mut answers = Vec::new();
        for BatchPart { id, method, uri, headers } in parts {
            let id = id.strip_prefix('<').and_then(|id| id.strip_suffix('>'));
            let id = id.ok_or_else(|| refused(400, "badRequest", "An id without brackets."))?;
            if uri.authority().is_some() || headers.keys().any(|name| name != "content-length") {
                return Err(refused(400, "badRequest", "A request that is not of a batch."));
            }
            let (mut request, ()) = Request::new(()).into_parts();
            (request.method, request.uri, request.headers) = (method, uri, headers);
            let answer = self.authorized(&Asked::new(request, Bytes::new())).unwrap_or_else(Answer::from);
            let (head, body) = answer.into_parts();
            let body = body.collect().now_or_never().expect("it is there").expect("it is whole").to_bytes();
            answers.push((Some(format!("<response-{id}>")), head.status, body));
        }
        answers.reverse();
        self.batches.push(count);
        Ok(batch::answer(200, answers))
    }
}
