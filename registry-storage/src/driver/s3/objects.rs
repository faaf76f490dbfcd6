//! Requests about whole objects.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, header};
use hyper::body::Incoming;
use md5::{Digest, Md5};
use registry_core::store::{StoreErrorKind, Timestamp};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::client::{Call, Client, Failure};
use super::config::S3Encryption;
use super::xml::{self, Delete, Deleted, DeletedObject, ListObjects};
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

/// What an object is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It stays.
    File,
    /// It is removed soon, so that a storage class with a least duration would cost more.
    Checkpoint,
}

/// One object of a list.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) path: StoragePath,
    pub(super) size_bytes: u64,
    pub(super) modified_at: Timestamp,
}

/// A part of a list.
#[derive(Debug)]
pub(super) struct ObjectPage {
    /// Those whose keys are paths.
    pub(super) objects: Vec<Listed>,
    /// Where to go on, if there may be more.
    pub(super) next: Option<String>,
}

/// How many objects a list has, and a deletion takes, at most.
pub(super) const AT_ONCE: usize = 1000;

impl Client {
    /// Writes an object in place of the one that is there, if any.
    pub(super) async fn put(
        &self,
        path: &StoragePath,
        body: Bytes,
        purpose: Purpose,
        extra: Option<(HeaderName, HeaderValue)>,
    ) -> Result<(), Failure> {
        let mut headers = self.object_headers(purpose);
        headers.extend(extra.map(|(name, value)| (Some(name), value)));
        let call = Call { operation: "write", method: Method::PUT, path: Some(path), headers, body, ..Call::default() };
        self.answer(&call).await.map(drop)
    }

    /// Writes an object unless there is one; `AlreadyExists` otherwise.
    pub(super) async fn put_new(&self, path: &StoragePath, body: Bytes) -> Result<(), Failure> {
        let condition = (header::IF_NONE_MATCH, HeaderValue::from_static("*"));
        self.put(path, body, Purpose::File, Some(condition)).await
    }

    /// Opens bytes `first..=last` of an object, of the version `etag` if one is named.
    pub(super) async fn get(
        &self,
        path: &StoragePath,
        first: u64,
        last: u64,
        etag: Option<&HeaderValue>,
    ) -> Result<Response<Incoming>, Failure> {
        let range = HeaderValue::try_from(format!("bytes={first}-{last}")).expect("digits make a header");
        let mut headers = HeaderMap::from_iter([(header::RANGE, range)]);
        headers.extend(etag.map(|etag| (Some(header::IF_MATCH), etag.clone())));
        self.open(&Call { operation: "read", path: Some(path), headers, ..Call::default() }).await
    }

