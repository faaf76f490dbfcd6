//! A copy of the list of repositories for other programs.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::{GoDuration, MysqlDsn};

/// A copy of the list of repositories for other programs, as the Sohu registry keeps it for DomeOS.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SearchConfig {
    /// Where the copy is kept: in a table of a MySQL or MariaDB database, or in a file. Default: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<SearchBackend>,
    /// `mysql`: the database with the table, `USER:PASSWORD@tcp(HOST:PORT)/DATABASE`, as the Go driver has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mysql: Option<MysqlDsn>,
    /// `local`: the file, which has a name on each line.
    pub local: PathBuf,
    /// How long after a change the copy has it, about: a duration above zero.
    pub interval: GoDuration,
}

impl Default for SearchConfig {
    fn default() -> Self {
        let local = "/opt/registry/repositories".into();
        Self { backend: None, mysql: None, local, interval: GoDuration::from_secs(10) }
    }
}

/// Where the copy is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SearchBackend {
    /// In a table.
    Mysql,
    /// In a file.
    Local,
}
