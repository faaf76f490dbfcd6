//! Where the table is.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use mysql_async::{Opts, OptsBuilder, SslOpts};

use crate::config::DatabaseUrl;
use crate::mysql;

/// How the database of a [`CatalogTable`](super::CatalogTable) is reached. Shown without its password.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogTableConfig {
    /// Where the server is.
    pub address: MysqlAddress,
    /// Whom it knows us by.
    pub user: Option<String>,
    /// What it knows us from.
    pub password: Option<String>,
    /// The name of the database.
    pub database: String,
    /// Whether connections are encrypted.
    pub tls: CatalogTableTls,
    /// Whether the password may be sent as it is to a server that asks for that.
    pub cleartext_password: bool,
    /// How long connecting takes at most.
    pub connect_timeout: Duration,
    /// How long the server may take to answer.
    pub timeout: Duration,
}

/// Where a MySQL or MariaDB server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MysqlAddress {
    /// On a port of a host.
    Tcp {
        /// Its name or address.
        host: String,
        /// The port.
        port: u16,
    },
    /// On a Unix socket.
    Unix(PathBuf),
}

/// Whether connections are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatalogTableTls {
    /// They are not.
    Disabled,
    /// They are if the server can; it need not prove who it is.
    Preferred,
    /// They are, and the server need not prove who it is.
    Unverified,
    /// They are, and the server's certificate must be valid for its host, and issued by an authority that browsers trust.
    Verified,
}

impl CatalogTableConfig {
    /// Reaches a database without a user, a password or encryption; connecting takes up to 10 seconds, an answer 30.
    pub fn new(address: MysqlAddress, database: impl Into<String>) -> Self {
        Self {
            address,
            user: None,
            password: None,
            database: database.into(),
            tls: CatalogTableTls::Disabled,
            cleartext_password: false,
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
        }
    }

    /// Tells whether it is a registry's own database, by what the two are called.
    pub fn is(&self, url: &DatabaseUrl) -> bool {
        let DatabaseUrl::Mysql(url) = url else { return false };
        let Ok(own) = mysql::parse(url.expose()) else { return false };
        let is_at = match &self.address {
            MysqlAddress::Tcp { host, port } => own.ip_or_hostname() == host && own.tcp_port() == *port,
            MysqlAddress::Unix(path) => own.socket().is_some_and(|socket| path.as_os_str() == socket),
        };
        is_at && own.db_name() == Some(&self.database)
    }

    pub(super) fn options(&self, tls: CatalogTableTls) -> Opts {
        let options = OptsBuilder::default()
            .user(self.user.clone())
            .pass(self.password.clone())
            .db_name(Some(&self.database))
            .enable_cleartext_plugin(self.cleartext_password)
            .ssl_opts(match tls {
                CatalogTableTls::Disabled => None,
                CatalogTableTls::Preferred | CatalogTableTls::Unverified => Some(
                    SslOpts::default().with_danger_accept_invalid_certs(true).with_danger_skip_domain_validation(true),
                ),
                CatalogTableTls::Verified => Some(SslOpts::default()),
            });
        match &self.address {
            MysqlAddress::Tcp { host, port } => options.ip_or_hostname(host).tcp_port(*port),
            MysqlAddress::Unix(path) => options.socket(Some(path.to_string_lossy())),
        }
        .into()
    }
}

impl fmt::Display for CatalogTableConfig {
    /// As the Go driver has it: `USER@tcp(HOST:PORT)/DATABASE`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match &self.address {
            MysqlAddress::Tcp { host, port } if host.contains(':') => write!(f, "tcp([{host}]:{port})")?,
            MysqlAddress::Tcp { host, port } => write!(f, "tcp({host}:{port})")?,
            MysqlAddress::Unix(path) => write!(f, "unix({})", path.display())?,
        }
        write!(f, "/{}", self.database)
    }
}

impl fmt::Debug for CatalogTableConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