    /// Returns the headers of an object, `None` if there is none.
    pub(super) async fn head(&self, path: &StoragePath) -> Result<Option<HeaderMap>, Failure> {
        let call = Call { operation: "look at", method: Method::HEAD, path: Some(path), ..Call::default() };
        match self.answer(&call).await {
            Ok(answer) => Ok(Some(answer.headers)),
            Err(failure) if failure.kind() == StoreErrorKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Returns the size of an object, `None` if there is none.
    pub(super) async fn size(&self, path: &StoragePath) -> DriverResult<Option<u64>> {
        let Some(headers) = self.head(path).await? else { return Ok(None) };
        let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let unknown = || DriverError::new(StoreErrorKind::Other, "look at", self.address.key(path), "it has no length");
        Ok(Some(length.ok_or_else(unknown)?))
    }

    /// Has an object copied, with neither the source's metadata nor its storage class. Atomic.
    pub(super) async fn copy(&self, source: &StoragePath, path: &StoragePath) -> Result<(), Failure> {
        let mut headers = self.object_headers(Purpose::File);
        headers.insert(&self.dialect.copy_source, self.copy_source(source));
        headers.insert(&self.dialect.metadata_directive, HeaderValue::from_static("REPLACE"));
        let path = Some(path);
        let call = Call { operation: "copy to", method: Method::PUT, path, headers, is_long: true, ..Call::default() };
        let answer = self.answer(&call).await?;
        // The status is sent before the copy is made.
        if is_error(&answer.body) { Err(self.refused(&call, &answer)) } else { Ok(()) }
    }

    /// Lists objects whose keys begin with those below a directory.
    pub(super) async fn list(
        &self,
        directory: &StoragePath,
        after: Option<&StoragePath>,
        next: Option<&str>,
        limit: usize,
    ) -> Result<ObjectPage, Failure> {
        let prefix = self.address.prefix(directory);
        let after = after.map(|after| self.address.key(after));
        let limit = limit.clamp(1, AT_ONCE).to_string();
        let mut query = vec![("list-type", "2"), ("max-keys", &limit), ("prefix", &prefix)];
        match next {
            Some(next) => query.push(("continuation-token", next)),
            None => query.extend(after.as_deref().map(|after| ("start-after", after))),
        }
        let call = Call { operation: "list", query: &query, ..Call::default() };
        let answer = self.answer(&call).await?;
        let page: ListObjects = xml::parse(&answer.body).map_err(|error| self.misunderstood(&call, error))?;
        let listed = page.contents.into_iter().filter_map(|object| {
            // Others may keep things in the bucket whose keys are no paths.
            let path = self.address.path(&object.key)?;
            Some(parse_time(&object.last_modified).map(|modified_at| Listed {
                path,
                size_bytes: object.size,
                modified_at,
            }))
        });
        let objects = listed.collect::<Option<_>>();
        Ok(ObjectPage {
            objects: objects.ok_or_else(|| self.misunderstood(&call, "an object has no time"))?,
            next: page.next_continuation_token.filter(|_| page.is_truncated),
        })
    }

    /// Removes an object. Succeeds if there is none.
    pub(super) async fn delete(&self, path: &StoragePath) -> Result<(), Failure> {
        let call = Call { operation: "delete", method: Method::DELETE, path: Some(path), ..Call::default() };
        match self.answer(&call).await {
            Err(failure) if failure.kind() != StoreErrorKind::NotFound => Err(failure),
            _ => Ok(()),
        }
    }

    /// Removes up to [`AT_ONCE`] objects.
    pub(super) async fn delete_all(&self, paths: &[StoragePath]) -> DriverResult<()> {
        match self.delete_each(paths).await?.into_values().next() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Removes up to [`AT_ONCE`] objects, and returns the errors of those that could not be, by their keys.
    pub(super) async fn delete_each(&self, paths: &[StoragePath]) -> Result<HashMap<String, DriverError>, Failure> {
        if paths.is_empty() {
            return Ok(HashMap::new());
        }
        let objects = paths.iter().map(|path| DeletedObject { key: self.address.key(path) }).collect();
        let body = Bytes::from(xml::write(&Delete { quiet: true, objects }));
        let checksum = HeaderValue::try_from(STANDARD.encode(Md5::digest(&body))).expect("base64 makes a header");
        let headers = HeaderMap::from_iter([
            (HeaderName::from_static("content-md5"), checksum),
            (header::CONTENT_TYPE, HeaderValue::from_static("application/xml")),
        ]);
        let query = &[("delete", "")];
        let call = Call { operation: "delete from", method: Method::POST, query, headers, body, ..Call::default() };
        let answer = self.answer(&call).await?;
        let deleted: Deleted = xml::parse(&answer.body).map_err(|error| self.misunderstood(&call, error))?;
        let failed = deleted.errors.into_iter().filter(|error| error.code != "NoSuchKey").map(|error| {
            let why = format!("the object store answered {} {}", error.code, error.message);
            (error.key.clone(), DriverError::new(StoreErrorKind::Unavailable, "delete", error.key, why))
        });
        Ok(failed.collect())
    }

    /// Returns what every new object is asked to be.
    pub(super) fn object_headers(&self, purpose: Purpose) -> HeaderMap {
        let text = |text: &str| HeaderValue::try_from(text).expect("the configuration was checked");
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        match &self.config.encryption {
            None => {}
            Some(S3Encryption::Store) => {
                headers.insert(&self.dialect.encryption, HeaderValue::from_static("AES256"));
            }
            Some(S3Encryption::Kms(key)) => {
                headers.insert(&self.dialect.encryption, HeaderValue::from_static("aws:kms"));
                if let Some(key) = key {
                    headers.insert(&self.dialect.encryption_key, text(key));
                }
            }
        }
        if let Some(acl) = &self.config.object_acl {
            headers.insert(&self.dialect.acl, text(acl));
        }
        if let Some(class) = self.config.storage_class.as_ref().filter(|_| purpose == Purpose::File) {
            headers.insert(&self.dialect.storage_class, text(class));
        }
        headers
    }

    /// Returns how a copy names its source.
    pub(super) fn copy_source(&self, path: &StoragePath) -> HeaderValue {
        HeaderValue::try_from(self.address.copy_source(path)).expect("all but unreserved characters are encoded")
    }
}

/// Tells whether a document with a status of success tells of an error.
pub(super) fn is_error(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).contains("<Error>")
}

/// Reads a time as S3 writes it.
pub(super) fn parse_time(text: &str) -> Option<Timestamp> {
    let nanos = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
    i64::try_from(nanos / 1000).ok().map(Timestamp::from_micros)
}
