//! Requests about whole blobs.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use registry_core::store::{StoreErrorKind, Timestamp};

use super::Azure;
use super::position::Position;
use super::xml::{self, ListBlobs};
use crate::driver::object::batch_deletion::{BatchDeletion, delete_in_batches};
use crate::driver::object::error::Failure;
use crate::driver::object::exchange::{Answer, Call};
use crate::driver::object::objects::{ListedObject, ObjectInfo, ObjectPage, ObjectRead, Objects, Purpose};
use crate::error::DriverError;
use crate::path::StoragePath;

/// How many blobs a list has at most.
pub(super) const AT_ONCE: usize = 1000;
/// How long the service may take to copy a blob.
const COPY_PATIENCE: Duration = Duration::from_secs(600);
/// How often it is asked whether it has.
const COPY_PAUSE: Duration = Duration::from_millis(500);

const BLOB_TYPE: HeaderName = HeaderName::from_static("x-ms-blob-type");
const BLOCK_BLOB: HeaderValue = HeaderValue::from_static("BlockBlob");
const COPY_SOURCE: HeaderName = HeaderName::from_static("x-ms-copy-source");
const COPY_STATUS: HeaderName = HeaderName::from_static("x-ms-copy-status");
/// The note of a blob.
pub(super) const NOTE: HeaderName = HeaderName::from_static("x-ms-meta-registry_note");
/// A copy has its source's metadata unless it gets some of its own.
const COPIED: HeaderName = HeaderName::from_static("x-ms-meta-registry_copy");

#[async_trait]
impl Objects for Azure {
    async fn put(&self, path: &StoragePath, body: Bytes, _: Purpose, note: Option<&str>) -> Result<(), Failure> {
        let note = note.map(|note| (NOTE, HeaderValue::try_from(note).expect("a note is a line of ASCII")));
        let call = Call { headers: block_blob(note), body, ..self.call("write", Method::PUT, path, &[]) };
        self.replace(path, &call).await.map(drop)
    }

    async fn put_new(&self, path: &StoragePath, body: Bytes) -> Result<(), Failure> {
        let condition = (header::IF_NONE_MATCH, HeaderValue::from_static("*"));
        let call = Call { headers: block_blob(Some(condition)), body, ..self.call("write", Method::PUT, path, &[]) };
        self.exchange.answer(&call).await.map(drop)
    }

    async fn get(
        &self,
        path: &StoragePath,
        first: u64,
        last: u64,
        version: Option<&str>,
    ) -> Result<ObjectRead, Failure> {
        let mut call = self.call("read", Method::GET, path, &[]);
        call.read_range(first, last, version)?;
        let response = self.exchange.open(&call).await?;
        ObjectRead::new(response, first).ok_or_else(|| call.misunderstood("it has another range"))
    }

    async fn redirect(&self, path: &StoragePath, lifetime: Duration) -> Result<Option<String>, Failure> {
        let signed = self.exchange.protocol().presign(path, lifetime).await;
        signed.map_err(|error| self.call("sign the address of", Method::GET, path, &[]).failed(error))
    }

