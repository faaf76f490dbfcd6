//! Requests about uploads in parts, each of which has the size that the store says, but for the last.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, header};
use registry_core::store::{StoreErrorKind, Timestamp};

use super::document::{BegunUpload, ListParts, ListUploads};
use super::objects::COPY_SOURCE;
use super::{AT_ONCE, Ufile, UfileConfig};
use crate::driver::object::error::Failure;
use crate::driver::object::exchange::{Call, byte_range};
use crate::driver::object::multipart::{Multipart, UnfinishedUpload, UploadPage, UploadScope};
use crate::driver::object::objects::Objects;
use crate::error::DriverError;
use crate::path::StoragePath;

/// What of its source is copied; the end is inclusive.
const COPY_SOURCE_RANGE: HeaderName = HeaderName::from_static("x-ufile-copy-source-range");

#[async_trait]
impl Multipart for Ufile {
    async fn begin(&self, path: &StoragePath) -> Result<String, Failure> {
        let call = self.call("begin upload", Method::POST, Some(path), Some("uploads"), &[]);
        let begun: BegunUpload = self.document(&call).await?;
        if begun.blk_size == UfileConfig::PART_BYTES {
            return Ok(begun.upload_id);
        }
        self.abort(path, &begun.upload_id).await?;
        let (found, expected) = (begun.blk_size, UfileConfig::PART_BYTES);
        Err(call.misunderstood(format!("the store takes parts of {found} bytes, expected {expected}")))
    }

    async fn put_part(&self, path: &StoragePath, id: &str, number: usize, body: Bytes) -> Result<String, Failure> {
        let mut call = self.part_call("upload part of", path, id, number);
        call.body = body;
        self.put(&call).await
    }

    async fn copy_part(
        &self,
        path: &StoragePath,
        id: &str,
        number: usize,
        source: &StoragePath,
        range: Option<(u64, u64)>,
    ) -> Result<String, Failure> {
        let mut call = self.part_call("copy part of", path, id, number);
        let missing =
            || DriverError::new(StoreErrorKind::NotFound, "copy", self.address.root.key(source), "it is not there");
        let (first, last) = match range {
            Some(range) => range,
            None => (0, self.head(source).await?.ok_or_else(missing)?.size_bytes.saturating_sub(1)),
        };
        call.is_long = true;
        call.headers.insert(COPY_SOURCE, self.copy_source(source)?);
        call.headers.insert(COPY_SOURCE_RANGE, byte_range(first, last));
        self.put(&call).await
    }

    async fn parts(&self, path: &StoragePath, id: &str, limit: usize) -> Result<Vec<String>, Failure> {
        let mut tags = Vec::new();
        let mut marker: Option<usize> = None;
        loop {
            let wanted = (limit - tags.len()).clamp(1, AT_ONCE).to_string();
            let after = marker.map(|marker| marker.to_string());
            let mut query = vec![("uploadId", id), ("max-parts", &wanted)];
            query.extend(after.as_deref().map(|after| ("part-number-marker", after)));
            let mut call = self.call("list parts of", Method::GET, None, Some("muploadpart"), &query);
            call.subject = self.address.root.key(path);
            let page: ListParts = self.document(&call).await?;
            for part in page.parts {
                if tags.len() < limit && part.part_num == tags.len() {
                    tags.push(part.etag);
                }
            }
            match page.next_part_number_marker {
                Some(next) if page.is_truncated && tags.len() < limit && marker < Some(next) => marker = Some(next),
                _ => return Ok(tags),
            }
        }
    }

    async fn complete(&self, path: &StoragePath, id: &str, tags: &[String]) -> Result<(), Failure> {
        let mut call = self.call("complete upload", Method::POST, Some(path), None, &[("uploadId", id)]);
        call.is_long = true;
        call.body = tags.iter().map(|tag| tag.trim_matches('"')).collect::<Vec<_>>().join(",").into();
        self.exchange.answer(&call).await.map(drop)
    }

    async fn abort(&self, path: &StoragePath, id: &str) -> Result<(), Failure> {
        let call = self.call("abort upload", Method::DELETE, Some(path), None, &[("uploadId", id)]);
        self.exchange.remove(&call).await
    }

    async fn uploads(&self, scope: UploadScope<'_>, next: Option<&str>) -> Result<UploadPage, Failure> {
        let prefix = match scope {
            UploadScope::At(path) => self.address.root.key(path),
            UploadScope::In(directory) => self.address.root.prefix(directory),
        };
        let (marker, limit) = (next.unwrap_or_default(), AT_ONCE.to_string());
        let query = [("prefix", prefix.as_str()), ("marker", marker), ("limit", &limit)];
        let call = self.call("list uploads of", Method::GET, None, Some("muploadid"), &query);
        let page: ListUploads = self.document(&call).await?;
        let uploads = page.data_set.into_iter().filter_map(|upload| {
            let path = self.address.root.path(&upload.file_name)?;
            let begun_at = Timestamp::from_micros(upload.start_time.saturating_mul(1_000_000));
            Some(UnfinishedUpload { path, id: upload.upload_id, begun_at })
        });
        let next = Some(page.next_marker).filter(|next| !next.is_empty() && next != marker);
        Ok(UploadPage { uploads: uploads.collect(), next })
    }
}

impl Ufile {
    /// Prepares a request about a part. The store counts them from 0.
    fn part_call(&self, operation: &'static str, path: &StoragePath, id: &str, number: usize) -> Call {
        let number = number.saturating_sub(1).to_string();
        self.call(operation, Method::PUT, Some(path), None, &[("uploadId", id), ("partNumber", &number)])
    }

    /// Sends a part, and returns its tag.
    async fn put(&self, call: &Call) -> Result<String, Failure> {
        let headers: HeaderMap = self.exchange.answer(call).await?.headers;
        let tag = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
        tag.map(|tag| tag.trim_matches('"').to_owned()).ok_or_else(|| call.misunderstood("the part has no tag"))
    }
}
