//! How S3 requests are signed, and what its answers mean.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use sha2::Sha256;

use super::address::Address;
use super::dialect::{BodyChecksum, Dialect};
use super::error;
use super::signing::{MakeSign, Sign};
use crate::driver::object::checksum::{CONTENT_MD5, content_md5, hash};
use crate::driver::object::connection::Connections;
use crate::driver::object::error::{ExchangeError, Refusal};
use crate::driver::object::exchange::Protocol;
use crate::driver::object::presigning::Presigning;

/// Signs requests to one bucket.
pub(super) struct S3Protocol {
    address: Arc<Address>,
    dialect: &'static Dialect,
    connections: Connections,
    make_sign: MakeSign,
    sign: RwLock<Arc<dyn Sign>>,
    presigning: Presigning,
    /// Where the bucket is instead, as the store said.
    elsewhere: RwLock<Option<Authority>>,
}

impl S3Protocol {
    pub(super) fn new(
        address: Arc<Address>,
        dialect: &'static Dialect,
        connections: Connections,
        make_sign: MakeSign,
    ) -> Self {
        let sign = make_sign(&connections).into();
        Self {
            address,
            dialect,
            connections,
            make_sign,
            sign,
            presigning: Presigning::default(),
            elsewhere: RwLock::default(),
        }
    }

    /// Signs the address of a `GET` for whoever has it. `None` if the credentials end before, as may be with those that a
    /// machine is given.
    pub(super) async fn presign(&self, uri: Uri, lifetime: Duration) -> Result<Option<Uri>, ExchangeError> {
        let signing = async {
            let (mut request, ()) = Request::new(()).into_parts();
            request.uri = uri;
            self.signs().sign(&mut request, Some(lifetime)).await?;
            Ok(request.uri)
        };
        self.presigning.ask(signing).await.map_err(|error| self.no_credentials(error))
    }

    fn no_credentials(&self, error: reqsign_core::Error) -> ExchangeError {
        ExchangeError::Credentials {
            advice: self.dialect.keys.credentials,
            is_worth_a_retry: error.is_retryable(),
            source: error.into(),
        }
    }

    /// Returns what signs requests now.
    fn signs(&self) -> Arc<dyn Sign> {
        Arc::clone(&self.sign.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for S3Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Protocol").field("address", &self.address).finish_non_exhaustive()
    }
}

#[async_trait]
impl Protocol for S3Protocol {
    fn authority(&self) -> String {
        self.address.endpoint.authority().to_owned()
    }

    /// Says what the body is signed as. TLS keeps it from being changed on the way; without TLS its checksum does.
    async fn prepare(&self, headers: &mut HeaderMap, body: &Bytes) {
        match (&self.dialect.checksum, self.address.endpoint.is_encrypted()) {
            (BodyChecksum::Sha256(name), true) => {
                headers.insert(name, HeaderValue::from_static("UNSIGNED-PAYLOAD"));
            }
            (BodyChecksum::Sha256(name), false) => {
                let checksum = hex::encode(hash::<Sha256>(body).await);
                headers.insert(name, HeaderValue::try_from(checksum).expect("hex digits make a header"));
            }
            (BodyChecksum::Md5, false) if !body.is_empty() => {
                headers.insert(CONTENT_MD5, content_md5(body).await);
            }
            (BodyChecksum::Md5 | BodyChecksum::HexMd5OfParts, _) => {}
        }
    }

    async fn sign(&self, request: &mut Parts) -> Result<(), ExchangeError> {
        if let Some(authority) = self.elsewhere.read().unwrap_or_else(PoisonError::into_inner).clone() {
            let mut uri = request.uri.clone().into_parts();
            uri.authority = Some(authority);
            request.uri = Uri::from_parts(uri).expect("an address stays one with another host");
        }
        self.signs().sign(request, None).await.map_err(|error| self.no_credentials(error))
    }

    fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Refusal {
        error::refusal(status, headers, body, self.address.bucket(), self.dialect)
    }

    /// Keeps to the scheme: what was encrypted stays so.
    fn moved(&self, location: &Uri) -> bool {
        let is_taken =
            self.dialect.names_other_regions && location.scheme_str() == Some(self.address.endpoint.scheme());
        match location.authority() {
            Some(authority) if is_taken => {
                *self.elsewhere.write().unwrap_or_else(PoisonError::into_inner) = Some(authority.clone());
                true
            }
            _ => false,
        }
    }

    fn renew(&self) {
        *self.sign.write().unwrap_or_else(PoisonError::into_inner) = (self.make_sign)(&self.connections);
    }
}
