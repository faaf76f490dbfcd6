//! Requests about whole objects.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use registry_core::store::{StoreErrorKind, Timestamp};
use time::OffsetDateTime;

use super::document::ListObjects;
use super::{AT_ONCE, INDEX, Ufile, is_index};
use crate::driver::object::claim;
use crate::driver::object::error::Failure;
use crate::driver::object::exchange::Answer;
use crate::driver::object::objects::{ListedObject, ObjectInfo, ObjectPage, ObjectRead, Objects, Purpose};
use crate::error::DriverError;
use crate::path::StoragePath;

/// The note of an object, which is metadata.
const NOTE: HeaderName = HeaderName::from_static("x-ufile-meta-registry-note");
pub(super) const COPY_SOURCE: HeaderName = HeaderName::from_static("x-ufile-copy-source");
/// What tells that a copy gets metadata of its own.
const OWN_METADATA: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-ufile-metadata-directive"), HeaderValue::from_static("REPLACE"));

#[async_trait]
impl Objects for Ufile {
    async fn put(&self, path: &StoragePath, body: Bytes, _: Purpose, note: Option<&str>) -> Result<(), Failure> {
        let mut call = self.call("write", Method::PUT, Some(path), None, &[]);
        if let Some(note) = note {
            let note = HeaderValue::try_from(note).map_err(|error| call.misunderstood(error))?;
            call.headers.insert(NOTE, note);
        }
        call.body = body;
        self.exchange.answer(&call).await.map(drop)
    }

    async fn put_new(&self, path: &StoragePath, body: Bytes) -> Result<(), Failure> {
        claim::put_new(self, path, body).await
    }

    async fn get(
        &self,
        path: &StoragePath,
        first: u64,
        last: u64,
        version: Option<&str>,
    ) -> Result<ObjectRead, Failure> {
        let mut call = self.call("read", Method::GET, Some(path), None, &[]);
        call.read_range(first, last, None)?;
        let response = self.exchange.open(&call).await?;
        if is_index(response.headers()) {
            let why = "it lists a directory";
            return Err(DriverError::new(StoreErrorKind::NotFound, "read", self.address.root.key(path), why).into());
        }
        let read = ObjectRead::new(response, first).ok_or_else(|| call.misunderstood("it has another range"))?;
        if version.is_some() && read.version.as_deref() != version {
            let why = "it was replaced meanwhile";
            return Err(DriverError::new(StoreErrorKind::Corrupt, "read", self.address.root.key(path), why).into());
        }
        Ok(read)
    }

    async fn redirect(&self, path: &StoragePath, lifetime: Duration) -> Result<Option<String>, Failure> {
        let expires_at = (OffsetDateTime::now_utc() + lifetime).unix_timestamp().to_string();
        let address = self.public.uri(Some(path), None, &[]);
        let query = self.exchange.protocol().signer.address_query(address.path(), &expires_at);
        let query = query.each_ref().map(|(name, value)| (*name, value.as_ref()));
        Ok(Some(self.public.uri(Some(path), None, &query).to_string()))
    }

    async fn head(&self, path: &StoragePath) -> Result<Option<ObjectInfo>, Failure> {
        let call = self.call("look at", Method::HEAD, Some(path), None, &[]);
        let Some(Answer { headers, .. }) = self.exchange.find(&call).await? else { return Ok(None) };
        if is_index(&headers) {
            return Ok(None);
        }
        ObjectInfo::new(&call, &headers, &NOTE).map(Some)
    }

    async fn list(
        &self,
        directory: &StoragePath,
        after: Option<&StoragePath>,
        next: Option<&str>,
        limit: usize,
    ) -> Result<ObjectPage, Failure> {
        let after = after.map(|after| self.address.root.key(after));
        let marker = next.or(after.as_deref()).unwrap_or_default();
        let (limit, prefix) = (limit.clamp(1, AT_ONCE).to_string(), self.address.root.prefix(directory));
        let query = [("delimiter", ""), ("marker", marker), ("max-keys", &limit), ("prefix", &prefix)];
        let call = self.call("list", Method::GET, None, Some("listobjects"), &query);
        let page: ListObjects = self.document(&call).await?;
        // The marker in the answer is not always the last key.
        let last = page.contents.last().map_or(page.next_marker, |object| object.key.clone());
        let mut objects = Vec::with_capacity(page.contents.len());
        for object in page.contents.into_iter().filter(|object| object.mime_type != INDEX) {
            // Others may keep things in the bucket whose keys are no paths.
            let Some(path) = self.address.root.path(&object.key) else { continue };
            let size_bytes = object.size.parse().map_err(|error| call.misunderstood(error))?;
            let modified_at = Timestamp::from_micros(object.last_modified.saturating_mul(1_000_000));
            objects.push(ListedObject { path, size_bytes, modified_at });
        }
        Ok(ObjectPage { objects, next: Some(last).filter(|last| page.is_truncated && !last.is_empty()) })
    }

    async fn copy(&self, source: &StoragePath, path: &StoragePath) -> Result<(), Failure> {
        let mut call = self.call("copy to", Method::PUT, Some(path), None, &[]);
        call.is_long = true;
        call.headers.insert(COPY_SOURCE, self.copy_source(source)?);
        call.headers.extend([OWN_METADATA]);
        self.exchange.answer(&call).await.map(drop)
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), Failure> {
        let call = self.call("delete", Method::DELETE, Some(path), None, &[]);
        self.exchange.remove(&call).await
    }
}

impl Ufile {
    /// Returns how a copy names its source.
    pub(super) fn copy_source(&self, source: &StoragePath) -> Result<HeaderValue, Failure> {
        let unsuitable = |error| {
            let key = self.address.root.key(source);
            Failure::from(DriverError::new(StoreErrorKind::Unsupported, "copy", key, error))
        };
        HeaderValue::try_from(self.address.copy_source(source)).map_err(unsuitable)
    }
}
