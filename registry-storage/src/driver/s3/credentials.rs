//! Who signs requests to Amazon, and what they are signed with.

use std::sync::Arc;

use reqsign_aws_v4::{DefaultCredentialProvider, RequestSigner, StaticCredentialProvider};
use reqsign_core::{Context, Signer};

use super::config::S3Credentials;
use super::signing::Sign;
use crate::driver::object::connection::Connections;
use crate::driver::object::credentials::context;

/// Makes what signs requests. It finds credentials when they are first needed, and again before they expire.
pub(super) fn signer(credentials: &S3Credentials, region: &str, connections: &Connections) -> Arc<dyn Sign> {
    let signs = RequestSigner::new("s3", region);
    Arc::new(match credentials {
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
            envs.entry("AWS_REGION".to_owned()).or_insert_with(|| region.to_owned());
            let context = context(envs, home.clone(), connections);
            Signer::new(context, DefaultCredentialProvider::new(), signs)
        }
    })
}
