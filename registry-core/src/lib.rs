//! What a container registry is, without a server, a database or a runtime.
//!
//! Three tiers, each of which uses only the ones above it:
//!
//! 1. [`protocol`]: the grammar, pure and synchronous: names, digests, manifests, ranges, error codes.
//! 2. [`store`]: the ports, [`BlobStore`](store::BlobStore) for bytes and [`MetadataStore`](store::MetadataStore) for the
//!    truth about which repository has what. [`memory`] implements both.
//! 3. [`registry`]: the operations, as methods of [`Registry`].

pub mod body;
pub mod error;
pub mod memory;
pub mod protocol;
pub mod registry;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use error::{RegistryError, RegistryResult};
pub use registry::{Registry, RegistryOptions};
