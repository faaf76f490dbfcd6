//! The objects of a bucket.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use http::{Response, header};
use http_body_util::Full;
use serde_json::{Value, json};

use super::request::Asked;
use super::{Answer, BUCKET, Refused, document, done, etag, missing, now, refused};
use crate::object::serving::asked_range;

/// How many objects a list has at most.
const AT_ONCE: usize = 1000;
/// How large an object may be that is copied as a whole.
const MAX_COPY_BYTES: usize = 100_000_000;

#[derive(Default)]
pub(crate) struct Objects(BTreeMap<String, Object>);

pub(crate) struct Object {
    pub(crate) content: Bytes,
    pub(super) kind: String,
    metadata: HashMap<String, String>,
    pub(crate) modified_at: i64,
}

impl Objects {
    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Object> {
        self.0.get_mut(key)
    }

    /// Writes an object without asking anybody.
    pub(crate) fn put_directly(&mut self, key: &str, content: Bytes, kind: &str) {
        self.insert(key, content, kind, HashMap::new());
    }

    pub(super) fn insert(
        &mut self,
        key: &str,
        content: Bytes,
        kind: &str,
        metadata: HashMap<String, String>,
    ) -> Answer {
        let tag = etag(&content);
        let object = Object { content, kind: kind.to_owned(), metadata, modified_at: now() };
        self.0.insert(key.to_owned(), object);
        done(200, Some(&tag))
    }

    pub(super) fn put(&mut self, asked: &Asked) -> Result<Answer, Refused> {
        asked.has_only(&[])?;
        let kind = asked.header("content-type");
        let Some(source) = self.source(asked)? else {
            return Ok(self.insert(&asked.key, asked.body.clone(), kind, asked.metadata()));
        };
        let (content, of_source) = (source.content.clone(), (source.kind.clone(), source.metadata.clone()));
        if content.len() > MAX_COPY_BYTES || !asked.body.is_empty() {
            return Err(refused(400, -1, "too large to be copied"));
        }
        let (kind, metadata) = match asked.header("x-ufile-metadata-directive") {
            "REPLACE" => (kind.to_owned(), asked.metadata()),
            _ => of_source,
        };
        Ok(self.insert(&asked.key, content, &kind, metadata))
    }

    /// Returns the object that is to be copied.
    pub(super) fn source(&self, asked: &Asked) -> Result<Option<&Object>, Refused> {
        match asked.header("x-ufile-copy-source") {
            "" => Ok(None),
            source => {
                let key = source.strip_prefix(&format!("/{BUCKET}/")).ok_or_else(missing)?;
                self.0.get(key).map(Some).ok_or_else(missing)
            }
        }
    }

    pub(super) fn get(&self, asked: &Asked) -> Result<Answer, Refused> {
        asked.has_only(&[])?;
        let object = self.0.get(&asked.key).ok_or_else(missing)?;
        let size = object.content.len();
        let mut response = Response::builder()
            .header(header::CONTENT_TYPE, &object.kind)
            .header(header::ETAG, format!("\"{}\"", etag(&object.content)));
        for (name, value) in &object.metadata {
            response = response.header(name, value);
        }
        let mut content = object.content.clone();
        if let Some(range) = asked_range(asked.header("range"), size) {
            if range.is_empty() {
                return Err(refused(416, -1, "range not satisfiable"));
            }
            let said = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            content = content.slice(range);
            response = response.status(206).header(header::CONTENT_RANGE, said);
        }
        response = response.header(header::CONTENT_LENGTH, content.len());
        if asked.method == "HEAD" {
            content = Bytes::new();
        }
        Ok(response.body(Full::new(content)).expect("an answer"))
    }

    pub(super) fn delete(&mut self, asked: &Asked) -> Result<Answer, Refused> {
        asked.has_only(&[])?;
        self.0.remove(&asked.key).ok_or_else(missing)?;
        Ok(done(204, None))
    }

    pub(super) fn list(&self, asked: &Asked) -> Result<Answer, Refused> {
        asked.has_only(&["prefix", "marker", "delimiter", "max-keys"])?;
        let limit = asked.number("max-keys", 100)?;
        if limit > AT_ONCE || asked.parameter("delimiter").is_some_and(|delimiter| !delimiter.is_empty()) {
            return Err(refused(400, -1, "invalid parameter"));
        }
        let (page, is_truncated) = self.page(asked, limit);
        let last = page.last().filter(|_| is_truncated).map_or("", |(key, _)| key.as_str());
        let contents: Vec<Value> = page
            .iter()
            .map(|(key, object)| {
                json!({
                    "Key": key,
                    "MimeType": object.kind,
                    "LastModified": object.modified_at,
                    "CreateTime": object.modified_at,
                    "ETag": etag(&object.content),
                    "Size": object.content.len().to_string(),
                    "StorageClass": "STANDARD",
                    "UserMeta": object.metadata,
                })
            })
            .collect();
        Ok(document(&json!({
            "Name": BUCKET,
            "MaxKeys": limit.to_string(),
            "IsTruncated": is_truncated,
            "NextMarker": last,
            "Contents": contents,
            "CommonPrefixes": null,
        })))
    }

    pub(super) fn list_flat(&self, asked: &Asked) -> Result<Answer, Refused> {
        asked.has_only(&["prefix", "marker", "limit"])?;
        let (page, is_truncated) = self.page(asked, asked.number("limit", 20)?);
        let last = page.last().filter(|_| is_truncated).map_or("", |(key, _)| key.as_str());
        let files: Vec<Value> = page
            .iter()
            .map(|(key, object)| {
                json!({
                    "BucketName": BUCKET,
                    "FileName": key,
                    "Hash": etag(&object.content),
                    "MimeType": object.kind,
                    "Size": object.content.len(),
                    "CreateTime": object.modified_at,
                    "ModifyTime": object.modified_at,
                })
            })
            .collect();
        Ok(document(&json!({"BucketName": BUCKET, "BucketId": "b-1", "NextMarker": last, "DataSet": files})))
    }

    fn page(&self, asked: &Asked, limit: usize) -> (Vec<(&String, &Object)>, bool) {
        let (prefix, marker) =
            (asked.parameter("prefix").unwrap_or_default(), asked.parameter("marker").unwrap_or_default());
        let mut found = self.0.iter().filter(|(key, _)| key.starts_with(prefix) && key.as_str() > marker);
        let page: Vec<_> = found.by_ref().take(limit).collect();
        let is_truncated = found.next().is_some();
        (page, is_truncated)
    }
}
