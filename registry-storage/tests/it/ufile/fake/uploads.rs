//! The uploads of a bucket that have not ended.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use reqsign_core::hash::hex_sha1;
use serde_json::{Value, json};

use super::objects::Objects;
use super::request::Asked;
use super::{Answer, BLOCK_BYTES, BUCKET, Refused, document, done, now, refused};

#[derive(Default)]
pub(super) struct Uploads(BTreeMap<String, Upload>);

struct Upload {
    key: String,
    kind: String,
    started_at: i64,
    parts: BTreeMap<usize, Part>,
}

struct Part {
    content: Bytes,
    tag: String,
    sent_at: i64,
}

impl Uploads {
    pub(super) fn begin(&mut self, asked: &Asked) -> Result<Answer, Refused> {
        asked.has_only(&[])?;
        let id = uuid::Uuid::new_v4().to_string();
        let (key, kind) = (asked.key.clone(), asked.header("content-type").to_owned());
        self.0.insert(id.clone(), Upload { key, kind, started_at: now(), parts: BTreeMap::new() });
        Ok(document(&json!({"UploadId": id, "BlkSize": BLOCK_BYTES, "Bucket": BUCKET, "Key": asked.key})))
    }

    pub(super) fn put(&mut self, asked: &Asked, objects: &Objects) -> Result<Answer, Refused> {
        asked.has_only(&["uploadId", "partNumber"])?;
        let number = asked.number("partNumber", 0)?;
        let content = match objects.source(asked)? {
            None => asked.body.clone(),
            Some(source) => {
                let range = asked.header("x-ufile-copy-source-range").strip_prefix("bytes=");
                let (first, last) = range.and_then(|range| range.split_once('-')).ok_or_else(no_range)?;
                let (first, last): (usize, usize) = (number_of(first)?, number_of(last)?);
                if first > last || last >= source.content.len() {
                    return Err(no_range());
                }
                source.content.slice(first..last + 1)
            }
        };
        if content.len() > BLOCK_BYTES {
            return Err(refused(400, -1, "the part is too large"));
        }
        let upload = self.of(asked)?;
        let tag = URL_SAFE.encode(hex::decode(hex_sha1(&content)).expect("hex digits"));
        upload.parts.insert(number, Part { content, tag: tag.clone(), sent_at: now() });
        Ok(done(200, Some(&tag)))
    }

    pub(super) fn complete(&mut self, asked: &Asked, objects: &mut Objects) -> Result<Answer, Refused> {
        asked.has_only(&["uploadId"])?;
        let upload = self.of(asked)?;
        let tags = String::from_utf8_lossy(&asked.body).into_owned();
        // `ufile-gosdk` takes the quotes off, and the package for Python does not.
        let tags: Vec<_> = tags.split(',').map(|tag| tag.trim_matches('"')).collect();
        let mut whole = Vec::new();
        for (number, tag) in tags.iter().enumerate() {
            let part = upload.parts.get(&number).filter(|part| part.tag == *tag);
            let part = part.ok_or_else(|| refused(400, -1, "the part is another one"))?;
            if number + 1 < tags.len() && part.content.len() != BLOCK_BYTES {
                return Err(refused(400, -1, "the part does not have the size of parts"));
            }
            whole.extend_from_slice(&part.content);
        }
        let answer = objects.insert(&asked.key, whole.into(), &upload.kind, HashMap::new());
        self.0.remove(asked.parameter("uploadId").unwrap_or_default());
        Ok(answer)
    }

    pub(super) fn abort(&mut self, asked: &Asked) -> Result<Answer, Refused> {
        asked.has_only(&["uploadId"])?;
        self.of(asked)?;
        self.0.remove(asked.parameter("uploadId").unwrap_or_default());
        Ok(done(204, None))
    }

    pub(super) fn list_parts(&mut self, asked: &Asked) -> Result<Answer, Refused> {
        asked.has_only(&["uploadId", "max-parts", "part-number-marker"])?;
        let limit = asked.number("max-parts", 1000)?.min(1000);
        let after = asked.parameter("part-number-marker").map(number_of).transpose()?;
        let id = asked.parameter("uploadId").unwrap_or_default();
        let upload = self.0.get(id).ok_or_else(no_upload)?;
        let mut found = upload.parts.iter().filter(|(number, _)| after.is_none_or(|after| **number > after));
        let page: Vec<_> = found.by_ref().take(limit).collect();
        let parts: Vec<Value> = page
            .iter()
            .map(|(number, part)| {
                json!({"PartNum": number, "Etag": part.tag, "LastModified": part.sent_at, "Size": part.content.len()})
            })
            .collect();
        Ok(document(&json!({
            "UploadId": id,
            "Bucket": BUCKET,
            "Key": upload.key,
            "Parts": parts,
            "MaxParts": limit,
            "IsTruncated": found.next().is_some(),
            "NextPartNumberMarker": page.last().map_or(0, |(number, _)| **number),
        })))
    }

    pub(super) fn list(&self, asked: &Asked) -> Result<Answer, Refused> {
        asked.has_only(&["prefix", "marker", "limit"])?;
        let limit = asked.number("limit", 20)?;
        let (prefix, marker) =
            (asked.parameter("prefix").unwrap_or_default(), asked.parameter("marker").unwrap_or_default());
        let mut found: Vec<_> =
            self.0.iter().map(|(id, upload)| (upload.key.as_str(), id, upload.started_at)).collect();
        found.retain(|(key, ..)| key.starts_with(prefix) && *key > marker);
        found.sort_unstable();
        let next = if found.len() > limit { found[limit - 1].0 } else { "" };
        let uploads: Vec<Value> = found
            .iter()
            .take(limit)
            .map(|(key, id, started_at)| {
                json!({"UploadId": id, "FileName": key, "StartTime": started_at, "StorageClass": "STANDARD"})
            })
            .collect();
        Ok(document(&json!({"RetCode": 0, "ErrMsg": "", "NextMarker": next, "DataSet": uploads, "Bucket": BUCKET})))
    }

    /// Returns the upload that is asked about, which is one to the key that is asked about.
    fn of(&mut self, asked: &Asked) -> Result<&mut Upload, Refused> {
        let upload = self.0.get_mut(asked.parameter("uploadId").unwrap_or_default());
        upload.filter(|upload| upload.key == asked.key).ok_or_else(no_upload)
    }
}

fn number_of(text: &str) -> Result<usize, Refused> {
    text.parse().map_err(|_| refused(400, -1, "a parameter is no number"))
}

fn no_range() -> Refused {
    refused(419, -1, "the range to be copied is not there")
}

fn no_upload() -> Refused {
    refused(404, -1, "the upload does not exist")
}
