//! Who signs requests, and what they are signed with.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use reqsign_aws_v4::{Credential, DefaultCredentialProvider, RequestSigner, StaticCredentialProvider};
use reqsign_core::{Context, FileRead, HttpSend, Signer, StaticEnv};

use super::config::{S3Config, S3Credentials};
use crate::driver::object::connection::Connections;

/// How long a service that hands out credentials may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How large its answer may be.
const ANSWER_MAX_BYTES: usize = 256 * 1024;

/// Makes what signs requests. It finds credentials when they are first needed, and again before they expire.
pub(super) fn signer(config: &S3Config, connections: &Connections) -> Signer<Credential> {
    let signs = RequestSigner::new("s3", &config.region);
    match &config.credentials {
        S3Credentials::Keys { access_key, secret_key, session_token } => {
            let mut keys = StaticCredentialProvider::new(access_key, secret_key);
            if let Some(token) = session_token {
                keys = keys.with_session_token(token);
            }
            Signer::new(Context::new(), keys, signs)
        }
        S3Credentials::Ambient { variables, home } => {
            let mut envs = variables.clone();
            // Where a role is asked for, it is asked for in a region.
            envs.entry("AWS_REGION".to_owned()).or_insert_with(|| config.region.clone());
            let context = Context::new()
                .with_env(StaticEnv { home_dir: home.clone(), envs })
                .with_file_read(Files)
                .with_http_send(Services(connections.clone()));
            Signer::new(context, DefaultCredentialProvider::new(), signs)
        }
    }
}

#[derive(Debug)]
struct Files;

impl FileRead for Files {
    async fn file_read(&self, path: &str) -> reqsign_core::Result<Vec<u8>> {
        let failed = |error| unexpected(&format!("reading `{path}`"), error);
        let owned = path.to_owned();
        let read = tokio::task::spawn_blocking(move || std::fs::read(owned)).await;
        read.map_err(|stopped| failed(std::io::Error::other(stopped)))?.map_err(failed)
    }
}

#[derive(Debug)]
struct Services(Connections);

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
