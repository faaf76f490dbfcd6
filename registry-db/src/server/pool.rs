//! The connections.

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{self, Manager, Metrics, RecycleError, RecycleResult};

use super::Dialect;
use super::failed::ConnectError;

/// How long a connection may be idle. Servers, and what stands between, close one that is idle for long.
const IDLE_MAX: Duration = Duration::from_secs(60);

pub(super) type Pool<D> = managed::Pool<Connector<D>>;

/// Makes the pool's connections.
#[derive(Debug)]
pub(super) struct Connector<D>(pub(super) Arc<D>);

impl<D: Dialect> Manager for Connector<D> {
    type Type = D::Connection;
    type Error = ConnectError;

    async fn create(&self) -> Result<D::Connection, ConnectError> {
        self.0.connect().await
    }

    /// Whether the server is still at the other end shows when the connection is used.
    async fn recycle(&self, _: &mut D::Connection, metrics: &Metrics) -> RecycleResult<ConnectError> {
        if metrics.last_used() < IDLE_MAX { Ok(()) } else { Err(RecycleError::message("it was idle for long")) }
    }
}

/// A connection that is closed rather than given back, unless somebody says that it is good.
pub(super) struct Lease<D: Dialect>(Option<managed::Object<Connector<D>>>);

impl<D: Dialect> Lease<D> {
    pub(super) fn new(connection: managed::Object<Connector<D>>) -> Self {
        Self(Some(connection))
    }

    pub(super) fn connection(&mut self) -> &mut D::Connection {
        self.0.as_mut().expect("it is there until it is given back")
    }

    /// Lets others use the connection, on which no transaction is open.
    pub(super) fn give_back(mut self) {
        self.0 = None;
    }
}

impl<D: Dialect> Drop for Lease<D> {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(managed::Object::take(connection));
        }
    }
}
