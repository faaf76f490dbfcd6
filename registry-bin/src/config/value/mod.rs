//! The types of single values: each is parsed when the configuration is loaded, and valid from then on.

mod address;
mod database_url;
mod duration;
mod external_url;
mod marker;
mod mysql_dsn;
mod network;
mod path_prefix;
mod secret;
mod secret_document;
mod trusted_proxy;
mod version;

pub use address::ListenAddress;
pub use database_url::DatabaseUrl;
pub use duration::GoDuration;
pub use external_url::ExternalUrl;
pub use marker::{Opaque, Unsupported};
pub use mysql_dsn::MysqlDsn;
pub use network::Network;
pub use path_prefix::PathPrefix;
pub use secret::Secret;
pub use secret_document::SecretDocument;
pub use trusted_proxy::TrustedProxy;
pub use version::Version;

/// A single value is not what its key expects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found `{found}`")]
pub struct ValueError {
    expected: &'static str,
    found: String,
}

impl ValueError {
    fn new(expected: &'static str, found: &str) -> Self {
        Self { expected, found: super::problem::shorten(found) }
    }
}
