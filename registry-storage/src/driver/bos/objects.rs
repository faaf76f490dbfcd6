//! Requests about whole objects.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};
use registry_core::store::StoreErrorKind;
use time::OffsetDateTime;

use super::document::{self, Delete, Deleted, DeletedObject, ObjectList};
use super::{Bos, COPY_SOURCE, read, signing};
use crate::driver::object::error::Failure;
use crate::driver::object::exchange::Answer;
use crate::driver::object::objects::{ListedObject, ObjectInfo, ObjectPage, ObjectRead, Objects, Purpose, parse_time};
use crate::error::DriverError;
use crate::path::StoragePath;

/// How many objects a list has, and a deletion takes, at most.
pub(super) const AT_ONCE: usize = 1000;

/// The note of an object.
const NOTE: HeaderName = HeaderName::from_static("x-bce-meta-registry-upload");
/// What tells that an object is written only if there is none.
const FORBID_OVERWRITE: HeaderName = HeaderName::from_static("x-bce-forbid-overwrite");
/// What tells that a copy gets metadata of its own.
const METADATA_DIRECTIVE: HeaderName = HeaderName::from_static("x-bce-metadata-directive");

#[async_trait]
impl Objects for Bos {
    async fn put(&self, path: &StoragePath, body: Bytes, purpose: Purpose, note: Option<&str>) -> Result<(), Failure> {
        let mut call = self.making_call("write", Method::PUT, path, &[], purpose);
        call.body = body;
        if let Some(note) = note {
            let note = HeaderValue::try_from(note).map_err(|error| call.misunderstood(error))?;
            call.headers.insert(NOTE, note);
        }
        self.exchange.answer(&call).await.map(drop)
    }

    async fn put_new(&self, path: &StoragePath, body: Bytes) -> Result<(), Failure> {
        let mut call = self.making_call("write", Method::PUT, path, &[], Purpose::File);
        call.body = body;
        call.headers.insert(FORBID_OVERWRITE, HeaderValue::from_static("true"));
        self.exchange.answer(&call).await.map(drop)
    }

    async fn get(
        &self,
        path: &StoragePath,
        first: u64,
        last: u64,
        version: Option<&str>,
    ) -> Result<ObjectRead, Failure> {
        let mut call = self.call("read", Method::GET, Some(path), &[]);
        call.read_range(first, last, version)?;
        let response = self.exchange.open(&call).await?;
        ObjectRead::new(response, first).ok_or_else(|| call.misunderstood("it has another range"))
    }

    async fn redirect(&self, path: &StoragePath, lifetime: Duration) -> Result<Option<String>, Failure> {
        let credentials = &self.exchange.protocol().credentials;
        let token = credentials.session_token.as_ref().map(|token| (signing::TOKEN, token.as_str()));
        let mut query: Vec<_> = token.into_iter().collect();
        let signed = self.public.uri(Some(path), &query);
        let authorization = signing::of_address(signed, credentials, lifetime, OffsetDateTime::now_utc());
        query.push((signing::AUTHORIZATION, &authorization));
        Ok(Some(self.public.uri(Some(path), &query).to_string()))
    }

    async fn head(&self, path: &StoragePath) -> Result<Option<ObjectInfo>, Failure> {
        let call = self.call("look at", Method::HEAD, Some(path), &[]);
        let Some(Answer { headers, .. }) = self.exchange.find(&call).await? else { return Ok(None) };
        ObjectInfo::new(&call, &headers, &NOTE).map(Some)
    }

    async fn list(
        &self,
        directory: &StoragePath,
        after: Option<&StoragePath>,
        next: Option<&str>,
        limit: usize,
    ) -> Result<ObjectPage, Failure> {
        let prefix = self.address.root.prefix(directory);
        let after = after.map(|after| self.address.root.key(after));
        let limit = limit.clamp(1, AT_ONCE).to_string();
        let mut query = vec![("maxKeys", limit.as_str()), ("prefix", &prefix)];
        query.extend(next.or(after.as_deref()).map(|marker| ("marker", marker)));
        let call = self.call("list", Method::GET, None, &query);
        let page: ObjectList = self.document(&call).await?;
        let next = page.next_marker.or_else(|| Some(page.contents.last()?.key.clone()));
        let listed = page.contents.into_iter().filter_map(|object| {
            // Others may keep things in the bucket whose keys are no paths.
            let path = self.address.root.path(&object.key)?;
            let modified_at = parse_time(&object.last_modified);
            Some(modified_at.map(|modified_at| ListedObject { path, size_bytes: object.size, modified_at }))
        });
        let objects = listed.collect::<Option<_>>();
        Ok(ObjectPage {
            objects: objects.ok_or_else(|| call.misunderstood("an object has no time"))?,
            next: next.filter(|_| page.is_truncated),
        })
    }

    async fn copy(&self, source: &StoragePath, path: &StoragePath) -> Result<(), Failure> {
        let mut call = self.making_call("copy to", Method::PUT, path, &[], Purpose::File);
        call.is_long = true;
        call.headers.insert(COPY_SOURCE, self.copy_source(source));
        call.headers.insert(METADATA_DIRECTIVE, HeaderValue::from_static("replace"));
        self.worked(&call).await.map(drop)
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), Failure> {
        let call = self.call("delete", Method::DELETE, Some(path), &[]);
        self.exchange.remove(&call).await
    }

    async fn delete_each(&self, paths: &[StoragePath]) -> Result<HashMap<StoragePath, DriverError>, Failure> {
        if paths.is_empty() {
            return Ok(HashMap::new());
        }
        let objects = paths.iter().map(|path| DeletedObject { key: self.address.root.key(path) }).collect();
        let mut call = self.call("delete from", Method::POST, None, &[("delete", "")]);
        call.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        call.body = document::write(&Delete { objects });
        let answer = self.exchange.answer(&call).await?;
        // If all went well there may be nothing to say.
        if answer.body.is_empty() {
            return Ok(HashMap::new());
        }
        let deleted: Deleted = read(&call, &answer)?;
        let failed = deleted.errors.into_iter().filter(|error| error.code != "NoSuchKey").filter_map(|error| {
            let why = format!("the object store answered {} {}", error.code, error.message);
            let path = self.address.root.path(&error.key)?;
            Some((path, DriverError::new(StoreErrorKind::Unavailable, "delete", error.key, why)))
        });
        Ok(failed.collect())
    }
}
