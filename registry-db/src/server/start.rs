//! What is done once, before the first call.

use std::time::Duration;

use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use tokio::time::{Instant, sleep};

use super::tls::is_untrusted;
use super::{ConnectError, Dialect};
use crate::error::OpenError;

/// How long to wait before the server is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Waits for the server, warns of settings by which it loses data, and brings the schema up to date. Several processes
/// may do so at the same time.
pub(super) async fn prepare<D: Dialect>(dialect: &D, database: &str, timeout: Duration) -> Result<(), OpenError> {
    let setup =
        |source: diesel::result::Error| OpenError::Setup { database: database.to_owned(), source: source.into() };
    let mut connection = connect(dialect, database, timeout).await?;
    for hazard in D::hazards(&mut connection).await.map_err(setup)? {
        tracing::warn!(%database, "the database may lose what it has acknowledged: {hazard}");
    }
    D::lock_schema(&mut connection).await.map_err(setup)?;
    let (connection, name) = (AsyncConnectionWrapper::from(connection), database.to_owned());
    // With the connection the lock goes as well.
    let migrated = tokio::task::spawn_blocking(move || D::migrate(connection, &name)).await;
    migrated.map_err(|stopped| OpenError::Setup { database: database.to_owned(), source: stopped.into() })?
}

/// Connects as soon as the server is there: in many places it is started together with us.
async fn connect<D: Dialect>(dialect: &D, database: &str, timeout: Duration) -> Result<D::Connection, OpenError> {
    let deadline = Instant::now() + timeout;
    loop {
        match dialect.connect().await {
            Ok(connection) => return Ok(connection),
            Err(ConnectError { source, .. }) if is_untrusted(&*source) => {
                return Err(OpenError::Untrusted { database: database.to_owned(), source });
            }
            Err(ConnectError { is_final: false, source }) if Instant::now() + PAUSE < deadline => {
                let error = &*source as &(dyn std::error::Error + 'static);
                tracing::warn!(%database, error, "the database cannot be reached yet; trying again");
                sleep(PAUSE).await;
            }
            Err(ConnectError { source, .. }) => {
                return Err(OpenError::Connect { database: database.to_owned(), source });
            }
        }
    }
}
