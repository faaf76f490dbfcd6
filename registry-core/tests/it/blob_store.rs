//! The blob store suite on the store in memory.

use std::sync::Arc;

use registry_core::memory::MemoryBlobStore;
use registry_core::store::BlobStore;
use registry_core::testing::blob_store_suite::BlobStoreSubject;

struct InMemory(MemoryBlobStore);

#[async_trait::async_trait]
impl BlobStoreSubject for InMemory {
    async fn open(&self) -> Arc<dyn BlobStore> {
        Arc::new(self.0.clone())
    }

    async fn contents(&self) -> Option<Vec<String>> {
        Some(self.0.contents())
    }
}

async fn in_memory() -> InMemory {
    InMemory(MemoryBlobStore::default())
}

async fn displacing() -> InMemory {
    InMemory(MemoryBlobStore::displacing())
}

registry_core::blob_store_suite! { memory => in_memory, displacing => displacing }
