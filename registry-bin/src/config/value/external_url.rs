//! The address under which clients reach the registry.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ValueError;

/// `http://` or `https://`, a host, a port if it is not the usual one, and a path if a proxy maps the registry below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct ExternalUrl(registry_http::external_url::ExternalUrl);

impl ExternalUrl {
    /// Returns what the service takes.
    pub fn get(&self) -> &registry_http::external_url::ExternalUrl {
        &self.0
    }
}

impl TryFrom<String> for ExternalUrl {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse().map(Self).map_err(|_| ValueError::new("a URL such as `https://registry.example.com`", &text))
    }
}

impl From<ExternalUrl> for String {
    fn from(url: ExternalUrl) -> Self {
        url.0.to_string()
    }
}
