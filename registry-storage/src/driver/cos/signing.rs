//! Who signs requests to Tencent COS, and what they are signed with.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::request::Parts;
use http::{HeaderValue, header};
use reqsign_core::{Context, Error, Signer};
use reqsign_tencent_cos::{Credential, DefaultCredentialProvider, RequestSigner, StaticCredentialProvider};

use crate::driver::object::connection::Connections;
use crate::driver::object::credentials::context;
use crate::driver::s3::S3Credentials;
use crate::driver::s3::signing::Sign;

/// Signs requests to one bucket.
#[derive(Debug)]
pub(super) struct CosSign(Signer<Credential>);

impl CosSign {
    /// Makes what signs requests. It finds credentials when they are first needed, and again before they expire.
    pub(super) fn shared(credentials: &S3Credentials, connections: &Connections) -> Arc<dyn Sign> {
        let signs = RequestSigner::new();
        Arc::new(Self(match credentials {
            S3Credentials::Keys { access_key, secret_key, session_token } => {
                let keys = match session_token {
                    Some(token) => StaticCredentialProvider::with_security_token(access_key, secret_key, token),
                    None => StaticCredentialProvider::new(access_key, secret_key),
                };
                Signer::new(Context::new(), keys, signs)
            }
            S3Credentials::Ambient { variables, home } => {
                let context = context(variables.clone(), home.clone(), connections);
                Signer::new(context, DefaultCredentialProvider::new(), signs)
            }
        }))
    }
}

#[async_trait]
impl Sign for CosSign {
    /// Signs the host as well, so that the request counts for this bucket alone.
    async fn sign(&self, request: &mut Parts, expires_in: Option<Duration>) -> reqsign_core::Result<()> {
        let host = request.uri.authority().map_or("", |authority| authority.as_str());
        let host = HeaderValue::try_from(host).map_err(|error| Error::request_invalid("no host").with_source(error))?;
        request.headers.insert(header::HOST, host);
        self.0.sign(request, expires_in).await
    }
}
