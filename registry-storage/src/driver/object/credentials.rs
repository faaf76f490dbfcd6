//! Where credentials are found that nobody configured: in files, and by asking services that hand them out.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use reqsign_core::{Context, FileRead, HttpSend, StaticEnv};

use super::connection::Connections;

/// How long a service that hands out credentials may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How large its answer may be.
const ANSWER_MAX_BYTES: usize = 256 * 1024;

/// Returns what finds credentials with the variables and below the home of the process.
pub(crate) fn context(variables: HashMap<String, String>, home: Option<PathBuf>, connections: &Connections) -> Context {
    Context::new()
        .with_env(StaticEnv { home_dir: home, envs: variables })
        .with_file_read(Files)
        .with_http_send(Services::new(connections.clone()))
}

/// Reads files.
#[derive(Debug)]
pub(crate) struct Files;

impl FileRead for Files {
    async fn file_read(&self, path: &str) -> reqsign_core::Result<Vec<u8>> {
        let failed = |error| unexpected(&format!("reading `{path}`"), error);
        let owned = path.to_owned();
        let read = tokio::task::spawn_blocking(move || std::fs::read(owned)).await;
        read.map_err(|stopped| failed(std::io::Error::other(stopped)))?.map_err(failed)
    }
}

/// Asks services, within a deadline and for no more than a bounded answer.
#[derive(Debug)]
pub(crate) struct Services(Connections);

impl Services {
    pub(crate) fn new(connections: Connections) -> Self {
        Self(connections)
    }
}

impl HttpSend for Services {
    async fn http_send(&self, request: http::Request<Bytes>) -> reqsign_core::Result<http::Response<Bytes>> {
        let authority = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let failed = |error| unexpected(&format!("asking `{authority}` for credentials"), error);
        let answered = async {
            let (parts, body) = self.0.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, ANSWER_MAX_BYTES).collect().await?.to_bytes();
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(http::Response::from_parts(parts, body))
        };
        match tokio::time::timeout(TIMEOUT, answered).await {
            Ok(answer) => answer.map_err(|error| failed(std::io::Error::other(error))),
            Err(_) => Err(failed(std::io::ErrorKind::TimedOut.into())),
        }
    }
}

fn unexpected(what: &str, error: std::io::Error) -> reqsign_core::Error {
    reqsign_core::Error::unexpected(format!("{what}: {error}"))
}
