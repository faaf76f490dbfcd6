//! Connecting to MySQL and MariaDB.

use std::time::Duration;

use diesel_async::{AsyncMysqlConnection, SimpleAsyncConnection as _};
use mysql_async::{Conn, Opts, OptsBuilder, SslOpts};
use tokio::time::timeout;

use crate::config::{DatabaseUrlError, ServerConfig, ServerUrl, TlsConfig, with_parameters};
use crate::error::OpenError;
use crate::server::{ConnectError, authorities};

/// How long the server keeps a session of which it hears nothing. Longer than a connection is idle in the pool.
const SESSION_TIMEOUT_SECONDS: u32 = 90;
const KEEPALIVE_MS: u32 = 10_000;
/// The server is starting, stopping or full.
const PASSING_CODES: [u16; 4] = [1040, 1053, 1203, 1927];

/// Where a MySQL or MariaDB server is, and how it is used.
pub(crate) struct Mysql {
    options: Opts,
    connect_timeout: Duration,
    session: String,
}

impl Mysql {
    pub(crate) fn new(url: &ServerUrl, server: &ServerConfig) -> Result<Self, OpenError> {
        let failed = |error: DatabaseUrlError| OpenError::Connect { database: url.to_string(), source: error.into() };
        let options = parse(url.expose()).map_err(failed)?;
        let tls = match &server.tls {
            Some(tls) => Some(ssl(tls)?),
            None => options.ssl_opts().cloned(),
        };
        let options = OptsBuilder::from_opts(options)
            .ssl_opts(tls)
            .tcp_keepalive(Some(KEEPALIVE_MS))
            .client_found_rows(true)
            // Statements are kept by diesel, and the address is the one in the URL, not a socket that the server names.
            .stmt_cache_size(0)
            .prefer_socket(false);
        Ok(Self { options: options.into(), connect_timeout: server.connect_timeout, session: session(server.timeout) })
    }

    pub(super) async fn establish(&self) -> Result<AsyncMysqlConnection, ConnectError> {
        match timeout(self.connect_timeout, self.connect_and_set_up()).await {
            Ok(connected) => connected,
            Err(elapsed) => Err(ConnectError::passing(elapsed)),
        }
    }

    async fn connect_and_set_up(&self) -> Result<AsyncMysqlConnection, ConnectError> {
        let connection = Conn::new(self.options.clone()).await.map_err(refused)?;
        let mut connection = AsyncMysqlConnection::try_from(connection).await.map_err(ConnectError::passing)?;
        connection.batch_execute(&self.session).await.map_err(ConnectError::passing)?;
        Ok(connection)
    }
}

/// Reads a URL. What is wrong with it is not told in the driver's words, which might repeat a password.
pub(crate) fn parse(url: &str) -> Result<Opts, DatabaseUrlError> {
    // As the driver of most programs in Go has it.
    let url = with_parameters(url, |parameter| match parameter {
        "tls=true" => "require_ssl=true",
        "tls=false" => "require_ssl=false",
        other => other,
    });
    let options = Opts::from_url(&url).map_err(|_| DatabaseUrlError::Mysql)?;
    let names_a_database = options.db_name().is_some_and(|name| !name.is_empty());
    if names_a_database { Ok(options) } else { Err(DatabaseUrlError::Mysql) }
}

/// What the session is to be like: a value that does not fit is an error, errors are in English, and what a lost client
/// has left behind ends soon.
fn session(call_timeout: Duration) -> String {
    let timeout_seconds = call_timeout.as_secs().max(1);
    let lock_timeout_seconds = (timeout_seconds / 2).max(1);
    format!(
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
         SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), lc_messages = 'en_US', autocommit = 1, \
             innodb_lock_wait_timeout = {lock_timeout_seconds}, wait_timeout = {SESSION_TIMEOUT_SECONDS}; \
         /*M!100300 SET SESSION max_statement_time = {timeout_seconds}, idle_transaction_timeout = {timeout_seconds} */"
    )
}

fn ssl(tls: &TlsConfig) -> Result<SslOpts, OpenError> {
    let authorities = authorities(tls)?;
    let options = SslOpts::default().with_disable_built_in_roots(!authorities.is_empty());
    Ok(options.with_root_certs(authorities.into_iter().map(|authority| authority.to_vec().into()).collect()))
}

/// Whatever the server answers is final, unless it is starting, stopping or full.
fn refused(error: mysql_async::Error) -> ConnectError {
    let is_final = matches!(&error, mysql_async::Error::Server(error) if !PASSING_CODES.contains(&error.code));
    ConnectError { is_final, source: Box::new(error) }
}
