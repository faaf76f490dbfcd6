//! The in-memory metadata store against the suite.

use std::sync::Arc;

use registry_core::memory::MemoryMetadataStore;
use registry_core::metadata_store_suite;

metadata_store_suite! { memory => in_memory }

async fn in_memory() -> (Arc<MemoryMetadataStore>, ()) {
    (Arc::new(MemoryMetadataStore::new()), ())
}
