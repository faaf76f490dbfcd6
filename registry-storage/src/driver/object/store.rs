//! A store, and what uploads to it share.

use std::sync::Arc;
use std::time::Duration;

use registry_core::store::StoreErrorKind;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::backend::Backend;
use super::config::TransferConfig;
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

/// What one permit for memory stands for.
const ROOM_BYTES: u64 = 64 * 1024;
/// How long an upload may wait for memory.
const ROOM_PATIENCE: Duration = Duration::from_secs(60);

/// A store, and what uploads to it share. What it does with uploads is in [`uploads`](super::uploads).
#[derive(Debug)]
pub(super) struct Store {
    pub(super) backend: Arc<dyn Backend>,
    /// How large the parts of new uploads are.
    pub(super) part_bytes: u64,
    /// How many parts of one object are copied at the same time.
    pub(super) copies_at_once: usize,
    /// Room for parts in memory, in pieces of [`ROOM_BYTES`].
    room: Arc<Semaphore>,
    rooms: u32,
}

impl Store {
    pub(super) fn new(backend: Arc<dyn Backend>, config: &TransferConfig) -> Self {
        let sizes = backend.limits().part_bytes;
        let part_bytes = config.part_bytes.clamp(*sizes.start(), *sizes.end());
        let rooms = config.upload_memory_bytes.max(part_bytes.saturating_mul(2)).div_ceil(ROOM_BYTES);
        let rooms = u32::try_from(rooms).unwrap_or(u32::MAX).min(Semaphore::MAX_PERMITS as u32);
        let room = Arc::new(Semaphore::new(rooms as usize));
        Self { backend, part_bytes, copies_at_once: config.copies_at_once.max(1), room, rooms }
    }

    /// Waits until there is room for a part in memory.
    pub(super) async fn room(&self, part_bytes: u64) -> DriverResult<OwnedSemaphorePermit> {
        let permits = u32::try_from(part_bytes.div_ceil(ROOM_BYTES)).unwrap_or(u32::MAX).min(self.rooms);
        let full = || {
            let name = self.backend.name();
            let why = format!(
                "too many uploads at once hold all the memory there is for them; see `storage.{name}.uploadmemory`"
            );
            DriverError::new(StoreErrorKind::Unavailable, "make room for", "a part of an upload", why)
        };
        let waited = tokio::time::timeout(ROOM_PATIENCE, Arc::clone(&self.room).acquire_many_owned(permits)).await;
        waited.map_err(|_| full())?.map_err(|_| full())
    }

    /// Returns the size of an object, `None` if there is none.
    pub(super) async fn size(&self, path: &StoragePath) -> DriverResult<Option<u64>> {
        Ok(self.backend.head(path).await?.map(|object| object.size_bytes))
    }

    /// Removes objects, at most as many as are [removed at once](super::backend::Limits::at_once).
    pub(super) async fn delete_objects(&self, paths: &[StoragePath]) -> DriverResult<()> {
        match paths {
            [] => Ok(()),
            [only] => Ok(self.backend.delete(only).await?),
            several => self.backend.delete_each(several).await?.into_values().next().map_or(Ok(()), Err),
        }
    }
}
