//! How S3 requests are signed, and what its answers mean.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use reqsign_aws_v4::Credential;
use reqsign_core::Signer;
use sha2::{Digest, Sha256};

use super::address::Address;
use super::config::S3Config;
use super::credentials;
use super::dialect::Dialect;
use super::error;
use crate::driver::object::connection::Connections;
use crate::driver::object::error::{ExchangeError, Refusal};
use crate::driver::object::exchange::Protocol;

/// Bodies from this size on are hashed where that may take its time.
const LONG_BODY_BYTES: usize = 256 * 1024;

/// Signs requests to one bucket.
#[derive(Debug)]
pub(super) struct S3Protocol {
    address: Arc<Address>,
    dialect: &'static Dialect,
    config: Arc<S3Config>,
    connections: Connections,
    signer: RwLock<Signer<Credential>>,
}

impl S3Protocol {
    pub(super) fn new(
        address: Arc<Address>,
        dialect: &'static Dialect,
        config: Arc<S3Config>,
        connections: Connections,
    ) -> Self {
        let signer = credentials::signer(&config, &connections).into();
        Self { address, dialect, config, connections, signer }
    }
}

#[async_trait]
impl Protocol for S3Protocol {
    fn authority(&self) -> String {
        self.address.authority()
    }

    /// Says what the body is signed as. TLS keeps it from being changed on the way; without TLS its checksum does.
    async fn prepare(&self, headers: &mut HeaderMap, body: &Bytes) {
        let value = if self.address.is_encrypted() {
            HeaderValue::from_static("UNSIGNED-PAYLOAD")
        } else {
            HeaderValue::try_from(hex::encode(hash(body).await)).expect("hex digits make a header")
        };
        headers.insert(&self.dialect.content_sha256, value);
    }

    async fn sign(&self, request: &mut Parts) -> Result<(), ExchangeError> {
        let signer = self.signer.read().unwrap_or_else(PoisonError::into_inner).clone();
        signer.sign(request, None).await.map_err(|error| ExchangeError::Credentials {
            advice: "check `accesskey` and `secretkey`, or what the environment gives instead of them",
            is_worth_a_retry: error.is_retryable(),
            source: error.into(),
        })
    }

    fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Refusal {
        error::refusal(status, headers, body, self.address.bucket(), self.dialect)
    }

    fn renew(&self) {
        let renewed = credentials::signer(&self.config, &self.connections);
        *self.signer.write().unwrap_or_else(PoisonError::into_inner) = renewed;
    }
}

async fn hash(body: &Bytes) -> impl AsRef<[u8]> {
    if body.len() < LONG_BODY_BYTES {
        return Sha256::digest(body);
    }
    let body = body.clone();
    let hashed = tokio::task::spawn_blocking(move || Sha256::digest(&body)).await;
    hashed.expect("hashing does not panic")
}
