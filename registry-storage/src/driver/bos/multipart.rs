//! Requests about uploads in parts.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};

use super::document::{self, Begun, Complete, CompletedPart, CopiedPart, PartList, UploadList};
use super::{Bos, COPY_SOURCE, read};
use crate::driver::object::error::Failure;
use crate::driver::object::exchange::byte_range;
use crate::driver::object::multipart::{Multipart, UnfinishedUpload, UploadPage, UploadScope};
use crate::driver::object::objects::{Purpose, parse_time};
use crate::path::StoragePath;

/// What a copied part's range is named in; the end is inclusive.
const COPY_SOURCE_RANGE: HeaderName = HeaderName::from_static("x-bce-copy-source-range");
/// How many parts or uploads a list has at most.
const LISTED_AT_ONCE: usize = 1000;

#[async_trait]
impl Multipart for Bos {
    async fn begin(&self, path: &StoragePath) -> Result<String, Failure> {
        let call = self.making_call("begin upload", Method::POST, path, &[("uploads", "")], Purpose::File);
        Ok(self.document::<Begun>(&call).await?.upload_id)
    }

    async fn put_part(&self, path: &StoragePath, id: &str, number: usize, body: Bytes) -> Result<String, Failure> {
        let query = [("partNumber", &*number.to_string()), ("uploadId", id)];
        let mut call = self.call("upload part of", Method::PUT, Some(path), &query);
        call.body = body;
        let answer = self.exchange.answer(&call).await?;
        let tag = answer.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
        tag.map(unquoted).ok_or_else(|| call.misunderstood("the part has no tag"))
    }

    async fn copy_part(
        &self,
        path: &StoragePath,
        id: &str,
        number: usize,
        source: &StoragePath,
        range: Option<(u64, u64)>,
    ) -> Result<String, Failure> {
        let query = [("partNumber", &*number.to_string()), ("uploadId", id)];
        let mut call = self.call("copy part of", Method::PUT, Some(path), &query);
        call.is_long = true;
        call.headers.insert(COPY_SOURCE, self.copy_source(source));
        if let Some((first, last)) = range {
            call.headers.insert(COPY_SOURCE_RANGE, byte_range(first, last));
        }
        let answer = self.worked(&call).await?;
        Ok(unquoted(&read::<CopiedPart>(&call, &answer)?.e_tag))
    }

    async fn parts(&self, path: &StoragePath, id: &str, limit: usize) -> Result<Vec<String>, Failure> {
        let mut tags = Vec::new();
        let mut marker = 0;
        loop {
            let wanted = (limit - tags.len()).clamp(1, LISTED_AT_ONCE).to_string();
            let query = [("maxParts", &*wanted), ("partNumberMarker", &*marker.to_string()), ("uploadId", id)];
            let call = self.call("list parts of", Method::GET, Some(path), &query);
            let page: PartList = self.document(&call).await?;
            for part in page.parts {
                if tags.len() < limit && part.part_number == tags.len() + 1 {
                    tags.push(unquoted(&part.e_tag));
                }
            }
            match page.next_part_number_marker {
                Some(next) if page.is_truncated && tags.len() < limit && next > marker => marker = next,
                _ => return Ok(tags),
            }
        }
    }

    async fn complete(&self, path: &StoragePath, id: &str, tags: &[String]) -> Result<(), Failure> {
        let parts = tags.iter().enumerate().map(|(index, e_tag)| CompletedPart { part_number: index + 1, e_tag });
        let mut call = self.call("complete upload", Method::POST, Some(path), &[("uploadId", id)]);
        call.is_long = true;
        call.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        call.body = document::write(&Complete { parts: parts.collect() });
        self.worked(&call).await.map(drop)
    }

    async fn abort(&self, path: &StoragePath, id: &str) -> Result<(), Failure> {
        let call = self.call("abort upload", Method::DELETE, Some(path), &[("uploadId", id)]);
        self.exchange.remove(&call).await
    }

    async fn uploads(&self, scope: UploadScope<'_>, next: Option<&str>) -> Result<UploadPage, Failure> {
        let prefix = match scope {
            UploadScope::At(path) => self.address.root.key(path),
            UploadScope::In(directory) => self.address.root.prefix(directory),
        };
        let limit = LISTED_AT_ONCE.to_string();
        let mut query = vec![("maxUploads", limit.as_str()), ("prefix", &prefix), ("uploads", "")];
        query.extend(next.map(|next| ("keyMarker", next)));
        let call = self.call("list uploads of", Method::GET, None, &query);
        let page: UploadList = self.document(&call).await?;
        let uploads = page.uploads.into_iter().filter_map(|upload| {
            let path = self.address.root.path(&upload.key)?;
            let begun_at = parse_time(&upload.initiated);
            Some(begun_at.map(|begun_at| UnfinishedUpload { path, id: upload.upload_id, begun_at }))
        });
        let uploads = uploads.collect::<Option<_>>().ok_or_else(|| call.misunderstood("an upload has no time"))?;
        Ok(UploadPage { uploads, next: page.next_key_marker.filter(|key| page.is_truncated && !key.is_empty()) })
    }
}

/// Headers have tags in quotation marks, documents have them without.
fn unquoted(tag: &str) -> String {
    tag.trim_matches('"').to_owned()
}
