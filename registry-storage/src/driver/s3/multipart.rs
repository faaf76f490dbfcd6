//! Requests about uploads in parts.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Method, header};
use md5::Md5;

use super::S3;
use super::dialect::BodyChecksum;
use super::xml::{
    self, CompleteMultipartUpload, CompletedPart, CopyPart, InitiateMultipartUpload, ListParts, ListUploads,
};
use crate::driver::object::checksum::{CONTENT_MD5, hash};
use crate::driver::object::error::Failure;
use crate::driver::object::exchange::byte_range;
use crate::driver::object::multipart::{Multipart, UnfinishedUpload, UploadPage, UploadScope};
use crate::driver::object::objects::{Objects, Purpose, parse_time};
use crate::path::StoragePath;

#[async_trait]
impl Multipart for S3 {
    async fn begin(&self, path: &StoragePath) -> Result<String, Failure> {
        let mut call = self.call("begin upload", Method::POST, Some(path), &[("uploads", "")]);
        call.headers = self.object_headers(Purpose::File);
        let answer = self.exchange.answer(&call).await?;
        let begun: InitiateMultipartUpload = xml::parse(&answer.body).map_err(|error| call.misunderstood(error))?;
        Ok(begun.upload_id)
    }

    async fn put_part(&self, path: &StoragePath, id: &str, number: usize, body: Bytes) -> Result<String, Failure> {
        let query = [("partNumber", &*number.to_string()), ("uploadId", id)];
        let mut call = self.call("upload part of", Method::PUT, Some(path), &query);
        if matches!(self.dialect.checksum, BodyChecksum::HexMd5OfParts) && !self.address.endpoint.is_encrypted() {
            let checksum = hex::encode(hash::<Md5>(&body).await);
            call.headers.insert(CONTENT_MD5, HeaderValue::try_from(checksum).expect("hex digits make a header"));
        }
        call.body = body;
        let answer = self.exchange.answer(&call).await?;
        let tag = answer.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
        tag.map(ToOwned::to_owned).ok_or_else(|| call.misunderstood("the part has no tag"))
    }

    async fn copy_part(
        &self,
        path: &StoragePath,
        id: &str,
        number: usize,
        source: &StoragePath,
        range: Option<(u64, u64)>,
    ) -> Result<String, Failure> {
        let Some(range_header) = &self.dialect.copy_source_range else {
            let _room = self.copying.acquire().await;
            let body = self.get_whole(source, range).await?;
            return self.put_part(path, id, number, body).await;
        };
        let query = [("partNumber", &*number.to_string()), ("uploadId", id)];
        let mut call = self.call("copy part of", Method::PUT, Some(path), &query);
        call.is_long = true;
        call.headers.insert(&self.dialect.copy_source, self.copy_source(source));
        if let Some((first, last)) = range {
            call.headers.insert(range_header, byte_range(first, last));
        }
        let answer = self.exchange.answer(&call).await?;
        self.checked(&call, &answer)?;
        let copied: CopyPart = xml::parse(&answer.body).map_err(|error| call.misunderstood(error))?;
        Ok(copied.etag)
    }

    async fn parts(&self, path: &StoragePath, id: &str, limit: usize) -> Result<Vec<String>, Failure> {
        let mut tags = Vec::new();
        let mut marker = String::from("0");
        loop {
            let wanted = (limit - tags.len()).clamp(1, 1000).to_string();
            let query = [("max-parts", wanted.as_str()), ("part-number-marker", &marker), ("uploadId", id)];
            let call = self.call("list parts of", Method::GET, Some(path), &query);
            let answer = self.exchange.answer(&call).await?;
            let page: ListParts = xml::parse(&answer.body).map_err(|error| call.misunderstood(error))?;
            for part in page.parts {
                if tags.len() < limit && part.part_number as usize == tags.len() + 1 {
                    tags.push(part.etag);
                }
            }
            match page.next_part_number_marker {
                Some(next) if page.is_truncated && tags.len() < limit && next != marker => marker = next,
                _ => return Ok(tags),
            }
        }
    }

    async fn complete(&self, path: &StoragePath, id: &str, tags: &[String]) -> Result<(), Failure> {
        let parts = tags.iter().enumerate().map(|(index, etag)| CompletedPart { part_number: index + 1, etag });
        let mut call = self.call("complete upload", Method::POST, Some(path), &[("uploadId", id)]);
        call.is_long = true;
        call.body = xml::write(&CompleteMultipartUpload { parts: parts.collect() }).into();
        let answer = self.exchange.answer(&call).await?;
        self.checked(&call, &answer)
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
        let mut query = vec![("max-uploads", "1000"), ("prefix", &prefix), ("uploads", "")];
        if let Some((key, id)) = next.and_then(|next| next.rsplit_once('\n')) {
            query.extend([("key-marker", key), ("upload-id-marker", id)]);
        }
        let call = self.call("list uploads of", Method::GET, None, &query);
        let answer = self.exchange.answer(&call).await?;
        let page: ListUploads = xml::parse(&answer.body).map_err(|error| call.misunderstood(error))?;
        let uploads = page.uploads.into_iter().filter_map(|upload| {
            let path = self.address.root.path(&upload.key)?;
            let begun_at = parse_time(&upload.initiated);
            Some(begun_at.map(|begun_at| UnfinishedUpload { path, id: upload.upload_id, begun_at }))
        });
        let uploads = uploads.collect::<Option<_>>().ok_or_else(|| call.misunderstood("an upload has no time"))?;
        // Where to go on is after a key and an upload, whose id is one line.
        let key = page.next_key_marker.filter(|key| page.is_truncated && !key.is_empty());
        let next = key.map(|key| format!("{key}\n{}", page.next_upload_id_marker.unwrap_or_default()));
        Ok(UploadPage { uploads, next })
    }
}
