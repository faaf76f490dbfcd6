//! Who signs requests, and what they are signed with.

use std::collections::HashMap;

use reqsign_azure_storage::{
    ClientSecretCredentialProvider, Credential, ImdsCredentialProvider, RequestSigner, StaticCredentialProvider,
    WorkloadIdentityCredentialProvider,
};
use reqsign_core::{ProvideCredentialChain, Signer};

use super::address::Address;
use super::config::{AzureConfig, AzureCredentials};
use crate::driver::object::connection::Connections;
use crate::driver::object::credentials::context;

/// Makes what signs requests. It gets a token when one is first needed, and another before that expires.
///
/// Addresses that it signs are for reading, and for TLS alone where clients have that.
pub(super) fn signer(config: &AzureConfig, address: &Address, connections: &Connections) -> Signer<Credential> {
    let mut signs = RequestSigner::new().with_service_sas_permissions("r");
    if address.public.0.is_encrypted() {
        signs = signs.with_service_sas_protocol("https");
    }
    let with = |variables| context(variables, None, connections);
    match &config.credentials {
        AzureCredentials::SharedKey(key) => {
            Signer::new(with(HashMap::new()), StaticCredentialProvider::new_shared_key(&config.account, key), signs)
        }
        AzureCredentials::Sas(token) => {
            Signer::new(with(HashMap::new()), StaticCredentialProvider::new_sas_token(token), signs)
        }
        AzureCredentials::ClientSecret { tenant_id, client_id, secret, authority } => {
            let given = [
                ("AZURE_TENANT_ID", tenant_id),
                ("AZURE_CLIENT_ID", client_id),
                ("AZURE_CLIENT_SECRET", secret),
                ("AZURE_AUTHORITY_HOST", authority),
            ];
            let given = given.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
            Signer::new(with(given), ClientSecretCredentialProvider::new(), signs)
        }
        AzureCredentials::Ambient { variables } => {
            let found = ProvideCredentialChain::new()
                .push(ClientSecretCredentialProvider::new())
                .push(WorkloadIdentityCredentialProvider::new())
                .push(ImdsCredentialProvider::new());
            Signer::new(with(variables.clone()), found, signs)
        }
    }
}
