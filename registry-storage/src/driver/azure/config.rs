//! What Azure Blob Storage needs to be told.

use std::collections::HashMap;
use std::fmt;

use crate::driver::object::TransferConfig;

/// The settings of the Azure driver, which are distribution's `storage.azure`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AzureConfig {
    /// The storage account.
    pub account: String,
    /// The container, which must exist.
    pub container: String,
    /// Where the account's blob service is, such as `https://images.blob.core.windows.net`. The account is in the path where
    /// it is not in the host, as with Azurite: `http://127.0.0.1:10000/devstoreaccount1`.
    pub endpoint: String,
    /// Where clients reach it, if that is elsewhere; as `endpoint`.
    pub public_endpoint: Option<String>,
    /// Who the registry is to the account.
    pub credentials: AzureCredentials,
    /// What the name of every blob begins with; a `/` at its ends does not count.
    pub root_directory: String,
    /// How bytes go to the container. Parts are blocks, between [`Self::MIN_PART_BYTES`] and [`Self::MAX_PART_BYTES`]; an upload
    /// has at most 50 000. What cannot be copied by the service is copied two blocks at a time, whatever is said here.
    pub transfer: TransferConfig,
    /// Whether the service has to prove by its certificate who it is. The system's authorities are trusted.
    pub verify_certificate: bool,
}

impl AzureConfig {
    /// The least size of blocks. Azure takes smaller ones; there would be too few of them for a large blob.
    pub const MIN_PART_BYTES: u64 = 1024 * 1024;
    /// The greatest size of a block that Azure takes.
    pub const MAX_PART_BYTES: u64 = 4000 * 1024 * 1024;
    /// The domain of the public cloud.
    pub const PUBLIC_REALM: &str = "core.windows.net";

    /// Returns the settings for a container of the public cloud.
    pub fn new(account: impl Into<String>, container: impl Into<String>, credentials: AzureCredentials) -> Self {
        let account = account.into();
        Self {
            endpoint: Self::endpoint_in(&account, Self::PUBLIC_REALM),
            public_endpoint: None,
            account,
            container: container.into(),
            credentials,
            root_directory: String::new(),
            transfer: TransferConfig::default(),
            verify_certificate: true,
        }
    }

    /// Returns where an account's blob service is in the cloud of a realm, such as `core.usgovcloudapi.net`.
    pub fn endpoint_in(account: &str, realm: &str) -> String {
        format!("https://{account}.blob.{realm}")
    }

    /// Returns where the cloud of a realm hands out tokens.
    pub fn authority_in(realm: &str) -> &'static str {
        match realm {
            "core.chinacloudapi.cn" => "https://login.chinacloudapi.cn",
            "core.usgovcloudapi.net" => "https://login.microsoftonline.us",
            _ => "https://login.microsoftonline.com",
        }
    }
}

/// Who a registry is to a storage account. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub enum AzureCredentials {
    /// One of the account's two keys, in base64.
    SharedKey(String),
    /// A shared access signature that somebody has made for the container: the query of an address, without `?`.
    Sas(String),
    /// An application that is registered in Microsoft Entra, with its secret.
    ClientSecret {
        /// The tenant in which it is registered.
        tenant_id: String,
        /// The application.
        client_id: String,
        /// Its secret.
        secret: String,
        /// Where tokens are handed out, such as `https://login.microsoftonline.com`.
        authority: String,
    },
    /// Whatever the process is given, in this order: the secret of an application, the workload identity of a Kubernetes
    /// account, the managed identity of the machine.
    Ambient {
        /// The variables of the process, of which those count whose names begin with `AZURE_`.
        variables: HashMap<String, String>,
    },
}

impl fmt::Debug for AzureCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SharedKey(_) => f.write_str("SharedKey"),
            Self::Sas(_) => f.write_str("Sas"),
            Self::ClientSecret { tenant_id, client_id, authority, .. } => f
                .debug_struct("ClientSecret")
                .field("tenant_id", tenant_id)
                .field("client_id", client_id)
                .field("authority", authority)
                .finish_non_exhaustive(),
            Self::Ambient { .. } => f.write_str("Ambient"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let variables = [("AZURE_CLIENT_SECRET".to_owned(), "hidden".to_owned())].into();
        for credentials in [
            AzureCredentials::SharedKey("hidden".into()),
            AzureCredentials::Sas("sv=2020-12-06&sig=hidden".into()),
            AzureCredentials::ClientSecret {
                tenant_id: "t".into(),
                client_id: "c".into(),
                secret: "hidden".into(),
                authority: "a".into(),
            },
            AzureCredentials::Ambient { variables },
        ] {
            let shown = format!("{:?}", AzureConfig::new("images", "registry", credentials));
            assert!(shown.contains("images") && !shown.contains("hidden"), "{shown}");
        }
    }

    #[test]
    fn clouds_have_domains_of_their_own() {
        let realm = "core.usgovcloudapi.net";
        assert_eq!(AzureConfig::endpoint_in("images", realm), "https://images.blob.core.usgovcloudapi.net");
        assert_eq!(AzureConfig::authority_in(realm), "https://login.microsoftonline.us");
        assert_eq!(AzureConfig::authority_in(AzureConfig::PUBLIC_REALM), "https://login.microsoftonline.com");
    }
}
