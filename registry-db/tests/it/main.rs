//! registry-db from outside.

mod cancellation;
mod crash;
mod linearizability;
mod metadata_store;
mod model;
mod opening;
mod servers;
