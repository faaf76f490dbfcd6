//! What all object stores are told alike.

/// How bytes go to an object store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferConfig {
    /// How large the parts of new uploads are. What is less than the store's least size counts as that, and what is more
    /// than its greatest as that.
    pub part_bytes: u64,
    /// How many bytes all uploads together hold in memory. Less than two parts count as that.
    pub upload_memory_bytes: u64,
    /// How many parts of one object the store is asked to copy at the same time; 0 counts as 1.
    pub copies_at_once: usize,
}

impl Default for TransferConfig {
    fn default() -> Self {
        Self { part_bytes: 10 * 1024 * 1024, upload_memory_bytes: 256 * 1024 * 1024, copies_at_once: 16 }
    }
}
