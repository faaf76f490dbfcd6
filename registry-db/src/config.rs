//! Which database, and how it is used.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::{mysql, postgres};

/// How a database is opened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DatabaseConfig {
    /// Where it is.
    pub url: DatabaseUrl,
    /// SQLite: how many reads run at once; at least 1.
    pub readers: usize,
    /// SQLite: how long a call waits for its turn before it fails as `Unavailable`.
    pub wait_timeout: Duration,
    /// SQLite: how many bytes of memory answers of the database may take, about; 0 keeps none. It is taken as answers
    /// come. Of a database that others may write to as well, nothing is kept.
    pub cache_bytes: u64,
    /// PostgreSQL and MySQL: how the server is reached.
    pub server: ServerConfig,
}

impl DatabaseConfig {
    /// Opens the database at `url` with 4 readers and a cache of 32 MiB; calls wait for up to 30 seconds.
    pub fn new(url: DatabaseUrl) -> Self {
        let server = ServerConfig::default();
        Self { url, readers: 4, wait_timeout: Duration::from_secs(30), cache_bytes: 32 * 1024 * 1024, server }
    }
}

/// How a database server is reached.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerConfig {
    /// How many connections there are at most, and with that how many calls run at once; at least 1.
    pub connections: usize,
    /// How long a call takes at most, with all its attempts, before it fails as `Unavailable`.
    pub timeout: Duration,
    /// How long connecting takes at most.
    pub connect_timeout: Duration,
    /// How long to wait for the server when the database is opened.
    pub start_timeout: Duration,
    /// Whether connections are encrypted, and the server proves who it is.
    pub tls: Option<TlsConfig>,
}

impl Default for ServerConfig {
    /// 16 connections; 8 seconds for a call, 3 for connecting, 60 at the start; no encryption but what the URL asks for.
    fn default() -> Self {
        Self {
            connections: 16,
            timeout: Duration::from_secs(8),
            connect_timeout: Duration::from_secs(3),
            start_timeout: Duration::from_secs(60),
            tls: None,
        }
    }
}

/// Encrypted connections. The server's certificate must be valid for the host of the URL.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TlsConfig {
    /// PEM files with the certificates of the authorities that are trusted. Where there is none, those that browsers
    /// trust.
    pub authorities: Vec<PathBuf>,
}

impl TlsConfig {
    /// Trusts the authorities whose certificates are in these PEM files.
    pub fn new(authorities: Vec<PathBuf>) -> Self {
        Self { authorities }
    }
}

/// Where a database is.
///
/// Text: `sqlite:PATH` or `sqlite://PATH`, where `PATH` is taken as it stands, without escapes or parameters, and a
/// relative path counts from the working directory; or `postgres://USER:PASSWORD@HOST:PORT/DATABASE` or
/// `mysql://USER:PASSWORD@HOST:PORT/DATABASE`, where signs that have a meaning in a URL are escaped as `%40`, and
/// parameters are those of the drivers tokio-postgres and mysql_async; also `sslmode=verify-full` and `sslmode=verify-ca`, which
/// are `sslmode=require`, and `tls=true`, which is `require_ssl=true`. Certificates are verified with all of these.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatabaseUrl {
    /// A SQLite database in this file, which is created with its directories if it is not there.
    Sqlite(PathBuf),
    /// A database of a PostgreSQL server.
    Postgres(ServerUrl),
    /// A database of a MySQL or MariaDB server.
    Mysql(ServerUrl),
}

/// The URL of a server's database, which may hold a password. It is shown without that, and without its parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl(String);

