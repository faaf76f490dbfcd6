//! registry-db from outside.

mod cancellation;
mod catalog_table;
mod collection;
mod crash;
mod encryption;
mod faults;
mod linearizability;
mod metadata_store;
mod migrations;
mod model;
mod opening;
mod replicas;
mod servers;
mod snapshots;
