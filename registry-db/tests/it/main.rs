//! registry-db from outside.

mod cancellation;
mod linearizability;
mod metadata_store;
mod model;
mod opening;
