//! A vendor's requests about whole objects.

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, HeaderName, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use registry_core::store::{StoreErrorKind, Timestamp};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::error::Failure;
use super::exchange::Call;
use crate::error::DriverError;
use crate::path::StoragePath;

/// How many deletions of one object each are under way at a time.
const DELETIONS_AT_ONCE: usize = 16;
/// How often something that is read as a whole is read anew because a connection was cut.
const READS: usize = 3;
/// How long that may take each time.
const READ_PATIENCE: Duration = Duration::from_secs(120);

/// Requests about whole objects.
#[async_trait]
pub(crate) trait Objects {
    /// Writes an object in place of the one that is there, if any. Atomic. `note` is a line of ASCII without spaces at its
    /// ends and of a few hundred bytes at most, which [`head`](Self::head) returns.
    async fn put(&self, path: &StoragePath, body: Bytes, purpose: Purpose, note: Option<&str>) -> Result<(), Failure>;

    /// Writes an object unless there is one. Atomic: of several callers at once one writes.
    ///
    /// # Errors
    /// `AlreadyExists` if there is one, which may be what an earlier attempt of this call has written if the failure
    /// [is ambiguous](Failure::is_ambiguous).
    async fn put_new(&self, path: &StoragePath, body: Bytes) -> Result<(), Failure>;

    /// Opens bytes `first..=last` of an object, of the version if one is named, and of no other one then. If the object
    /// ends before `last`, what there is.
    ///
    /// # Errors
    /// `NotFound` if there is none; `Corrupt` if it has no byte `first`.
    async fn get(
        &self,
        path: &StoragePath,
        first: u64,
        last: u64,
        version: Option<&str>,
    ) -> Result<ObjectRead, Failure>;

    /// Returns an address by which somebody without credentials can `GET` an object, or a range of it, for `lifetime`: a URL
    /// in ASCII. `None` if the store has no such addresses, or there are no credentials that can sign one. Whether the
    /// object is there is not asked.
    async fn redirect(&self, _: &StoragePath, _: Duration) -> Result<Option<String>, Failure> {
        Ok(None)
    }

    /// Looks at an object; `None` if there is none. The parts of an unfinished upload at the path are none.
    async fn head(&self, path: &StoragePath) -> Result<Option<ObjectInfo>, Failure>;

    /// Lists objects below a directory at any depth, in byte order of their paths, all greater than `after`, or going on
    /// where a page before ended. A page may have fewer than `limit` although there are more. Objects whose names are no
    /// paths are left out.
    async fn list(
        &self,
        directory: &StoragePath,
        after: Option<&StoragePath>,
        next: Option<&str>,
        limit: usize,
    ) -> Result<ObjectPage, Failure>;

    /// Has an object of up to [`max_copy_bytes`](super::backend::Limits::max_copy_bytes) copied, with its note or without.
    /// Atomic; neither changes with the other.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    async fn copy(&self, source: &StoragePath, path: &StoragePath) -> Result<(), Failure>;

    /// Reads bytes `first..=last` of an object, or all of it, into memory: for what the store cannot copy by itself.
    ///
    /// # Errors
    /// `NotFound` if there is none; `Corrupt` if it ends before `last`.
    async fn get_whole(&self, path: &StoragePath, range: Option<(u64, u64)>) -> Result<Bytes, Failure> {
        let failed = |kind, why: Box<dyn Error + Send + Sync>| Failure::from(DriverError::new(kind, "read", path, why));
        let missing = || failed(StoreErrorKind::NotFound, "it is not there".into());
        let (first, last) = match range {
            Some(range) => range,
            None => (0, self.head(path).await?.ok_or_else(missing)?.size_bytes.saturating_sub(1)),
        };
        let wanted = usize::try_from(last - first + 1).unwrap_or(usize::MAX);
        let mut attempts = 1..=READS;
        loop {
            let open = self.get(path, first, last, None).await?;
            let cut: Box<dyn Error + Send + Sync> =
                match tokio::time::timeout(READ_PATIENCE, Limited::new(open.body, wanted).collect()).await {
                    Ok(Ok(body)) => {
                        let body = body.to_bytes();
                        let short =
                            || failed(StoreErrorKind::Corrupt, format!("it ends after {} bytes", body.len()).into());
                        return if body.len() == wanted { Ok(body) } else { Err(short()) };
                    }
                    Ok(Err(cut)) => cut,
                    Err(elapsed) => elapsed.into(),
                };
            attempts.next();
            if attempts.is_empty() {
                return Err(failed(StoreErrorKind::Unavailable, cut));
            }
        }
    }

