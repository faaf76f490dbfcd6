//! Writing an object unless there is one.
//!
//! Swift looks whether there is an object before it takes the new one's body, so that of several that are written at once
//! each may be told that it was the first, and the last one stays. What Swift does only once is to make a container.
//! So whoever makes a certain container has the turn to write, and removes it afterwards.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use registry_core::store::StoreErrorKind;
use tokio::time::Instant;

use super::address::uri;
use super::{Swift, checksum};
use crate::driver::object::error::Failure;
use crate::driver::object::exchange::Call;
use crate::error::DriverError;
use crate::path::StoragePath;

/// How long to wait for somebody else's turn to end. Its requests have shorter deadlines.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(200);

impl Swift {
    /// Writes an object unless there is one. If this is cut short, the container stays, and the next one who tries says so.
    pub(super) async fn write_new(&self, path: &StoragePath, body: Bytes) -> Result<(), Failure> {
        let turn = format!("/{}-turn", self.address.container());
        let patience_ends = Instant::now() + PATIENCE;
        loop {
            if self.look(path).await?.is_some() {
                let key = self.address.key(path);
                return Err(DriverError::new(StoreErrorKind::AlreadyExists, "write", key, "it is there already").into());
            }
            if self.take_turn(&turn).await? {
                break;
            }
            if Instant::now() > patience_ends {
                let why = format!(
                    "the container `{}` is there, which a process left that was stopped; remove it",
                    &turn[1..]
                );
                let key = self.address.key(path);
                return Err(DriverError::new(StoreErrorKind::Unavailable, "write", key, why).into());
            }
            tokio::time::sleep(PAUSE).await;
        }
        let mut call = self.call("write", Method::PUT, Some(&self.address.key(path)), &[]);
        call.headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("*"));
        call.headers.insert(header::ETAG, checksum(&body).await);
        call.body = body;
        let written = self.write(call).await;
        if written.as_ref().is_err_and(|failure| failure.kind() == StoreErrorKind::Unavailable) {
            // It may still be written, and must not be written over.
            return written.map(drop);
        }
        let call = self.turn("end the turn of", Method::DELETE, &turn);
        self.exchange.remove(&call).await?;
        written.map(drop)
    }

    /// Makes the container that gives the turn, and tells whether it was not there.
    async fn take_turn(&self, turn: &str) -> Result<bool, Failure> {
        let answer = self.exchange.open(&self.turn("make container", Method::PUT, turn)).await?;
        Ok(answer.status() == StatusCode::CREATED)
    }

    fn turn(&self, operation: &'static str, method: Method, turn: &str) -> Call {
        Call { operation, subject: turn[1..].to_owned(), method, uri: uri(turn, &[]), ..Call::default() }
    }
}
