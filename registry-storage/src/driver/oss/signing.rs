//! Who signs requests to Aliyun OSS, and what they are signed with.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::Uri;
use http::request::Parts;
use reqsign_aliyun_oss::{
    Credential, DefaultCredentialProvider, RequestSigner, SigningVersion, StaticCredentialProvider,
};
use reqsign_core::{Context, Error, Signer};

use super::config::{OssConfig, OssSignature};
use crate::driver::object::connection::Connections;
use crate::driver::object::credentials::context;
use crate::driver::s3::S3Credentials;
use crate::driver::s3::signing::Sign;

/// Signs requests to one bucket.
#[derive(Debug)]
pub(super) struct OssSign {
    signer: Signer<Credential>,
    bucket: String,
}

impl OssSign {
    /// Makes what signs requests. It finds credentials when they are first needed, and again before they expire.
    pub(super) fn shared(config: &OssConfig, connections: &Connections) -> Arc<dyn Sign> {
        let version = match config.signature {
            OssSignature::V4 => SigningVersion::V4,
            OssSignature::V1 => SigningVersion::V1,
        };
        let signs = RequestSigner::new(&config.bucket).with_region(&config.region).with_signing_version(version);
        let signer = match &config.credentials {
            S3Credentials::Keys { access_key, secret_key, session_token } => {
                let mut keys = StaticCredentialProvider::new(access_key, secret_key);
                if let Some(token) = session_token {
                    keys = keys.with_security_token(token);
                }
                Signer::new(Context::new(), keys, signs)
            }
            S3Credentials::Ambient { variables, home } => {
                let context = context(variables.clone(), home.clone(), connections);
                Signer::new(context, DefaultCredentialProvider::new(), signs)
            }
        };
        Arc::new(Self { signer, bucket: config.bucket.clone() })
    }
}

#[async_trait]
impl Sign for OssSign {
    /// What is signed names the bucket, also where the address does not: the signer takes it from the path then.
    async fn sign(&self, request: &mut Parts, expires_in: Option<Duration>) -> reqsign_core::Result<()> {
        let named = format!("{}.", self.bucket);
        if request.uri.authority().is_some_and(|authority| authority.as_str().starts_with(&named)) {
            return self.signer.sign(request, expires_in).await;
        }
        let base = format!("/{}", self.bucket);
        let target = request.uri.path_and_query().map_or("/", |target| target.as_str());
        request.uri = with_target(&request.uri, &format!("{base}{target}"))?;
        self.signer.sign(request, expires_in).await?;
        let target = request.uri.path_and_query().map_or("/", |target| target.as_str());
        request.uri = with_target(&request.uri, target.strip_prefix(&base).unwrap_or(target))?;
        Ok(())
    }
}

/// Returns an address with another path and query.
fn with_target(uri: &Uri, target: &str) -> reqsign_core::Result<Uri> {
    let invalid = |error: http::Error| Error::request_invalid("no address").with_source(error);
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target.parse().map_err(|error: http::uri::InvalidUri| invalid(error.into()))?);
    Uri::from_parts(parts).map_err(|error| invalid(error.into()))
}
