//! A whole registry for tests of anything that speaks to one.
//!
//! ```
//! # async fn example() {
//! use registry_http::testing::TestRegistry;
//!
//! let registry = TestRegistry::start().await;
//! let image = registry.seed_image("library/app", "1.0", &[b"a layer"]).await;
//! let reply = registry.client().get("/v2/library/app/manifests/1.0").await;
//! assert_eq!(reply.header("docker-content-digest"), image.to_string());
//! # } // the registry stops here
//! ```

mod builder;
mod client;
mod faulty;
mod seed;

use std::net::SocketAddr;

use registry_core::Registry;
use registry_core::testing::flaky;
use tokio::task::JoinHandle;

pub use builder::TestRegistryBuilder;
pub use client::{Client, Reply};
pub use faulty::Requests;

/// A registry in memory, on a random port of the loopback interface. It stops when dropped.
#[derive(Debug)]
pub struct TestRegistry {
    address: SocketAddr,
    registry: Registry,
    storage_faults: flaky::Faults,
    requests: Requests,
    ca_certificate: Option<String>,
    credentials: Option<(String, String)>,
    server: JoinHandle<()>,
    /// Holds what the server reads: certificates and passwords.
    _files: Option<tempfile::TempDir>,
}

impl TestRegistry {
    /// Starts a registry for everybody, with deleting enabled.
    ///
    /// # Panics
    /// If no port can be had.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Prepares a registry of another kind.
    pub fn builder() -> TestRegistryBuilder {
        TestRegistryBuilder::default()
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the beginning of an image's name: `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Returns the beginning of a URL, without a slash at its end.
    pub fn url(&self) -> String {
        let scheme = if self.ca_certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Returns the certificate of the authority that vouches for the registry, in PEM, if it has TLS.
    pub fn ca_certificate(&self) -> Option<&str> {
        self.ca_certificate.as_deref()
    }

    /// Returns the registry itself, to look at what a client did without asking over HTTP.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Makes a client with the registry's credentials, if it has any. It speaks plain HTTP.
    pub fn client(&self) -> Client {
        Client::new(self.address, self.credentials.clone())
    }

    /// Returns the steps of the blob store that can be made to fail.
    pub fn storage_faults(&self) -> &flaky::Faults {
        &self.storage_faults
    }

    /// Returns the requests that came, and those that can be made to fail.
    pub fn requests(&self) -> &Requests {
        &self.requests
    }
}

impl Drop for TestRegistry {
    fn drop(&mut self) {
        self.server.abort();
    }
}
