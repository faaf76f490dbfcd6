//! What a container registry is, without a server, a database or a runtime.
//!
//! Three tiers, each of which uses only the ones above it:
//!
//! 1. [`protocol`]: the grammar, pure and synchronous: names, digests, manifests, ranges, error codes.
//! 2. [`store`]: the ports, [`BlobStore`](store::BlobStore) for bytes and [`MetadataStore`](store::MetadataStore) for the
//!    truth about which repository has what. [`memory`] implements both.
//! 3. [`registry`]: the operations, as methods of [`Registry`]; [`import`], which takes over the storage of distribution;
//!    [`gc`], which frees what nobody needs.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use futures::StreamExt;
//! use registry_core::Registry;
//! use registry_core::protocol::digest::{Algorithm, Digest};
//!
//! let registry = Registry::in_memory();
//! let repository = "library/hello".parse()?;
//! let content = bytes::Bytes::from_static(b"hello");
//! let digest = Digest::of(Algorithm::Sha256, &content);
//!
//! let body = futures::stream::iter([Ok(content)]).boxed();
//! registry.push_blob(&repository, &digest, body).await?;
//! assert_eq!(registry.stat_blob(&repository, &digest).await?.size_bytes, 5);
//! # Ok(()) }
//! ```

pub mod body;
pub mod error;
pub mod gc;
pub mod import;
pub mod memory;
pub mod protocol;
pub mod registry;
pub mod retention;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use error::{RegistryError, RegistryResult};
pub use registry::{Registry, RegistryOptions};
