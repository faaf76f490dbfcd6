//! Who the registry is, what proves it, and what signs addresses for clients.

use std::collections::HashMap;

use reqsign_core::{Context, ProvideCredential, Result, Signer};
use reqsign_google::{Credential, RequestSigner, VmMetadataCredentialProvider, WellKnownCredentialProvider};

use super::config::GcsCredentials;
use super::key::{KeyFile, Keys, Tokens, token};
use crate::driver::object::connection::Connections;
use crate::driver::object::credentials::context;

/// What the registry asks to be allowed.
pub(super) const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";
/// Where the environment says which file has the credential.
const FILE_VARIABLE: &str = "GOOGLE_APPLICATION_CREDENTIALS";

/// Makes what signs requests, `None` if nobody does. It gets a token when one is first needed, and another before that
/// expires.
pub(super) fn signer(credentials: &GcsCredentials, connections: &Connections) -> Option<Signer<Credential>> {
    let signs = RequestSigner::new("storage").with_scope(SCOPE);
    let context = context(variables(credentials), None, connections);
    Some(match (credentials, key_file(credentials)) {
        (GcsCredentials::Anonymous, _) => return None,
        (_, Some(file)) => Signer::new(context, Tokens(file), signs),
        (_, None) => Signer::new(context, Found::default(), signs),
    })
}

/// Makes what signs addresses: the key of a service account, if there is one. Nothing else signs without asking Google each time.
pub(super) fn presigner(credentials: &GcsCredentials, connections: &Connections) -> Option<Signer<Credential>> {
    let context = context(HashMap::new(), None, connections);
    Some(Signer::new(context, Keys(key_file(credentials)?), RequestSigner::new("storage")))
}

/// Returns where the credential is, if that is known.
fn key_file(credentials: &GcsCredentials) -> Option<KeyFile> {
    match credentials {
        GcsCredentials::Anonymous => None,
        GcsCredentials::Json(json) => Some(KeyFile::Text(json.clone())),
        GcsCredentials::File(path) => Some(KeyFile::At(path.to_string_lossy().into_owned())),
        GcsCredentials::Ambient { variables } => {
            variables.get(FILE_VARIABLE).filter(|path| !path.is_empty()).cloned().map(KeyFile::At)
        }
    }
}

fn variables(credentials: &GcsCredentials) -> HashMap<String, String> {
    match credentials {
        GcsCredentials::Ambient { variables } => variables.clone(),
        _ => HashMap::new(),
    }
}

/// What `gcloud` left, or else the account of the machine. Why that gives none is told, since nothing else is left to ask.
#[derive(Debug)]
struct Found {
    left: WellKnownCredentialProvider,
    machine: VmMetadataCredentialProvider,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            left: WellKnownCredentialProvider::new().with_scope(SCOPE),
            machine: VmMetadataCredentialProvider::new().with_scope(SCOPE),
        }
    }
}

impl ProvideCredential for Found {
    type Credential = Credential;

    async fn provide_credential(&self, context: &Context) -> Result<Option<Credential>> {
        match self.left.provide_credential(context).await? {
            Some(Credential { service_account: Some(account), .. }) => {
                Ok(Some(Credential::with_token(token(context, &account.into()).await?)))
            }
            Some(credential) => Ok(Some(credential)),
            None => self.machine.provide_credential(context).await,
        }
    }
}
