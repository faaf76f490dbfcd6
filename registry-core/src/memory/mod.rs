//! Both ports kept in memory: for tests, and for a registry that need not outlive its process.

mod blob_store;
mod inventory;
mod metadata_store;

pub use blob_store::MemoryBlobStore;
pub use metadata_store::MemoryMetadataStore;
