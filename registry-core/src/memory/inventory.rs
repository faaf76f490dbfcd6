//! What is in a blob store in memory.

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};

use super::MemoryBlobStore;
use crate::store::inventory::{BlobInventory, StoredFile};
use crate::store::metadata::Page;
use crate::store::{BlobLocation, BlobRead, BlobStore, ByteStream, StoreError, StoreErrorKind, StoreResult};

/// How much is read at a time.
const PIECE_BYTES: usize = 1024 * 1024;

/// Bytes that are not in the place of a blob are files without a digest.
#[async_trait]
impl BlobInventory for MemoryBlobStore {
    async fn stored_files(&self, after: Option<&BlobLocation>, limit: usize) -> StoreResult<Page<StoredFile>> {
        let mut items: Vec<_> = self
            .sizes()
            .into_iter()
            .filter(|(location, _)| after.is_none_or(|after| location > after))
            .map(|(location, size_bytes)| StoredFile { digest: location.as_str().parse().ok(), location, size_bytes })
            .collect();
        items.sort_by(|one, other| one.location.cmp(&other.location));
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Page { items, more })
    }

    async fn stored_size(&self, location: &BlobLocation) -> StoreResult<Option<u64>> {
        Ok(self.sizes().into_iter().find(|(found, _)| found == location).map(|(_, size_bytes)| size_bytes))
    }

    async fn read_stored(&self, location: &BlobLocation, size_bytes: u64) -> StoreResult<ByteStream> {
        match self.read(location, 0..size_bytes).await? {
            BlobRead::Stream(content) => {
                let pieces = content.map_ok(|mut content| {
                    let mut pieces = Vec::new();
                    while !content.is_empty() {
                        pieces.push(Ok(content.split_to(content.len().min(PIECE_BYTES))));
                    }
                    futures::stream::iter(pieces)
                });
                Ok(pieces.try_flatten().boxed())
            }
            BlobRead::File { .. } => Err(StoreError::new(StoreErrorKind::Unsupported, "memory has no files")),
        }
    }
}