    async fn head(&self, path: &StoragePath) -> Result<Option<ObjectInfo>, Failure> {
        let Some((call, headers)) = self.properties(path).await? else { return Ok(None) };
        // A copy that is not finished is nothing yet, and one that failed never will be.
        if headers.get(COPY_STATUS).is_some_and(|status| status != "success") {
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
        let limit = limit.clamp(1, AT_ONCE);
        let mut position = match (next, after) {
            (Some(next), _) => Position::parse(next),
            (None, Some(after)) => self.positions.find(directory, after),
            (None, None) => Position::default(),
        };
        loop {
            let (call, page) = self.page(&self.address().root.prefix(directory), &position, limit, "").await?;
            let mut objects = Vec::new();
            for blob in page.blobs.blobs {
                // Others may keep things in the container whose names are no paths.
                let Some(path) = self.address().root.path(&blob.name) else { continue };
                if position.is_past(&path) {
                    let modified_at = parse_time(&blob.properties.last_modified);
                    let modified_at = modified_at.ok_or_else(|| call.misunderstood("a blob has no time"))?;
                    objects.push(ListedObject { path, size_bytes: blob.properties.content_length, modified_at });
                }
            }
            let next = position.next(&mut objects, limit, page.next_marker);
            match next {
                Some(next) if objects.is_empty() => position = next,
                next => {
                    if let (Some(next), Some(last)) = (&next, objects.last()) {
                        self.positions.keep(directory, &last.path, next);
                    }
                    return Ok(ObjectPage { objects, next: next.map(|next| next.to_string()) });
                }
            }
        }
    }

    async fn copy(&self, source: &StoragePath, path: &StoragePath) -> Result<(), Failure> {
        let mut call = self.call("copy to", Method::PUT, path, &[]);
        call.headers.insert(COPY_SOURCE, self.copy_source(source));
        call.headers.insert(COPIED, HeaderValue::from_static("yes"));
        call.is_long = true;
        let answer = self.replace(path, &call).await?;
        let mut status = answer.headers.get(COPY_STATUS).cloned();
        // Within an account, copies are made at once as a rule.
        let copied = async {
            while status.as_ref().is_some_and(|status| status == "pending") {
                tokio::time::sleep(COPY_PAUSE).await;
                status = self.properties(path).await?.and_then(|(_, headers)| headers.get(COPY_STATUS).cloned());
            }
            match status {
                Some(status) if status == "success" => Ok(()),
                _ => Err(self.uncopied(&call, path, "the copy failed")),
            }
        };
        match tokio::time::timeout(COPY_PATIENCE, copied).await {
            Ok(copied) => copied,
            Err(_) => Err(self.uncopied(&call, path, "the copy takes too long")),
        }
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), Failure> {
        self.exchange.remove(&self.delete_call(path)).await
    }

    async fn delete_each(&self, paths: &[StoragePath]) -> Result<HashMap<StoragePath, DriverError>, Failure> {
        Ok(delete_in_batches(self, paths).await)
    }
}

impl Azure {
    /// Asks for a page of the blobs whose names begin with `prefix`.
    pub(super) async fn page(
        &self,
        prefix: &str,
        position: &Position,
        limit: usize,
        include: &str,
    ) -> Result<(Call, ListBlobs), Failure> {
        // What is skipped is skipped in large pages.
        let limit = if position.skips() { AT_ONCE } else { limit }.to_string();
        let mut query = vec![("comp", "list"), ("maxresults", &limit), ("prefix", prefix), ("restype", "container")];
        let optional = [("include", include), ("marker", position.marker())];
        query.extend(optional.into_iter().filter(|(_, value)| !value.is_empty()));
        let uri = self.address().uri(None, &query);
        let call = Call { operation: "list", subject: self.address().container().to_owned(), uri, ..Call::default() };
        let answer = self.exchange.answer(&call).await?;
        let page = xml::parse(&answer.body).map_err(|error| call.misunderstood(error))?;
        Ok((call, page))
    }

    /// Returns the headers of a blob, `None` if there is none, and the call that they answer.
    async fn properties(&self, path: &StoragePath) -> Result<Option<(Call, HeaderMap)>, Failure> {
        let call = self.call("look at", Method::HEAD, path, &[]);
        Ok(self.exchange.find(&call).await?.map(|answer| (call, answer.headers)))
    }

    /// Asks to put something in place of a blob. distribution has written append blobs, in place of which nothing else can be
    /// put: such a one is deleted first.
    async fn replace(&self, path: &StoragePath, call: &Call) -> Result<Answer, Failure> {
        match self.exchange.answer(call).await {
            Err(failure) if failure.kind() == StoreErrorKind::Conflict => {
                let there = self.properties(path).await?;
                let is_other =
                    |(_, headers): (Call, HeaderMap)| headers.get(BLOB_TYPE).is_some_and(|is| is != BLOCK_BLOB);
                if !there.is_some_and(is_other) {
                    return Err(failure);
                }
                self.delete(path).await?;
                self.exchange.answer(call).await
            }
            answered => answered,
        }
    }

    /// Returns how a copy names its source.
    fn copy_source(&self, source: &StoragePath) -> HeaderValue {
        let address = self.address().uri(Some(source), &[]);
        let protocol = self.exchange.protocol();
        let text = protocol.sas().map_or_else(|| address.to_string(), |sas| format!("{address}?{sas}"));
        let mut header = HeaderValue::try_from(text).expect("an address and a query make a header");
        header.set_sensitive(true);
        header
    }

    fn uncopied(&self, call: &Call, path: &StoragePath, why: &str) -> Failure {
        DriverError::new(StoreErrorKind::Unavailable, call.operation, self.address().root.key(path), why).into()
    }
}

/// Returns what makes a request one for a block blob.
fn block_blob(more: Option<(HeaderName, HeaderValue)>) -> HeaderMap {
    let octets = (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    [(BLOB_TYPE, BLOCK_BLOB), octets].into_iter().chain(more).collect()
}

/// Reads a time as the service writes it.
pub(super) fn parse_time(text: &str) -> Option<Timestamp> {
    let time = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(time.as_micros()).ok().map(Timestamp::from_micros)
}
