//! Requests about whole objects.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use registry_core::store::Timestamp;
use serde::Deserialize;
use time::PrimitiveDateTime;
use time::format_description::well_known::Iso8601;

use super::address::uri;
use super::{AT_ONCE, REQUESTS_AT_ONCE, Swift, checksum};
use crate::driver::object::address::encoded_path;
use crate::driver::object::error::Failure;
use crate::driver::object::exchange::Call;
use crate::driver::object::objects::{ListedObject, ObjectInfo, ObjectPage, ObjectRead, Objects, Purpose};
use crate::path::StoragePath;

/// What a copy names its source in.
const COPY_FROM: HeaderName = HeaderName::from_static("x-copy-from");
/// What says that a copy gets none of its source's metadata.
const FRESH_METADATA: HeaderName = HeaderName::from_static("x-fresh-metadata");
/// The note of an object.
const NOTE: HeaderName = HeaderName::from_static("x-object-meta-registry-upload");

/// One object of a list, as Swift tells of it.
#[derive(Deserialize)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) hash: String,
    last_modified: String,
}

#[async_trait]
impl Objects for Swift {
    async fn put(&self, path: &StoragePath, body: Bytes, purpose: Purpose, note: Option<&str>) -> Result<(), Failure> {
        let replaced = match purpose {
            Purpose::File => self.segments_at(path).await?,
            Purpose::Checkpoint => Vec::new(),
        };
        let mut call = self.call("write", Method::PUT, Some(&self.address.key(path)), &[]);
        if let Some(note) = note {
            let note = HeaderValue::try_from(note).map_err(|error| call.misunderstood(error))?;
            call.headers.insert(NOTE, note);
        }
        call.headers.insert(header::ETAG, checksum(&body).await);
        call.body = body;
        self.write(call).await?;
        self.remove_segments(replaced).await
    }

    async fn put_new(&self, path: &StoragePath, body: Bytes) -> Result<(), Failure> {
        self.write_new(path, body).await
    }

    async fn get(
        &self,
        path: &StoragePath,
        first: u64,
        last: u64,
        version: Option<&str>,
    ) -> Result<ObjectRead, Failure> {
        let mut call = self.call("read", Method::GET, Some(&self.address.key(path)), &[]);
        call.read_range(first, last, version)?;
        let response = self.exchange.open(&call).await?;
        ObjectRead::new(response, first).ok_or_else(|| call.misunderstood("it has another range"))
    }

    async fn redirect(&self, path: &StoragePath, lifetime: Duration) -> Result<Option<String>, Failure> {
        self.temp_url(path, lifetime).await
    }

    async fn head(&self, path: &StoragePath) -> Result<Option<ObjectInfo>, Failure> {
        let Some(headers) = self.look(path).await? else { return Ok(None) };
        let text = |name| headers.get(name)?.to_str().ok();
        let size_bytes = length(&headers).ok_or_else(|| {
            self.call("look at", Method::HEAD, Some(&self.address.key(path)), &[]).misunderstood("it has no length")
        })?;
        Ok(Some(ObjectInfo { size_bytes, note: text(NOTE).map(ToOwned::to_owned) }))
    }

    async fn list(
        &self,
        directory: &StoragePath,
        after: Option<&StoragePath>,
        next: Option<&str>,
        limit: usize,
    ) -> Result<ObjectPage, Failure> {
        let after = after.map(|after| self.address.key(after));
        let marker = next.or(after.as_deref());
        let (entries, next) =
            self.entries(self.address.container(), &self.address.prefix(directory), marker, limit).await?;
        // Others may keep things in the container whose names are no paths.
        let paths = entries.into_iter().filter_map(|entry| Some((self.address.path(&entry.name)?, entry)));
        let listed: Vec<_> = paths.map(|(path, entry)| self.listed(path, entry)).collect();
        let objects = futures::stream::iter(listed).buffered(REQUESTS_AT_ONCE).try_collect::<Vec<_>>().await?;
        Ok(ObjectPage { objects: objects.into_iter().flatten().collect(), next })
    }

    async fn copy(&self, source: &StoragePath, path: &StoragePath) -> Result<(), Failure> {
        let replaced = self.segments_at(path).await?;
        let call = self.call("copy to", Method::PUT, Some(&self.address.key(path)), &[]);
        self.write(self.copying(call, source)).await?;
        self.remove_segments(replaced).await
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), Failure> {
        self.remove_whole(path).await
    }
}

impl Swift {
    /// Returns up to `limit` objects of a container whose names begin with `prefix`, and where to go on if there are more.
    pub(super) async fn entries(
        &self,
        container: &str,
        prefix: &str,
        marker: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Entry>, Option<String>), Failure> {
        let limit = limit.clamp(1, AT_ONCE);
        // One more tells whether there are more.
        let asked = (limit + 1).to_string();
        let mut query = vec![("format", "json"), ("limit", &asked), ("prefix", prefix)];
        query.extend(marker.map(|marker| ("marker", marker)));
        let mut call = self.call("list", Method::GET, None, &[]);
        call.uri = uri(&format!("/{container}"), &query);
        let answer = self.exchange.answer(&call).await?;
        if answer.body.is_empty() {
            return Ok((Vec::new(), None));
        }
        let mut entries: Vec<Entry> =
            serde_json::from_slice(&answer.body).map_err(|error| call.misunderstood(error))?;
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| more).map(|last| last.name.clone());
        Ok((entries, next))
    }

    /// Tells of one object of a list; `None` if it is gone meanwhile.
    async fn listed(&self, path: StoragePath, entry: Entry) -> Result<Option<ListedObject>, Failure> {
        let mut size_bytes = entry.bytes;
        if size_bytes == 0 {
            // Lists do not know how long objects are that distribution has put together.
            match self.look(&path).await? {
                Some(headers) => size_bytes = length(&headers).unwrap_or_default(),
                None => return Ok(None),
            }
        }
        let modified_at = parse_time(&entry.last_modified).ok_or_else(|| {
            self.call("list", Method::GET, Some(&entry.name), &[]).misunderstood("the object has no time")
        })?;
        Ok(Some(ListedObject { path, size_bytes, modified_at }))
    }

    /// Makes a copy of a request to write an object.
    pub(super) fn copying(&self, mut call: Call, source: &StoragePath) -> Call {
        let source = encoded_path(&self.address.name(&self.address.key(source))).to_string();
        call.headers
            .insert(COPY_FROM, HeaderValue::try_from(source).expect("all but unreserved characters are encoded"));
        call.headers.insert(FRESH_METADATA, HeaderValue::from_static("true"));
        call.is_long = true;
        call
    }
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads a time as lists have it: UTC, without saying so.
fn parse_time(text: &str) -> Option<Timestamp> {
    let time = PrimitiveDateTime::parse(text.trim_end_matches('Z'), &Iso8601::DATE_TIME).ok()?;
    i64::try_from(time.assume_utc().unix_timestamp_nanos() / 1000).ok().map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc() {
        for text in ["2026-01-02T03:04:05.678900", "2026-01-02T03:04:05.678900Z"] {
            assert_eq!(parse_time(text), Some(Timestamp::from_micros(1_767_323_045_678_900)), "{text}");
        }
        for text in ["", "yesterday", "2026-01-02"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
