use std::ops::Bound;

use async_trait::async_trait;

use super::{Blob, MemoryMetadataStore};
use crate::protocol::digest::Digest;
use crate::store::StoreResult;
use crate::store::inventory::{BlobRecordStore, RecordedBlob};

#[async_trait]
impl BlobRecordStore for MemoryMetadataStore {
    async fn recorded_blobs(&self, after: Option<&Digest>, limit: usize) -> StoreResult<Vec<RecordedBlob>> {
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        let tables = self.tables();
        Ok(tables.blobs.range((first, Bound::Unbounded)).take(limit).map(record).collect())
    }

    async fn recorded_blob(&self, digest: &Digest) -> StoreResult<Option<RecordedBlob>> {
        Ok(self.tables().blobs.get_key_value(digest).map(record))
    }
}

fn record((digest, blob): (&Digest, &Blob)) -> RecordedBlob {
    RecordedBlob { digest: *digest, size_bytes: blob.size_bytes, location: blob.location.clone(), is_served: true }
}
