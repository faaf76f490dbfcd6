//! Objects in a bucket of Google Cloud Storage, by its JSON API.
//!
//! An object's name is the path, without its leading `/`, below the configured root directory, as in distribution. The parts
//! of an upload are objects of their own (`parts.rs`), so that any process can go on with it, and what was sent can be read.
//! In the end they are composed to one object at the upload's own path.

mod address;
mod backend;
mod batches;
mod compose;
mod config;
mod credentials;
mod document;
mod key;
mod objects;
mod parts;
mod protocol;

use self::backend::Gcs;
use super::object::ObjectDriver;
use crate::error::DriverResult;

pub use self::config::{GcsConfig, GcsCredentials};

/// Opens a bucket, and asks whether it can be listed, so that what is wrong with the address, the credentials or the bucket
/// is told at the start. Reads the system's certificates, which blocks for a moment.
///
/// # Errors
/// What the store answered, with what to check.
pub async fn open(config: &GcsConfig) -> DriverResult<ObjectDriver> {
    ObjectDriver::open(Gcs::new(config.clone())?, &config.transfer).await
}
