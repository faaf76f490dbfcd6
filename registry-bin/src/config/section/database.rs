//! Where the metadata are kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::{DatabaseUrl, GoDuration};

/// Where the metadata are kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// The database: `sqlite:PATH`, or `sqlite::memory:` for one that ends with the process. Default: `registry.db` in
    /// the root directory of the file system driver, or in memory for the driver for memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<DatabaseUrl>,
    /// How many bytes of memory answers of the database may take, about. They are never older than the database; 0 keeps
    /// none.
    pub cachebytes: u64,
    /// Copies of the database in the storage. They are made of `sqlite:` alone.
    pub snapshots: SnapshotsConfig,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { url: None, cachebytes: 32 * 1024 * 1024, snapshots: SnapshotsConfig::default() }
    }
}

/// Copies of the database in the storage. They are made of `sqlite:` alone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SnapshotsConfig {
    /// Whether the database is copied from time to time.
    pub enabled: bool,
    /// The time between two copies: a duration. Without a change in between there is none.
    pub interval: GoDuration,
    /// How many copies are kept, at least 1; older ones are removed.
    pub count: u32,
}

impl Default for SnapshotsConfig {
    fn default() -> Self {
        Self { enabled: true, interval: GoDuration::from_secs(3600), count: 24 }
    }
}
