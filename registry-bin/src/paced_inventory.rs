//! Files that are read no faster than an operator wants, so that whoever pulls at the same time has the disk.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use registry_core::store::inventory::{BlobInventory, StoredFile};
use registry_core::store::metadata::Page;
use registry_core::store::{BlobLocation, ByteStream, StoreResult};
use tokio::time::{Instant, sleep_until};

/// An inventory around another, all of whose reads together have a pace.
#[derive(Debug)]
pub(crate) struct PacedInventory {
    inner: Arc<dyn BlobInventory>,
    pace: Arc<Pace>,
}

#[derive(Debug)]
struct Pace {
    bytes_per_second: u64,
    /// When the next piece may be given.
    next: Mutex<Instant>,
}

impl PacedInventory {
    /// Has `inner` read up to `bytes_per_second`, which is above 0.
    pub(crate) fn new(inner: Arc<dyn BlobInventory>, bytes_per_second: u64) -> Self {
        Self { inner, pace: Arc::new(Pace { bytes_per_second, next: Mutex::new(Instant::now()) }) }
    }
}

impl Pace {
    /// Waits until `bytes` more may have been read.
    async fn pass(&self, bytes: u64) {
        let until = self.reserve(bytes, Instant::now());
        sleep_until(until).await;
    }

    /// Returns when `bytes` more may have been read.
    fn reserve(&self, bytes: u64, now: Instant) -> Instant {
        let takes = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64);
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        // Time in which nothing was read is not made up for.
        *next = (*next).max(now) + takes;
        *next
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl BlobInventory for PacedInventory {
    async fn stored_files(&self, after: Option<&BlobLocation>, limit: usize) -> StoreResult<Page<StoredFile>> {
        self.inner.stored_files(after, limit).await
    }

    async fn stored_size(&self, location: &BlobLocation) -> StoreResult<Option<u64>> {
        self.inner.stored_size(location).await
    }

    async fn read_stored(&self, location: &BlobLocation, size_bytes: u64) -> StoreResult<ByteStream> {
        let pieces = self.inner.read_stored(location, size_bytes).await?;
        let pace = Arc::clone(&self.pace);
        let paced = pieces.then(move |piece| {
            let pace = Arc::clone(&pace);
            async move {
                pace.pass(piece.as_ref().map_or(0, |piece| piece.len() as u64)).await;
                piece
            }
        });
        Ok(paced.boxed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_reads_together_have_the_pace() {
        let began = Instant::now();
        let pace = Pace { bytes_per_second: 1000, next: Mutex::new(began) };
        let after = |millis| began + Duration::from_millis(millis);
        for (bytes, now, expected) in [(500, 0, 500), (500, 0, 1000), (0, 0, 1000), (250, 400, 1250), (100, 9000, 9100)]
        {
            assert_eq!(pace.reserve(bytes, after(now)), after(expected), "{bytes} at {now}");
        }
    }
}
