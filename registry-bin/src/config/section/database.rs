//! Where the metadata are kept.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::{DatabaseUrl, GoDuration};

/// Where the metadata are kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// The database: `sqlite:PATH`, `sqlite::memory:` for one that ends with the process, or
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE` or `mysql://USER:PASSWORD@HOST:PORT/DATABASE`, also for MariaDB.
    /// Default: `registry.db` in the root directory of the file system driver, or in memory for the driver for memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<DatabaseUrl>,
    /// SQLite: how many bytes of memory answers of the database may take, about. They are never older than the database;
    /// 0 keeps none.
    pub cachebytes: u64,
    /// Copies of the database in the storage. They are made of `sqlite:` alone.
    pub snapshots: SnapshotsConfig,
    /// PostgreSQL and MySQL: how many connections there are at most.
    pub connections: u32,
    /// PostgreSQL and MySQL: how long a request waits for the database, with all attempts, before it is answered 503: a
    /// duration.
    pub timeout: GoDuration,
    /// PostgreSQL and MySQL: how long connecting may take: a duration.
    pub connecttimeout: GoDuration,
    /// PostgreSQL and MySQL: how long to wait for the server when the registry starts: a duration.
    pub starttimeout: GoDuration,
    /// PostgreSQL and MySQL: encrypted connections.
    pub tls: DatabaseTlsConfig,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: None,
            cachebytes: 32 * 1024 * 1024,
            snapshots: SnapshotsConfig::default(),
            connections: 16,
            timeout: GoDuration::from_secs(8),
            connecttimeout: GoDuration::from_secs(3),
            starttimeout: GoDuration::from_secs(60),
            tls: DatabaseTlsConfig::default(),
        }
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

/// Encrypted connections to the database.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseTlsConfig {
    /// Whether connections are encrypted, and the server has to prove by its certificate that it is the host of the URL.
    pub enabled: bool,
    /// Files with the certificates that the server's certificate must be issued by, in PEM. Default: those that browsers
    /// trust.
    pub cas: Vec<PathBuf>,
}
