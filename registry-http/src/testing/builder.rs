//! Kinds of test registries.

use std::sync::Arc;

use registry_core::memory::{MemoryBlobStore, MemoryMetadataStore};
use registry_core::testing::flaky::{Faults, FlakyBlobStore};
use registry_core::{Registry, RegistryOptions};

use super::TestRegistry;
use super::faulty::{FaultyService, Requests};
use crate::auth::{Htpasswd, HtpasswdConfig};
use crate::server::{ListenAddress, Server, ServerConfig, TlsConfig};
use crate::{RegistryService, ServiceConfig};

/// Builds a [`TestRegistry`].
#[derive(Debug)]
pub struct TestRegistryBuilder {
    options: RegistryOptions,
    config: ServiceConfig,
    credentials: Option<(String, String)>,
    tls: bool,
    blobs: MemoryBlobStore,
}

impl Default for TestRegistryBuilder {
    fn default() -> Self {
        let options = RegistryOptions { delete_enabled: true, ..RegistryOptions::default() };
        Self {
            options,
            config: ServiceConfig::default(),
            credentials: None,
            tls: false,
            blobs: MemoryBlobStore::default(),
        }
    }
}

impl TestRegistryBuilder {
    /// Asks every client for this name and password.
    #[must_use]
    pub fn auth(mut self, name: &str, password: &str) -> Self {
        self.credentials = Some((name.to_owned(), password.to_owned()));
        self
    }

    /// Serves TLS with a certificate of its own authority.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Sets the registry's rules.
    #[must_use]
    pub fn options(mut self, options: RegistryOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the service's settings.
    #[must_use]
    pub fn config(mut self, config: ServiceConfig) -> Self {
        self.config = config;
        self
    }

    /// Keeps the bytes of blobs in this store.
    #[must_use]
    pub fn blobs(mut self, blobs: MemoryBlobStore) -> Self {
        self.blobs = blobs;
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// If no port can be had, or a file for certificates or passwords cannot be written.
    pub async fn start(self) -> TestRegistry {
        let files = (self.tls || self.credentials.is_some())
            .then(|| tempfile::tempdir().expect("a directory for temporary files"));
        let storage_faults = Faults::default();
        let blobs = FlakyBlobStore::new(Arc::new(self.blobs), storage_faults.clone());
        let registry = Registry::new(Arc::new(blobs), Arc::new(MemoryMetadataStore::default()), self.options);
        let mut service = RegistryService::new(registry.clone()).with_config(self.config);
        let mut listen = ServerConfig::new(ListenAddress::tcp("127.0.0.1:0").expect("a valid address"));
        let mut ca_certificate = None;
        if let Some(files) = &files {
            if let Some((name, password)) = &self.credentials {
                let path = files.path().join("htpasswd");
                // The lowest cost: what protects a test's password only slows the test down.
                let hash = bcrypt::hash(password, 4).expect("a password without zero bytes");
                std::fs::write(&path, format!("{name}:{hash}\n")).expect("a writable directory");
                let htpasswd = Htpasswd::open(HtpasswdConfig::new("test", path)).expect("a valid file");
                service = service.with_authenticator(Arc::new(htpasswd));
            }
            if self.tls {
                let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
                let pair = rcgen::generate_simple_self_signed(names).expect("valid names");
                let (certificate, key) = (files.path().join("tls.crt"), files.path().join("tls.key"));
                std::fs::write(&certificate, pair.cert.pem()).expect("a writable directory");
                std::fs::write(&key, pair.signing_key.serialize_pem()).expect("a writable directory");
                listen.tls = Some(TlsConfig::new(certificate, key));
                ca_certificate = Some(pair.cert.pem());
            }
        }
        let requests = Requests::default();
        let service = FaultyService::new(service, requests.clone());
        let server = Server::bind(listen).await.expect("a free port");
        let address = server.local_addr().expect("a TCP address");
        let server = tokio::spawn(async move {
            server.serve(service, std::future::pending()).await;
        });
        let credentials = self.credentials;
        TestRegistry { address, registry, storage_faults, requests, ca_certificate, credentials, server, _files: files }
    }
}
