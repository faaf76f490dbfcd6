//! Requests about uploads in parts.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http::{HeaderValue, Method, header};
use registry_core::store::{StoreErrorKind, Timestamp};

use super::client::{Answer, Call, Client, Failure};
use super::objects::{Purpose, is_error, parse_time};
use super::xml::{
    self, CompleteMultipartUpload, CompletedPart, CopyPart, InitiateMultipartUpload, ListParts, ListUploads,
};
use crate::path::StoragePath;

/// How many parts an upload has at most.
pub(super) const MAX_PARTS: usize = 10_000;

/// An upload in parts that was not completed.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) path: StoragePath,
    pub(super) id: String,
    pub(super) begun_at: Timestamp,
}

/// A part of a list of uploads.
#[derive(Debug)]
pub(super) struct UploadPage {
    pub(super) uploads: Vec<Begun>,
    /// Where to go on, if there may be more: after this key and this upload.
    pub(super) next: Option<(String, String)>,
}

impl Client {
    /// Begins an upload, and returns its id.
    pub(super) async fn begin(&self, path: &StoragePath) -> Result<String, Failure> {
        let query = &[("uploads", "")];
        let headers = self.object_headers(Purpose::File);
        let (path, method) = (Some(path), Method::POST);
        let call = Call { operation: "begin upload", method, path, query, headers, ..Call::default() };
        let answer = self.answer(&call).await?;
        let begun: InitiateMultipartUpload =
            xml::parse(&answer.body).map_err(|error| self.misunderstood(&call, error))?;
        Ok(begun.upload_id)
    }

    /// Uploads a part, in place of the one of this number, and returns its tag.
    pub(super) async fn put_part(
        &self,
        path: &StoragePath,
        id: &str,
        number: usize,
        body: Bytes,
    ) -> Result<String, Failure> {
        let number = number.to_string();
        let query = &[("partNumber", number.as_str()), ("uploadId", id)];
        let (path, method) = (Some(path), Method::PUT);
        let call = Call { operation: "upload part of", method, path, query, body, ..Call::default() };
        let answer = self.answer(&call).await?;
        let tag = answer.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
        tag.map(ToOwned::to_owned).ok_or_else(|| self.misunderstood(&call, "the part has no tag"))
    }

    /// Has bytes `first..=last` of an object copied to a part, or all of it, and returns the part's tag.
    pub(super) async fn copy_part(
        &self,
        path: &StoragePath,
        id: &str,
        number: usize,
        source: &StoragePath,
        range: Option<(u64, u64)>,
    ) -> Result<String, Failure> {
        let number = number.to_string();
        let query = &[("partNumber", number.as_str()), ("uploadId", id)];
        let mut call =
            Call { operation: "copy part of", method: Method::PUT, path: Some(path), query, ..Call::default() };
        call.is_long = true;
        call.headers.insert(&self.dialect.copy_source, self.copy_source(source));
        if let Some((first, last)) = range {
            let range = HeaderValue::try_from(format!("bytes={first}-{last}")).expect("digits make a header");
            call.headers.insert(&self.dialect.copy_source_range, range);
        }
        let answer = self.answer(&call).await?;
        self.checked(&call, &answer)?;
        let copied: CopyPart = xml::parse(&answer.body).map_err(|error| self.misunderstood(&call, error))?;
        Ok(copied.etag)
    }

    /// Has the first `size_bytes` bytes of an object copied to the first parts of an upload, each of `part_bytes` but the
    /// last, and returns their tags.
    pub(super) async fn copy_parts(
        &self,
        path: &StoragePath,
        id: &str,
        source: &StoragePath,
        size_bytes: u64,
        part_bytes: u64,
    ) -> Result<Vec<String>, Failure> {
        let copies = (0..size_bytes.div_ceil(part_bytes)).map(|index| async move {
            let (first, end) = (index * part_bytes, size_bytes.min((index + 1) * part_bytes));
            self.copy_part(path, id, index as usize + 1, source, Some((first, end - 1))).await
        });
        futures::stream::iter(copies).buffered(self.config.copies_at_once.max(1)).try_collect().await
    }

    /// Returns the tags of an upload's parts, from the first one on without a gap, at most `limit` of them.
    pub(super) async fn parts(&self, path: &StoragePath, id: &str, limit: usize) -> Result<Vec<String>, Failure> {
        let mut tags = Vec::new();
        let mut marker = String::from("0");
        loop {
            let wanted = (limit - tags.len()).clamp(1, 1000).to_string();
            let query = &[("max-parts", wanted.as_str()), ("part-number-marker", &marker), ("uploadId", id)];
            let call = Call { operation: "list parts of", path: Some(path), query, ..Call::default() };
            let answer = self.answer(&call).await?;
            let page: ListParts = xml::parse(&answer.body).map_err(|error| self.misunderstood(&call, error))?;
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

    /// Makes an object of an upload's parts. `NotFound` if there is no such upload, which is also so once it is completed.
    pub(super) async fn complete(&self, path: &StoragePath, id: &str, tags: &[String]) -> Result<(), Failure> {
        let parts = tags.iter().enumerate().map(|(index, etag)| CompletedPart { part_number: index + 1, etag });
        let body = Bytes::from(xml::write(&CompleteMultipartUpload { parts: parts.collect() }));
        let query = &[("uploadId", id)];
        let (path, method) = (Some(path), Method::POST);
        let mut call = Call { operation: "complete upload", method, path, query, body, ..Call::default() };
        call.is_long = true;
        let answer = self.answer(&call).await?;
        self.checked(&call, &answer)
    }

    /// Removes an upload and its parts. Succeeds if there is none.
    pub(super) async fn abort(&self, path: &StoragePath, id: &str) -> Result<(), Failure> {
        let query = &[("uploadId", id)];
        let (path, method) = (Some(path), Method::DELETE);
        match self.answer(&Call { operation: "abort upload", method, path, query, ..Call::default() }).await {
            Err(failure) if failure.kind() != StoreErrorKind::NotFound => Err(failure),
            _ => Ok(()),
        }
    }

    /// Lists uploads whose keys begin with `prefix`.
    pub(super) async fn uploads(&self, prefix: &str, next: Option<&(String, String)>) -> Result<UploadPage, Failure> {
        let mut query = vec![("max-uploads", "1000"), ("prefix", prefix), ("uploads", "")];
        if let Some((key, id)) = next {
            query.extend([("key-marker", key.as_str()), ("upload-id-marker", id)]);
        }
        let call = Call { operation: "list uploads of", query: &query, ..Call::default() };
        let answer = self.answer(&call).await?;
        let page: ListUploads = xml::parse(&answer.body).map_err(|error| self.misunderstood(&call, error))?;
        let uploads = page.uploads.into_iter().filter_map(|upload| {
            let path = self.address.path(&upload.key)?;
            Some(parse_time(&upload.initiated).map(|begun_at| Begun { path, id: upload.upload_id, begun_at }))
        });
        let uploads = uploads.collect::<Option<_>>();
        let next = (page.next_key_marker.unwrap_or_default(), page.next_upload_id_marker.unwrap_or_default());
        Ok(UploadPage {
            uploads: uploads.ok_or_else(|| self.misunderstood(&call, "an upload has no time"))?,
            next: (page.is_truncated && !next.0.is_empty()).then_some(next),
        })
    }

    fn checked(&self, call: &Call<'_>, answer: &Answer) -> Result<(), Failure> {
        // The status is sent before the work is done.
        if is_error(&answer.body) { Err(self.refused(call, answer)) } else { Ok(()) }
    }
}
