//! Requests about whole objects.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use registry_core::store::StoreErrorKind;

use super::S3;
use super::config::S3Encryption;
use super::dialect::{BodyChecksum, Paging};
use super::xml::{self, Delete, Deleted, DeletedObject, ListObjects};
use crate::driver::object::checksum::{CONTENT_MD5, content_md5};
use crate::driver::object::claim;
use crate::driver::object::error::Failure;
use crate::driver::object::exchange::{Answer, Call};
use crate::driver::object::objects::{ListedObject, ObjectInfo, ObjectPage, ObjectRead, Objects, Purpose, parse_time};
use crate::error::DriverError;
use crate::path::StoragePath;

#[async_trait]
impl Objects for S3 {
    async fn put(&self, path: &StoragePath, body: Bytes, purpose: Purpose, note: Option<&str>) -> Result<(), Failure> {
        let mut call = self.put_call(path, body, purpose);
        if let Some(note) = note {
            let note = HeaderValue::try_from(note).map_err(|error| call.misunderstood(error))?;
            call.headers.insert(&self.dialect.note, note);
        }
        self.exchange.answer(&call).await.map(drop)
    }

    async fn put_new(&self, path: &StoragePath, body: Bytes) -> Result<(), Failure> {
        let Some(only_new) = self.dialect.only_new.clone() else {
            return claim::put_new(self, path, body).await;
        };
        let mut call = self.put_call(path, body, Purpose::File);
        call.headers.extend([only_new]);
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
        call.headers.extend(self.dialect.strict_range.clone());
        let response = self.exchange.open(&call).await?;
        ObjectRead::new(response, first).ok_or_else(|| call.misunderstood("it has another range"))
    }

    async fn redirect(&self, path: &StoragePath, lifetime: Duration) -> Result<Option<String>, Failure> {
        let signed = self.exchange.protocol().presign(self.public.uri(Some(path), &[]), lifetime).await;
        let failed = |error| self.call("sign the address of", Method::GET, Some(path), &[]).failed(error);
        Ok(signed.map_err(failed)?.map(|uri| uri.to_string()))
    }

    async fn head(&self, path: &StoragePath) -> Result<Option<ObjectInfo>, Failure> {
        let call = self.call("look at", Method::HEAD, Some(path), &[]);
        let Some(Answer { headers, .. }) = self.exchange.find(&call).await? else { return Ok(None) };
        ObjectInfo::new(&call, &headers, &self.dialect.note).map(Some)
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
        let limit = limit.clamp(1, self.dialect.at_once).to_string();
        let mut query = vec![("max-keys", limit.as_str()), ("prefix", &prefix)];
        match (self.dialect.paging, next) {
            (Paging::Token, Some(next)) => query.extend([("list-type", "2"), ("continuation-token", next)]),
            (Paging::Token, None) => {
                query.push(("list-type", "2"));
                query.extend(after.as_deref().map(|after| ("start-after", after)));
            }
            (Paging::Marker, _) => query.extend(next.or(after.as_deref()).map(|after| ("marker", after))),
        }
        query.sort_unstable();
        let call = self.call("list", Method::GET, None, &query);
        let answer = self.exchange.answer(&call).await?;
        let page: ListObjects = xml::parse(&answer.body).map_err(|error| call.misunderstood(error))?;
        let next = match self.dialect.paging {
            Paging::Token => page.next_continuation_token,
            Paging::Marker => page.next_marker.or_else(|| Some(page.contents.last()?.key.clone())),
        };
        let listed = page.contents.into_iter().filter_map(|object| {
            // Others may keep things in the bucket whose keys are no paths.
            let path = self.address.root.path(&object.key)?;
            Some(parse_time(&object.last_modified).map(|modified_at| ListedObject {
                path,
                size_bytes: object.size,
                modified_at,
            }))
        });
        let objects = listed.collect::<Option<_>>();
        Ok(ObjectPage {
            objects: objects.ok_or_else(|| call.misunderstood("an object has no time"))?,
            next: next.filter(|_| page.is_truncated),
        })
    }

    /// The copy has neither the source's metadata nor its storage class.
    async fn copy(&self, source: &StoragePath, path: &StoragePath) -> Result<(), Failure> {
        let mut call = self.call("copy to", Method::PUT, Some(path), &[]);
        call.is_long = true;
        call.headers = self.object_headers(Purpose::File);
        call.headers.insert(&self.dialect.copy_source, self.copy_source(source));
        call.headers.extend([self.dialect.own_metadata.clone()]);
        let answer = self.exchange.answer(&call).await?;
        self.checked(&call, &answer)
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
        call.body = xml::write(&Delete { quiet: true, objects }).into();
        if !matches!(self.dialect.checksum, BodyChecksum::HexMd5OfParts) {
            call.headers.insert(CONTENT_MD5, content_md5(&call.body).await);
        }
        call.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        let answer = self.exchange.answer(&call).await?;
        // Some say nothing at all if all went well.
        if answer.body.is_empty() {
            return Ok(HashMap::new());
        }
        let deleted: Deleted = xml::parse(&answer.body).map_err(|error| call.misunderstood(error))?;
        let failed = deleted.errors.into_iter().filter(|error| error.code != "NoSuchKey").filter_map(|error| {
            let why = format!("the object store answered {} {}", error.code, error.message);
            let path = self.address.root.path(&error.key)?;
            Some((path, DriverError::new(StoreErrorKind::Unavailable, "delete", error.key, why)))
        });
        Ok(failed.collect())
    }
}

impl S3 {
    fn put_call(&self, path: &StoragePath, body: Bytes, purpose: Purpose) -> Call {
        let call = self.call("write", Method::PUT, Some(path), &[]);
        Call { headers: self.object_headers(purpose), body, ..call }
    }

    /// Returns what every new object is asked to be.
    pub(super) fn object_headers(&self, purpose: Purpose) -> HeaderMap {
        let text = |text: &str| HeaderValue::try_from(text).expect("the configuration was checked");
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        match &self.options.encryption {
            None => {}
            Some(S3Encryption::Store) => {
                headers.insert(&self.dialect.encryption, HeaderValue::from_static("AES256"));
            }
            Some(S3Encryption::Kms(key)) => {
                headers.insert(&self.dialect.encryption, self.dialect.managed_encryption.clone());
                if let Some(key) = key {
                    headers.insert(&self.dialect.encryption_key, text(key));
                }
            }
        }
        if let Some(acl) = &self.options.acl {
            headers.insert(&self.dialect.acl, text(acl));
        }
        if let Some(class) = self.options.storage_class.as_ref().filter(|_| purpose == Purpose::File) {
            headers.insert(&self.dialect.storage_class, text(class));
        }
        headers
    }
}
