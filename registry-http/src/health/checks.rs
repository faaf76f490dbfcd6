//! Checks that an operator configures (`health.file`, `health.tcp`, `health.http`).

use std::error::Error;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{HOST, HeaderMap};
use http::uri::{Authority, Scheme};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::HealthCheck;

/// Fails while a file exists: a way to take a process out of service by hand.
#[derive(Debug, Clone)]
pub struct FileCheck {
    /// The file.
    pub path: PathBuf,
}

#[async_trait]
impl HealthCheck for FileCheck {
    async fn check(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        let path = self.path.clone();
        let exists = tokio::task::spawn_blocking(move || path.try_exists()).await??;
        if exists { Err("file exists".into()) } else { Ok(()) }
    }
}

/// Fails while an address takes no connections.
#[derive(Debug, Clone)]
pub struct TcpCheck {
    /// `host:port`.
    pub address: String,
}

#[async_trait]
impl HealthCheck for TcpCheck {
    async fn check(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        TcpStream::connect(&self.address).await.map_err(|error| format!("{}: {error}", self.address))?;
        Ok(())
    }
}

/// Fails while a URL does not answer HEAD with the expected status.
#[derive(Debug, Clone)]
pub struct HttpCheck {
    authority: Authority,
    target: String,
    status: StatusCode,
    headers: HeaderMap,
}

/// Why a URL cannot be checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be checked; expected a URL that begins with `http://`")]
pub struct HttpCheckError(String);

impl HttpCheck {
    /// Asks `url`, which has to be plain `http`, with additional headers.
    ///
    /// # Errors
    /// If the URL is of another scheme, or none.
    pub fn new(url: &str, status: StatusCode, headers: HeaderMap) -> Result<Self, HttpCheckError> {
        let error = || HttpCheckError(url.to_owned());
        let parts = url.parse::<Uri>().map_err(|_| error())?.into_parts();
        let authority = parts.authority.filter(|_| parts.scheme == Some(Scheme::HTTP)).ok_or_else(error)?;
        let target = parts.path_and_query.map_or_else(|| "/".to_owned(), |target| target.to_string());
        Ok(Self { authority, target, status, headers })
    }
}

#[async_trait]
impl HealthCheck for HttpCheck {
    async fn check(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        let host = self.authority.host().trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, self.authority.port_u16().unwrap_or(80))).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let mut request = Request::builder().method(Method::HEAD).uri(&self.target);
        if let Some(headers) = request.headers_mut() {
            headers.insert(HOST, self.authority.as_str().parse()?);
            headers.extend(self.headers.clone());
        }
        let answer = sender.send_request(request.body(Empty::<Bytes>::new())?);
        let status = tokio::select! {
            answer = answer => answer?.status(),
            ended = connection => {
                ended?;
                return Err("the connection ended without an answer".into());
            }
        };
        if status == self.status { Ok(()) } else { Err(format!("unexpected status: {}", status.as_u16()).into()) }
    }
}
