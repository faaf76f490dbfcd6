//! What is checked while the registry runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::{GoDuration, Secret};

/// How often a check is made when nothing else is said.
const DEFAULT_INTERVAL: GoDuration = GoDuration::from_secs(10);

/// What is checked while the registry runs. While a check fails, every request is answered with 503.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HealthConfig {
    /// Whether the storage can be reached.
    pub storagedriver: StorageCheck,
    /// Files whose presence takes the registry out of service.
    #[schemars(extend("x-variable" = "FILECHECKERS"))]
    pub file: Vec<FileCheck>,
    /// URLs that must answer.
    #[schemars(extend("x-variable" = "HTTPCHECKERS"))]
    pub http: Vec<HttpCheck>,
    /// Ports that must accept connections.
    #[schemars(extend("x-variable" = "TCPCHECKERS"))]
    pub tcp: Vec<TcpCheck>,
}

/// Whether the storage can be reached.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StorageCheck {
    /// Whether the check is made.
    pub enabled: bool,
    /// The time between two checks: a duration above zero.
    pub interval: GoDuration,
    /// How many checks in a row must fail before the registry counts as unhealthy. 0 is the same as 1.
    pub threshold: u32,
}

impl Default for StorageCheck {
    fn default() -> Self {
        Self { enabled: false, interval: DEFAULT_INTERVAL, threshold: 0 }
    }
}

/// A file whose presence takes the registry out of service.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FileCheck {
    /// The file. Required.
    pub file: PathBuf,
    /// The time between two checks: a duration above zero.
    pub interval: GoDuration,
    /// How many checks in a row must fail before the registry counts as unhealthy. 0 is the same as 1.
    pub threshold: u32,
}

impl Default for FileCheck {
    fn default() -> Self {
        Self { file: PathBuf::new(), interval: DEFAULT_INTERVAL, threshold: 0 }
    }
}

/// A URL that must answer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpCheck {
    /// The URL, `http://` or `https://`, which is asked with HEAD. Required.
    pub uri: String,
    /// The status that it must answer.
    pub statuscode: u16,
    /// Headers that are sent along: lists of values by name. They are treated as secrets.
    pub headers: BTreeMap<String, Vec<Secret>>,
    /// How long the answer may take: a duration; 0 for no longer than the interval.
    pub timeout: GoDuration,
    /// The time between two checks: a duration above zero.
    pub interval: GoDuration,
    /// How many checks in a row must fail before the registry counts as unhealthy. 0 is the same as 1.
    pub threshold: u32,
}

impl Default for HttpCheck {
    fn default() -> Self {
        Self {
            uri: String::new(),
            statuscode: 200,
            headers: BTreeMap::new(),
            timeout: GoDuration::default(),
            interval: DEFAULT_INTERVAL,
            threshold: 0,
        }
    }
}

/// A port that must accept connections.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TcpCheck {
    /// The port, `HOST:PORT`. Required.
    pub addr: String,
    /// How long a connection may take: a duration; 0 for no longer than the interval.
    pub timeout: GoDuration,
    /// The time between two checks: a duration above zero.
    pub interval: GoDuration,
    /// How many checks in a row must fail before the registry counts as unhealthy. 0 is the same as 1.
    pub threshold: u32,
}

impl Default for TcpCheck {
    fn default() -> Self {
        Self { addr: String::new(), timeout: GoDuration::default(), interval: DEFAULT_INTERVAL, threshold: 0 }
    }
}
