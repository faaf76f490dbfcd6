//! Which database, and how it is used.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// How a database is opened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DatabaseConfig {
    /// Where it is.
    pub url: DatabaseUrl,
    /// How many reads run at once; at least 1.
    pub readers: usize,
    /// How long a call waits for its turn before it fails as `Unavailable`.
    pub wait_timeout: Duration,
    /// How many bytes of memory answers of the database may take, about; 0 keeps none. It is taken as answers come.
    pub cache_bytes: u64,
}

impl DatabaseConfig {
    /// Opens the database at `url` with 4 readers and a cache of 32 MiB; calls wait for up to 30 seconds.
    pub fn new(url: DatabaseUrl) -> Self {
        Self { url, readers: 4, wait_timeout: Duration::from_secs(30), cache_bytes: 32 * 1024 * 1024 }
    }
}

/// Where a database is.
///
/// Text: `sqlite:PATH` or `sqlite://PATH`, where `PATH` is taken as it stands, without escapes or parameters. A relative
/// path counts from the working directory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatabaseUrl {
    /// A SQLite database in this file, which is created with its directories if it is not there.
    Sqlite(PathBuf),
}

/// Why a text is not the URL of a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseUrlError {
    /// There is no scheme.
    #[error("database url has no scheme; expected sqlite:PATH")]
    NoScheme,
    /// No database is known by the scheme.
    #[error("database `{0}` is not supported; expected sqlite:PATH")]
    Scheme(String),
    /// The path names no file.
    #[error("database url names no file; expected sqlite:PATH, without parameters, and not `:memory:`")]
    Path,
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        // The rest of a foreign URL stays out of the error: it may hold a password.
        let (scheme, rest) = s.split_once(':').ok_or(DatabaseUrlError::NoScheme)?;
        if scheme != "sqlite" {
            return Err(DatabaseUrlError::Scheme(scheme.chars().take(32).collect()));
        }
        let path = rest.strip_prefix("//").unwrap_or(rest);
        let names_a_file = !path.is_empty() && !path.ends_with('/') && path != ":memory:";
        if names_a_file && !path.contains(['?', '\0']) {
            Ok(Self::Sqlite(path.into()))
        } else {
            Err(DatabaseUrlError::Path)
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_file() {
        for (url, path) in [
            ("sqlite:registry.db", "registry.db"),
            ("sqlite:/var/lib/registry/registry.db", "/var/lib/registry/registry.db"),
            ("sqlite:///var/lib/registry.db", "/var/lib/registry.db"),
            ("sqlite://data/registry.db", "data/registry.db"),
            ("sqlite:with space%20.db", "with space%20.db"),
        ] {
            let parsed: DatabaseUrl = url.parse().unwrap();
            assert_eq!(parsed, DatabaseUrl::Sqlite(path.into()), "{url}");
            assert_eq!(parsed.to_string().parse(), Ok(parsed), "{url}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused_without_repeating_secrets() {
        for url in ["", "registry.db", "/var/lib/registry.db"] {
            assert_eq!(url.parse::<DatabaseUrl>(), Err(DatabaseUrlError::NoScheme), "{url}");
        }
        for url in ["sqlite:", "sqlite://", "sqlite::memory:", "sqlite:dir/", "sqlite:a.db?mode=ro", "sqlite:a\0b"] {
            assert_eq!(url.parse::<DatabaseUrl>(), Err(DatabaseUrlError::Path), "{url}");
        }
        let error = "oracle://scott:tiger@db/x".parse::<DatabaseUrl>().unwrap_err();
        assert_eq!(error.to_string(), "database `oracle` is not supported; expected sqlite:PATH");
    }
}
