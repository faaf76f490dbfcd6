//! registry-core from outside.

mod blob_store;
