//! What is logged.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::Unsupported;

/// What is logged, and how.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// The log of requests.
    pub accesslog: AccessLogConfig,
    /// The least important level that is logged. Default: `info`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<LogLevel>,
    /// The form of a record.
    pub formatter: LogFormat,
    /// Fields that are added to every record.
    pub fields: BTreeMap<String, serde_json::Value>,
    /// Whether a record names the line of source code it comes from.
    pub reportcaller: bool,
    /// Hooks. Not supported yet.
    #[serde(skip_serializing)]
    pub hooks: Unsupported,
}

/// The log of requests.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessLogConfig {
    /// Whether requests are not logged.
    pub disabled: bool,
}

/// How important a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What failed and needs somebody's attention.
    Error,
    /// What is odd and went on.
    Warn,
    /// What happens in normal operation.
    #[default]
    Info,
    /// What helps to find a fault.
    Debug,
}

/// The form of a log record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// `key=value` pairs.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
    /// One JSON object a line, with Logstash's names.
    Logstash,
}
