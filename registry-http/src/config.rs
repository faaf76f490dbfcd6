//! What an operator can set about the API's answers.

use crate::client_address::TrustedProxies;
use crate::external_url::ExternalUrl;
use crate::headers::CustomHeaders;
use crate::redirects::Redirects;

/// Settings of the service. The defaults suit an embedder.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    /// What stands before `/v2/` in every path: `""`, or `/…` without a slash at its end.
    pub prefix: String,
    /// What clients see, if it is known. Locations are whole addresses below it.
    pub external_url: Option<ExternalUrl>,
    /// Whether `Location` is relative. If not, and `external_url` is not set, it is built from what the client says it
    /// speaks to.
    pub relative_urls: bool,
    /// The proxies whose word on their clients is believed.
    pub trusted_proxies: TrustedProxies,
    /// Who is sent to the storage for the bytes of blobs, where that has addresses for clients.
    pub redirects: Redirects,
    /// Headers that every answer carries, and what other origins may do.
    pub headers: CustomHeaders,
    /// How many repositories a page of the catalog may have.
    pub catalog_max_entries: usize,
    /// How many tags a page may have.
    pub tags_max: usize,
    /// Whether every request is told to the log, as an event of the target `registry::access`.
    pub access_log: bool,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            external_url: None,
            relative_urls: true,
            trusted_proxies: TrustedProxies::default(),
            redirects: Redirects::default(),
            headers: CustomHeaders::default(),
            catalog_max_entries: 1000,
            tags_max: 1000,
            access_log: true,
        }
    }
}
