//! The ports: what the operations need from the world, and what a store has to promise.
//!
//! [`blob::BlobStore`] keeps bytes, [`metadata::MetadataStore`] keeps the truth about which repository has what. The
//! operations in [`crate::registry`] write bytes before the record that makes them visible, and remove the record
//! before the bytes.

pub mod blob;
pub mod displaced;
pub mod error;
pub mod gc;
pub mod history;
pub mod identity;
pub mod images;
pub mod import;
pub mod inventory;
pub mod links;
pub mod metadata;
pub mod removal;
pub mod replication;
pub mod setting;
pub mod snapshot;
pub mod timestamp;
pub mod upload;
pub mod usage;

pub use blob::{BlobLocation, BlobRead, BlobStore, BlobWriter, ByteStream, StagedUpload};
pub use error::{StoreError, StoreErrorKind, StoreResult};
pub use images::ImageStore;
pub use links::LinkStore;
pub use metadata::MetadataStore;
pub use timestamp::Timestamp;
pub use upload::{ClaimToken, UploadId};
