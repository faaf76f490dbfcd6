//! Reading an object: a stream that goes on where a connection was cut.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use registry_core::store::StoreErrorKind;

use super::client::Client;
use crate::driver::DriverStream;
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

/// How long the next bytes may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a cut connection is replaced without a byte in between.
const RESUMES: u32 = 4;

/// Opens a range of an object; the end is exclusive.
///
/// # Errors
/// `NotFound` if there is no such object; `Corrupt` if it is shorter than the range asks.
pub(super) async fn open(client: &Arc<Client>, path: &StoragePath, range: Range<u64>) -> DriverResult<DriverStream> {
    // An empty range cannot be asked for, and one that no object can have is understood by nobody.
    if range.is_empty() || range.end > i64::MAX as u64 {
        let missing =
            || DriverError::new(StoreErrorKind::NotFound, "read", client.address.key(path), "it is not there");
        let size_bytes = client.size(path).await?.ok_or_else(missing)?;
        if range.start > range.end || range.end > size_bytes {
            let expected = range.start.max(range.end);
            return Err(DriverError::too_short("read", client.address.key(path), size_bytes, expected));
        }
        return Ok(futures::stream::empty().boxed());
    }
    let response = client.get(path, range.start, range.end - 1, None).await?;
    check(client, path, &range, &response)?;
    let etag = response.headers().get(header::ETAG).cloned();
    let reader = Reader { client: Arc::clone(client), path: path.clone(), range, etag, resumes: RESUMES };
    let body = Some(response.into_body());
    Ok(futures::stream::try_unfold((reader, body), |(mut reader, mut body)| async move {
        Ok(reader.next(&mut body).await?.map(|piece| (piece, (reader, body))))
    })
    .boxed())
}

/// Makes sure that an answer has the bytes that were asked for.
fn check(client: &Client, path: &StoragePath, range: &Range<u64>, response: &Response<Incoming>) -> DriverResult<()> {
    let text = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let size = match response.status() {
        StatusCode::PARTIAL_CONTENT => {
            let begins = format!("bytes {}-", range.start);
            text(header::CONTENT_RANGE).and_then(|text| text.strip_prefix(&begins)?.split_once('/')?.1.parse().ok())
        }
        // A range that is the whole may be answered as such.
        _ if range.start == 0 => text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        _ => None,
    };
    let key = || client.address.key(path);
    match size {
        Some(size_bytes) if size_bytes >= range.end => Ok(()),
        Some(size_bytes) => Err(DriverError::too_short("read", key(), size_bytes, range.end)),
        None => {
            Err(DriverError::new(StoreErrorKind::Other, "read", key(), "the object store answered with another range"))
        }
    }
}

struct Reader {
    client: Arc<Client>,
    path: StoragePath,
    /// What is still to come.
    range: Range<u64>,
    etag: Option<HeaderValue>,
    resumes: u32,
}

impl Reader {
    async fn next(&mut self, body: &mut Option<Incoming>) -> DriverResult<Option<Bytes>> {
        while !self.range.is_empty() {
            let Some(open) = body else {
                let (first, last) = (self.range.start, self.range.end - 1);
                let response = self.client.get(&self.path, first, last, self.etag.as_ref()).await?;
                check(&self.client, &self.path, &self.range, &response)?;
                *body = Some(response.into_body());
                continue;
            };
            let why: Box<dyn std::error::Error + Send + Sync> = match tokio::time::timeout(PATIENCE, open.frame()).await
            {
                Ok(Some(Ok(frame))) => {
                    let Ok(mut data) = frame.into_data() else { continue };
                    data.truncate(usize::try_from(self.range.end - self.range.start).unwrap_or(usize::MAX));
                    if data.is_empty() {
                        continue;
                    }
                    self.range.start += data.len() as u64;
                    self.resumes = RESUMES;
                    return Ok(Some(data));
                }
                Ok(Some(Err(error))) => error.into(),
                Ok(None) => "the answer ended early".into(),
                Err(elapsed) => elapsed.into(),
            };
            *body = None;
            let key = || self.client.address.key(&self.path);
            let fewer = self.resumes.checked_sub(1);
            self.resumes = fewer.ok_or_else(|| DriverError::new(StoreErrorKind::Unavailable, "read", key(), why))?;
        }
        Ok(None)
    }
}