    /// Removes an object. Succeeds if there is none.
    async fn delete(&self, path: &StoragePath) -> Result<(), Failure>;

    /// Removes up to [`at_once`](super::backend::Limits::at_once) objects, and returns the errors of those that could not be.
    async fn delete_each(&self, paths: &[StoragePath]) -> Result<HashMap<StoragePath, DriverError>, Failure> {
        Ok(delete_singly(self, paths.iter().collect()).await)
    }
}

/// Removes objects by a request each, and returns the errors of those that could not be.
pub(crate) async fn delete_singly<O: Objects + Sync + ?Sized>(
    objects: &O,
    paths: Vec<&StoragePath>,
) -> HashMap<StoragePath, DriverError> {
    let deletions = paths.into_iter().map(|path| async move { (path, objects.delete(path).await) });
    let deletions: Vec<_> = deletions.collect();
    let outcomes: Vec<_> = futures::stream::iter(deletions).buffer_unordered(DELETIONS_AT_ONCE).collect().await;
    let failed = |(path, outcome): (&StoragePath, Result<(), Failure>)| Some((path.clone(), outcome.err()?.into()));
    outcomes.into_iter().filter_map(failed).collect()
}

/// What an object is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It stays.
    File,
    /// It is removed soon, so that a storage class with a least duration would cost more.
    Checkpoint,
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectInfo {
    /// How long it is.
    pub(crate) size_bytes: u64,
    /// What it was [put](Objects::put) with.
    pub(crate) note: Option<String>,
}

impl ObjectInfo {
    /// Reads the answer to a request for an object's headers, of which `note` has its note.
    ///
    /// # Errors
    /// The answer has no length.
    pub(crate) fn new(call: &Call, headers: &HeaderMap, note: &HeaderName) -> Result<Self, Failure> {
        let text = |name: &HeaderName| headers.get(name)?.to_str().ok();
        let size_bytes = text(&header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
        let size_bytes = size_bytes.ok_or_else(|| call.misunderstood("it has no length"))?;
        Ok(Self { size_bytes, note: text(note).map(ToOwned::to_owned) })
    }
}

/// An open object.
#[derive(Debug)]
pub(crate) struct ObjectRead {
    /// How long the whole object is.
    pub(crate) size_bytes: u64,
    /// What tells this content from any other that the object had or gets.
    pub(crate) version: Option<String>,
    /// The asked-for bytes.
    pub(crate) body: Incoming,
}

impl ObjectRead {
    /// Reads an answer to a request with a `Range`; the version is its `ETag`. `None` if the answer does not begin at
    /// `first`.
    pub(crate) fn new(response: Response<Incoming>, first: u64) -> Option<Self> {
        let text = |name| response.headers().get(name)?.to_str().ok();
        let size_bytes = match response.status() {
            StatusCode::PARTIAL_CONTENT => {
                let begins = format!("bytes {first}-");
                text(header::CONTENT_RANGE)?.strip_prefix(&begins)?.split_once('/')?.1.parse().ok()?
            }
            // A range that is the whole may be answered as such.
            _ if first == 0 => text(header::CONTENT_LENGTH)?.parse().ok()?,
            _ => return None,
        };
        let version = text(header::ETAG).map(ToOwned::to_owned);
        Some(Self { size_bytes, version, body: response.into_body() })
    }
}

/// One object of a list.
#[derive(Debug)]
pub(crate) struct ListedObject {
    pub(crate) path: StoragePath,
    pub(crate) size_bytes: u64,
    /// When it was written last.
    pub(crate) modified_at: Timestamp,
}

/// A part of a list of objects.
#[derive(Debug)]
pub(crate) struct ObjectPage {
    pub(crate) objects: Vec<ListedObject>,
    /// Where to go on, if there may be more.
    pub(crate) next: Option<String>,
}

/// Reads a time as stores write it (RFC 3339).
pub(crate) fn parse_time(text: &str) -> Option<Timestamp> {
    let nanos = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
    i64::try_from(nanos / 1000).ok().map(Timestamp::from_micros)
}
