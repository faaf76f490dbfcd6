//! Reading an object: a stream that goes on where a connection was cut.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use registry_core::store::StoreErrorKind;

use super::backend::Backend;
use super::objects::ObjectRead;
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
pub(super) async fn open(
    backend: &Arc<dyn Backend>,
    path: &StoragePath,
    range: Range<u64>,
) -> DriverResult<DriverStream> {
    // An empty range cannot be asked for, and one that no object can have is understood by nobody.
    if range.is_empty() || range.end > i64::MAX as u64 {
        let missing = || DriverError::new(StoreErrorKind::NotFound, "read", backend.key(path), "it is not there");
        let size_bytes = backend.head(path).await?.ok_or_else(missing)?.size_bytes;
        if range.start > range.end || range.end > size_bytes {
            let expected = range.start.max(range.end);
            return Err(DriverError::too_short("read", backend.key(path), size_bytes, expected));
        }
        return Ok(futures::stream::empty().boxed());
    }
    let mut reader =
        Reader { backend: Arc::clone(backend), path: path.clone(), range, version: None, resumes: RESUMES };
    let object = reader.open().await?;
    reader.version = object.version;
    let body = Some(object.body);
    Ok(futures::stream::try_unfold((reader, body), |(mut reader, mut body)| async move {
        Ok(reader.next(&mut body).await?.map(|piece| (piece, (reader, body))))
    })
    .boxed())
}

struct Reader {
    backend: Arc<dyn Backend>,
    path: StoragePath,
    /// What is still to come.
    range: Range<u64>,
    version: Option<String>,
    resumes: u32,
}

impl Reader {
    /// Asks for what is still to come, and makes sure that all of it can.
    async fn open(&self) -> DriverResult<ObjectRead> {
        let (first, last) = (self.range.start, self.range.end - 1);
        let object = self.backend.get(&self.path, first, last, self.version.as_deref()).await?;
        if object.size_bytes >= self.range.end {
            return Ok(object);
        }
        Err(DriverError::too_short("read", self.backend.key(&self.path), object.size_bytes, self.range.end))
    }

    async fn next(&mut self, body: &mut Option<Incoming>) -> DriverResult<Option<Bytes>> {
        while !self.range.is_empty() {
            let Some(open) = body else {
                *body = Some(self.open().await?.body);
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
            let key = || self.backend.key(&self.path);
            let fewer = self.resumes.checked_sub(1);
            self.resumes = fewer.ok_or_else(|| DriverError::new(StoreErrorKind::Unavailable, "read", key(), why))?;
        }
        Ok(None)
    }
}
