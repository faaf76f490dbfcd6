//! Where the metadata are kept.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The metadata database: `sqlite:PATH`, `sqlite::memory:` for one that ends with the process, or the URL of a server's
/// database, which is shown without its password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DatabaseUrl {
    /// SQLite in a file.
    Sqlite(PathBuf),
    /// SQLite in memory.
    Memory,
    /// A database of a server.
    Server(registry_db::DatabaseUrl),
}

/// Why a text is not the URL of a database. The URL itself is not repeated: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// It is that of a server, but has another form.
    #[error("{0}")]
    Server(registry_db::DatabaseUrlError),
    /// The text has another form.
    #[error(
        "expected `sqlite:PATH`, `sqlite::memory:`, `postgres://USER:PASSWORD@HOST:PORT/DATABASE` or `mysql://USER:PASSWORD@HOST:PORT/DATABASE`"
    )]
    Invalid,
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        let (scheme, rest) = text.split_once(':').ok_or(DatabaseUrlError::Invalid)?;
        match scheme {
            "sqlite" if rest == ":memory:" => Ok(Self::Memory),
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if path.is_empty() || path.contains('\0') {
                    return Err(DatabaseUrlError::Invalid);
                }
                Ok(Self::Sqlite(path.into()))
            }
            "mysql" | "mariadb" | "postgres" | "postgresql" => {
                text.parse().map(Self::Server).map_err(DatabaseUrlError::Server)
            }
            _ => Err(DatabaseUrlError::Invalid),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Memory => f.write_str("sqlite::memory:"),
            Self::Server(url) => url.fmt(f),
        }
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = DatabaseUrlError;

    fn try_from(text: String) -> Result<Self, DatabaseUrlError> {
        text.parse()
    }
}

impl From<DatabaseUrl> for String {
    fn from(url: DatabaseUrl) -> Self {
        url.to_string()
    }
}

impl JsonSchema for DatabaseUrl {
    fn schema_name() -> Cow<'static, str> {
        "DatabaseUrl".into()
    }

    /// A secret, so that a file can hold it.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-secret": true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        for (text, url) in [
            ("sqlite:/var/lib/registry/registry.db", Ok(DatabaseUrl::Sqlite("/var/lib/registry/registry.db".into()))),
            ("sqlite:///var/lib/registry.db", Ok(DatabaseUrl::Sqlite("/var/lib/registry.db".into()))),
            ("sqlite:registry.db", Ok(DatabaseUrl::Sqlite("registry.db".into()))),
            ("sqlite::memory:", Ok(DatabaseUrl::Memory)),
            ("sqlite:", Err(DatabaseUrlError::Invalid)),
            ("registry.db", Err(DatabaseUrlError::Invalid)),
            ("mysql://u:p@h", Err(DatabaseUrlError::Server(registry_db::DatabaseUrlError::Mysql))),
            ("postgres://u:p@h:x/d", Err(DatabaseUrlError::Server(registry_db::DatabaseUrlError::Postgres))),
        ] {
            assert_eq!(text.parse(), url, "{text}");
        }
    }

    #[test]
    fn the_url_of_a_server_is_shown_without_its_password() {
        for scheme in ["postgres", "mysql"] {
            let url: DatabaseUrl = format!("{scheme}://u:hunter2@h:1/d").parse().unwrap();
            assert_eq!(url.to_string(), format!("{scheme}://u@h:1/d"));
            assert!(!format!("{url:?}").contains("hunter2"), "{url:?}");
        }
    }
}
