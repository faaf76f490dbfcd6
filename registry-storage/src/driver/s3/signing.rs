//! Signing requests, in whatever way a vendor takes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::request::Parts;
use reqsign_core::{Signer, SigningCredential};

use crate::driver::object::connection::Connections;

/// Signs requests, with credentials that it finds when they are first needed, and again before they expire.
#[async_trait]
pub(in crate::driver) trait Sign: fmt::Debug + Send + Sync {
    /// Signs a request in its headers, or for as long as is said in its address.
    async fn sign(&self, request: &mut Parts, expires_in: Option<Duration>) -> reqsign_core::Result<()>;
}

#[async_trait]
impl<C: SigningCredential> Sign for Signer<C> {
    async fn sign(&self, request: &mut Parts, expires_in: Option<Duration>) -> reqsign_core::Result<()> {
        Self::sign(self, request, expires_in).await
    }
}

/// Makes what signs requests. It may ask others for credentials over the connections.
pub(in crate::driver) type MakeSign = Box<dyn Fn(&Connections) -> Arc<dyn Sign> + Send + Sync>;
