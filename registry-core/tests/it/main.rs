//! registry-core from outside.

mod blob_store;
mod protocol_properties;
