//! What every implementation of a port is tested with. Not part of the stable interface.

pub mod blob_store_suite;
pub mod flaky;
pub mod metadata_store_suite;