impl ServerUrl {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.0.split(['?', '#']).next().unwrap_or_default();
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        match rest.rsplit_once('@') {
            Some((user, place)) => {
                write!(f, "{scheme}://{}@{place}", user.split(':').next().unwrap_or_default())
            }
            None => write!(f, "{scheme}://{rest}"),
        }
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not the URL of a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseUrlError {
    /// There is no scheme.
    #[error("database url has no scheme; expected sqlite:PATH, postgres://HOST/DATABASE or mysql://HOST/DATABASE")]
    NoScheme,
    /// No database is known by the scheme.
    #[error("database `{0}` is not supported; expected sqlite:PATH, postgres://HOST/DATABASE or mysql://HOST/DATABASE")]
    Scheme(String),
    /// The path names no file.
    #[error("database url names no file; expected sqlite:PATH, without parameters, and not `:memory:`")]
    Path,
    /// The driver for PostgreSQL does not understand it.
    #[error("not the url of a PostgreSQL database; expected postgres://USER:PASSWORD@HOST:PORT/DATABASE")]
    Postgres,
    /// The driver for MySQL does not understand it, or it names no database.
    #[error("not the url of a MySQL database; expected mysql://USER:PASSWORD@HOST:PORT/DATABASE")]
    Mysql,
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        // The rest of a foreign URL stays out of the error: it may hold a password.
        let (scheme, rest) = s.split_once(':').ok_or(DatabaseUrlError::NoScheme)?;
        match scheme {
            "sqlite" => sqlite_path(rest).map(Self::Sqlite),
            "postgres" | "postgresql" => postgres::parse(s).map(|_| Self::Postgres(ServerUrl(s.to_owned()))),
            "mysql" | "mariadb" => {
                let url = format!("mysql:{rest}");
                mysql::parse(&url).map(|_| Self::Mysql(ServerUrl(url)))
            }
            _ => Err(DatabaseUrlError::Scheme(scheme.chars().take(32).collect())),
        }
    }
}

/// Replaces parameters of a URL.
pub(crate) fn with_parameters(url: &str, replace: impl Fn(&str) -> &str) -> String {
    let Some((place, parameters)) = url.split_once('?') else { return url.to_owned() };
    let parameters: Vec<&str> = parameters.split('&').map(replace).collect();
    format!("{place}?{}", parameters.join("&"))
}

fn sqlite_path(rest: &str) -> Result<PathBuf, DatabaseUrlError> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    let names_a_file = !path.is_empty() && !path.ends_with('/') && path != ":memory:";
    if names_a_file && !path.contains(['?', '\0']) { Ok(path.into()) } else { Err(DatabaseUrlError::Path) }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) | Self::Mysql(url) => url.fmt(f),
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
        assert_eq!(
            error.to_string(),
            "database `oracle` is not supported; expected sqlite:PATH, postgres://HOST/DATABASE or mysql://HOST/DATABASE"
        );
    }

    #[test]
    fn a_url_of_a_server_is_shown_without_its_secrets() {
        for (url, shown) in [
            ("postgres://u:hunter2@db:5432/registry", "postgres://u@db:5432/registry"),
            ("postgresql://u:hunter2@a,b/registry?password=hunter2", "postgresql://u@a,b/registry"),
            ("postgres://localhost/registry?sslmode=require", "postgres://localhost/registry"),
            ("mysql://u:hunter2@db/registry", "mysql://u@db/registry"),
            ("mariadb://u:hunter%402@db/registry", "mysql://u@db/registry"),
        ] {
            let parsed: DatabaseUrl = url.parse().unwrap();
            assert_eq!(parsed.to_string(), shown);
            assert!(!format!("{parsed:?}").contains("hunter"), "{parsed:?}");
        }
    }

    #[test]
    fn what_is_no_url_of_a_server_is_refused_without_repeating_secrets() {
        for (url, expected) in [
            ("postgres://u:hunter2@db:port/registry", DatabaseUrlError::Postgres),
            ("postgres://u:hunter2@db/registry?hunter2=1", DatabaseUrlError::Postgres),
            ("mysql://u:hunter2@db:port/registry", DatabaseUrlError::Mysql),
            ("mysql://u:hunter2@db", DatabaseUrlError::Mysql),
            ("mysql://u:hunter2@db/", DatabaseUrlError::Mysql),
            ("mysql:registry", DatabaseUrlError::Mysql),
        ] {
            let error = url.parse::<DatabaseUrl>().unwrap_err();
            assert_eq!(error, expected, "{url}");
            assert!(!error.to_string().contains("hunter"), "{error}");
        }
    }
}
