//! registry-db from outside.

mod cancellation;
mod metadata_store;
mod model;
mod opening;
