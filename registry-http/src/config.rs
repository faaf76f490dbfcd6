//! What an operator can set about the API's answers.

use http::{HeaderName, HeaderValue};

/// Settings of the service. The defaults suit an embedder.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServiceConfig {
    /// What stands before `/v2/` in every path: `""`, or `/…` without a slash at its end.
    pub prefix: String,
    /// Scheme and host that clients use, as in `https://registry.example`, if they are known.
    pub host: Option<String>,
    /// Whether `Location` is relative. If not, and `host` is not set, it is built from what the client sees.
    pub relative_urls: bool,
    /// Headers that every answer carries.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// How many repositories a page of the catalog may have.
    pub catalog_max_entries: usize,
    /// How many tags a page may have.
    pub tags_max: usize,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            host: None,
            relative_urls: true,
            headers: Vec::new(),
            catalog_max_entries: 1000,
            tags_max: 1000,
        }
    }
}
