//! The `registry` binary as a library: configuration, command line, logs and wiring.
//!
//! [`cli::run`] is the program. Nothing here reads the process's environment: `main` hands it over.

mod catalog_copy;
pub mod cli;
mod collector;
mod command;
pub mod config;
mod health;
mod identity;
mod measured_storage;
mod mover;
mod paced_inventory;
mod replicator;
mod retention;
mod schedule;
mod scrub;
mod signal;
pub mod telemetry;
mod wire;
