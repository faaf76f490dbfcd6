//! Objects, and what is asked of them.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use reqsign_core::hash::hex_sha1;
use serde_json::{Value, json};

use super::form::Form;
use super::{Answer, BUCKET, NO_SUCH_FILE, Refused, decode, decode_base64, document, parameter, text};
use crate::kodo::signature;
use crate::object::serving::asked_range;

/// How many objects a list has at most.
const LIST_MAX: usize = 1000;
/// In what blocks content is hashed.
const BLOCK_BYTES: usize = 4 * 1024 * 1024;

#[derive(Clone)]
struct Object {
    content: Bytes,
    metadata: BTreeMap<String, String>,
    /// In tenths of a microsecond since 1970.
    put_time: u128,
}

#[derive(Default)]
pub(super) struct Objects(BTreeMap<String, Object>);

impl Objects {
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.0.keys().cloned()
    }

    /// Writes an object, or refuses to replace one by another.
    pub(super) fn put(
        &mut self,
        key: &str,
        content: Bytes,
        metadata: BTreeMap<String, String>,
        is_new_only: bool,
    ) -> Result<Value, Refused> {
        let hash = hash(&content);
        match self.0.get(key) {
            Some(object) if is_new_only && super::objects::hash(&object.content) != hash => {
                return Err(Refused(614, "file exists"));
            }
            // What is there already is as good as written.
            Some(_) if is_new_only => {}
            _ => _ = self.0.insert(key.to_owned(), Object { content, metadata, put_time: now() }),
        }
        Ok(json!({"hash": hash, "key": key}))
    }

    pub(super) fn put_form(&mut self, request: &Request<Bytes>) -> Result<Answer, Refused> {
        let form = Form::read(request)?;
        let key = form.field("key").ok_or(Refused(400, "key not specified"))?;
        let policy = signature::verify_policy(form.field("token").unwrap_or_default(), BUCKET, key)?;
        let is_new_only = policy["insertOnly"].as_u64().is_some_and(|only| only > 0);
        let put = self.put(key, form.file.clone(), form.metadata().collect(), is_new_only)?;
        Ok(document(&put))
    }

    pub(super) fn get(&self, request: &Request<Bytes>, key: &str) -> Result<Answer, Refused> {
        let object = self.0.get(key).ok_or(Refused(404, "Document not found"))?;
        let size = object.content.len();
        let (status, first, end) = match asked_range(text(request, "range"), size) {
            None => (200, 0, size),
            Some(range) if range.is_empty() => return Err(Refused(416, "invalid range")),
            Some(range) => (206, range.start, range.end),
        };
        let response = Response::builder()
            .status(status)
            .header(header::ETAG, format!("\"{}\"", hash(&object.content)))
            .header(header::CONTENT_RANGE, format!("bytes {first}-{}/{size}", end.saturating_sub(1)))
            .body(Full::new(object.content.slice(first..end)));
        Ok(response.expect("a valid answer"))
    }

    /// Does what one request is about, or one of a batch.
    pub(super) fn manage(&mut self, operation: &[&str]) -> Result<Value, Refused> {
        match *operation {
            ["stat", entry] => {
                let object = self.0.get(&key(entry)?).ok_or(NO_SUCH_FILE)?;
                let hash = hash(&object.content);
                let mut stat =
                    json!({"fsize": object.content.len(), "hash": hash, "mimeType": "application/octet-stream"});
                stat["putTime"] = json!(u64::try_from(object.put_time).expect("a time of this era"));
                if !object.metadata.is_empty() {
                    stat["x-qn-meta"] = json!(object.metadata);
                }
                Ok(stat)
            }
            ["delete", entry] => self.0.remove(&key(entry)?).map(|_| json!({})).ok_or(NO_SUCH_FILE),
            [verb @ ("copy" | "move"), source, target, ref force @ ..] => {
                let (source, target) = (key(source)?, key(target)?);
                let object = self.0.get(&source).ok_or(NO_SUCH_FILE)?.clone();
                if self.0.contains_key(&target) && *force != ["force", "true"] {
                    return Err(Refused(614, "file exists"));
                }
                if verb == "move" {
                    self.0.remove(&source);
                }
                self.0.insert(target, Object { put_time: now(), ..object });
                Ok(json!({}))
            }
            _ => Err(Refused(400, "invalid operation")),
        }
    }

    pub(super) fn batch(&mut self, request: &Request<Bytes>) -> Result<Answer, Refused> {
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let mut outcomes = Vec::new();
        for operation in body.split('&').filter_map(|field| field.strip_prefix("op=")).map(decode) {
            let operation: Vec<_> = operation.trim_start_matches('/').split('/').collect();
            outcomes.push(match self.manage(&operation) {
                Ok(data) => json!({"code": 200, "data": data}),
                Err(Refused(code, error)) => json!({"code": code, "data": {"error": error}}),
            });
        }
        if outcomes.len() > LIST_MAX {
            return Err(Refused(400, "too many operations"));
        }
        let is_partial = outcomes.iter().any(|outcome| outcome["code"] != 200);
        let mut answer = document(&json!(outcomes));
        *answer.status_mut() = if is_partial { 298 } else { 200 }.try_into().expect("a status");
        Ok(answer)
    }

    pub(super) fn list(&self, request: &Request<Bytes>) -> Result<Answer, Refused> {
        if parameter(request, "bucket").as_deref() != Some(BUCKET) {
            return Err(Refused(631, "no such bucket"));
        }
        let prefix = parameter(request, "prefix").unwrap_or_default();
        let limit = parameter(request, "limit").map_or(Ok(LIST_MAX), |limit| limit.parse());
        let limit = limit.ok().filter(|limit| (1..=LIST_MAX).contains(limit)).ok_or(Refused(400, "invalid limit"))?;
        let after = match parameter(request, "marker").filter(|marker| !marker.is_empty()) {
            Some(marker) => {
                let marker: Value =
                    serde_json::from_str(&decode_base64(&marker)?).map_err(|_| Refused(640, "invalid list marker"))?;
                let after = marker["k"].as_str().ok_or(Refused(640, "invalid list marker"))?;
                Bound::Excluded(after.to_owned())
            }
            None => Bound::Unbounded,
        };
        let mut found = self.0.range((after, Bound::Unbounded)).filter(|(key, _)| key.starts_with(&prefix));
        let item = |(key, object): (&String, &Object)| {
            let put_time = u64::try_from(object.put_time).expect("a time of this era");
            json!({"key": key, "hash": hash(&object.content), "fsize": object.content.len(), "putTime": put_time})
        };
        let items: Vec<_> = found.by_ref().take(limit).map(item).collect();
        let mut list = json!({"items": items});
        if let (Some(last), Some(_)) = (items.last(), found.next()) {
            list["marker"] = URL_SAFE.encode(json!({"c": 0, "k": last["key"]}).to_string()).into();
        }
        Ok(document(&list))
    }
}

/// Returns the key of an entry of the bucket.
fn key(entry: &str) -> Result<String, Refused> {
    let entry = decode_base64(entry)?;
    let (bucket, key) = entry.split_once(':').ok_or(Refused(400, "invalid entry"))?;
    if bucket == BUCKET { Ok(key.to_owned()) } else { Err(Refused(631, "no such bucket")) }
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later").as_nanos() / 100
}

/// Returns Qiniu's hash of content, which is of the hashes of its blocks if there are several.
pub(super) fn hash(content: &[u8]) -> String {
    let sha1 = |bytes: &[u8]| hex::decode(hex_sha1(bytes)).expect("hex digits");
    let (tag, sum) = match content.len() > BLOCK_BYTES {
        false => (0x16, sha1(content)),
        true => (0x96, sha1(&content.chunks(BLOCK_BYTES).flat_map(sha1).collect::<Vec<_>>())),
    };
    URL_SAFE.encode([&[tag], &sum[..]].concat())
}
