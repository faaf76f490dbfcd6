//! Where the metadata are kept.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The metadata database: `sqlite:PATH`, or `sqlite::memory:` for one that ends with the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum DatabaseUrl {
    /// SQLite in a file.
    Sqlite(PathBuf),
    /// SQLite in memory.
    Memory,
}

/// Why a text is not the URL of a database. The URL itself is not repeated: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// The database is one that is not there yet.
    #[error("a database of `{0}` is not supported yet; expected `sqlite:PATH`")]
    Unsupported(&'static str),
    /// The text has another form.
    #[error("expected `sqlite:PATH` or `sqlite::memory:`")]
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
            "mysql" => Err(DatabaseUrlError::Unsupported("mysql")),
            "mariadb" => Err(DatabaseUrlError::Unsupported("mariadb")),
            "postgres" | "postgresql" => Err(DatabaseUrlError::Unsupported("postgresql")),
            _ => Err(DatabaseUrlError::Invalid),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Memory => f.write_str("sqlite::memory:"),
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
            ("mysql://u:p@h/d", Err(DatabaseUrlError::Unsupported("mysql"))),
            ("postgres://u:p@h/d", Err(DatabaseUrlError::Unsupported("postgresql"))),
        ] {
            assert_eq!(text.parse(), url, "{text}");
        }
    }
}
