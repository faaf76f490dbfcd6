//! Addresses for clients: shared access signatures for reading one blob.

use std::time::Duration;

use http::Request;

use super::config::AzureCredentials;
use super::protocol::AzureProtocol;
use crate::driver::object::error::ExchangeError;
use crate::path::StoragePath;

impl AzureProtocol {
    /// Signs the address of a blob for whoever has it, by the account's key. `None` without one: tokens sign no addresses, and a
    /// signature that the registry was given allows more than to read one blob, so that nobody else gets it.
    pub(super) async fn presign(
        &self,
        path: &StoragePath,
        lifetime: Duration,
    ) -> Result<Option<String>, ExchangeError> {
        let AzureCredentials::SharedKey(_) = &self.config.credentials else { return Ok(None) };
        let (mut request, ()) = Request::new(()).into_parts();
        request.uri = self.address.signed_uri(path);
        self.sign_by(&mut request, Some(lifetime)).await?;
        let signature = request.uri.query().unwrap_or_default();
        Ok(Some(format!("{}?{signature}", self.address.public_uri(path))))
    }
}
