//! Connecting to PostgreSQL.

use std::time::Duration;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::{DatabaseUrlError, ServerConfig, ServerUrl, TlsConfig, with_parameters};
use crate::error::OpenError;
use crate::server::{ConnectError, authorities};

/// Where a PostgreSQL server is, and how it is used.
pub(crate) struct Postgres {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    connect_timeout: Duration,
    session: String,
}

impl Postgres {
    pub(crate) fn new(url: &ServerUrl, server: &ServerConfig) -> Result<Self, OpenError> {
        let mut config = parse(url.expose())
            .map_err(|error| OpenError::Connect { database: url.to_string(), source: error.into() })?;
        let tls = match (&server.tls, config.get_ssl_mode()) {
            (Some(tls), _) => Some(connector(tls)?),
            (None, SslMode::Require) => Some(connector(&TlsConfig::default())?),
            (None, _) => None,
        };
        if tls.is_some() {
            config.ssl_mode(SslMode::Require);
        }
        if config.get_application_name().is_none() {
            config.application_name("registry");
        }
        config
            .connect_timeout(server.connect_timeout)
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(5))
            .tcp_user_timeout(server.timeout);
        Ok(Self { config, tls, connect_timeout: server.connect_timeout, session: session(server.timeout) })
    }

    pub(super) async fn establish(&self) -> Result<AsyncPgConnection, ConnectError> {
        match timeout(self.connect_timeout, self.connect_and_set_up()).await {
            Ok(connected) => connected,
            Err(elapsed) => Err(ConnectError::passing(elapsed)),
        }
    }

    async fn connect_and_set_up(&self) -> Result<AsyncPgConnection, ConnectError> {
        let connected = match &self.tls {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await.map_err(refused)?;
                AsyncPgConnection::try_from_client_and_connection(client, connection).await
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await.map_err(refused)?;
                AsyncPgConnection::try_from_client_and_connection(client, connection).await
            }
        };
        let mut connection = connected.map_err(ConnectError::passing)?;
        connection.batch_execute(&self.session).await.map_err(ConnectError::passing)?;
        Ok(connection)
    }
}

/// Reads a URL. What is wrong with it is not told in the driver's words, which might repeat a password.
pub(crate) fn parse(url: &str) -> Result<Config, DatabaseUrlError> {
    // The driver leaves it to us to look at certificates, and so does not know that one can ask for that.
    let url = with_parameters(url, |parameter| match parameter {
        "sslmode=verify-ca" | "sslmode=verify-full" => "sslmode=require",
        other => other,
    });
    url.parse().map_err(|_| DatabaseUrlError::Postgres)
}

/// What the session is to be like: no statement lasts longer than anybody waits for it, so that what a lost client has
/// left behind ends soon; commits are durable even where the server's default says otherwise; and pages are read in the
/// order of an index. Where most repositories are small, the server would rather collect all of one and sort it, which for
/// the large one among them takes as long as that is large.
fn session(call_timeout: Duration) -> String {
    let timeout_ms = call_timeout.as_millis().max(1);
    let lock_timeout_ms = (timeout_ms / 2).max(1);
    format!(
        "SET statement_timeout = {timeout_ms}; \
         SET lock_timeout = {lock_timeout_ms}; \
         SET idle_in_transaction_session_timeout = {timeout_ms}; \
         SET enable_bitmapscan = off; \
         SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
}

fn connector(tls: &TlsConfig) -> Result<MakeRustlsConnect, OpenError> {
    let mut roots = RootCertStore::empty();
    let authorities = authorities(tls)?;
    if authorities.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots.add_parsable_certificates(authorities);
    Ok(MakeRustlsConnect::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

/// Whatever the server answers is final, unless it is starting, stopping or full.
fn refused(error: tokio_postgres::Error) -> ConnectError {
    let passing = [SqlState::CANNOT_CONNECT_NOW, SqlState::TOO_MANY_CONNECTIONS, SqlState::ADMIN_SHUTDOWN];
    let is_final = error.code().is_some_and(|code| !passing.contains(code));
    ConnectError { is_final, source: Box::new(error) }
}
