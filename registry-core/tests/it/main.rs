//! registry-core from outside.

mod blob_store;
mod delete;
mod displaced;
mod faults;
mod gc;
mod identity;
mod manifests;
mod metadata_store;
mod mount;
mod protocol_properties;
mod push;
mod removal;
mod replication;
mod retention;
mod snapshots;
mod support;
