//! What no container of Azure can mean.

use registry_storage::driver::azure::AzureConfig as AzureDriver;

use super::Check;
use crate::config::problem::shorten;
use crate::config::section::{AzureConfig, AzureCredentialsKind};

impl Check<'_> {
    pub(super) fn azure(&mut self, azure: &AzureConfig) {
        let at = |key: &str| format!("storage.azure.{key}");
        for (key, value, example) in
            [("accountname", &azure.accountname, "myimages"), ("container", &azure.container, "registry")]
        {
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '$');
            if value.is_empty() {
                self.report(&at(key), format!("missing key `{}`; expected a name such as `{example}`", at(key)));
            } else if !value.chars().all(is_name) {
                let found = shorten(value);
                self.report(&at(key), format!("`{}`: expected a name such as `{example}`, found `{found}`", at(key)));
            }
        }
        let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
        if !azure.accountkey.expose().chars().all(is_base64) {
            self.report(&at("accountkey"), format!("`{}`: expected a key in base64", at("accountkey")));
        }
        let is_query = |c: char| c.is_ascii_graphic() && c != '#';
        if !azure.sastoken.expose().chars().all(is_query) || azure.sastoken.expose().contains("://") {
            let message = format!("`{}`: expected the query of an address, such as `sv=...&sig=...`", at("sastoken"));
            self.report(&at("sastoken"), message);
        }
        self.azure_credentials(azure);
        let (least, most) = (AzureDriver::MIN_PART_BYTES, AzureDriver::MAX_PART_BYTES);
        if azure.chunksize < least || azure.chunksize > most {
            let (key, found) = (at("chunksize"), azure.chunksize);
            self.report(&key, format!("`{key}`: expected {least} to {most} bytes, found `{found}`"));
        }
    }

    fn azure_credentials(&mut self, azure: &AzureConfig) {
        let credentials = &azure.credentials;
        if !azure.accountkey.is_empty() && !azure.sastoken.is_empty() {
            let key = "storage.azure.sastoken";
            self.report(key, format!("`{key}`: expected `accountkey` or `sastoken`, found both"));
        }
        match credentials.kind {
            Some(AzureCredentialsKind::SharedKey) if azure.accountkey.is_empty() => {
                let key = "storage.azure.accountkey";
                self.report(key, format!("missing key `{key}`; expected one of the account's keys"));
            }
            Some(AzureCredentialsKind::ClientSecret) => {
                for (key, is_missing) in [
                    ("clientid", credentials.clientid.is_empty()),
                    ("tenantid", credentials.tenantid.is_empty()),
                    ("secret", credentials.secret.is_empty()),
                ] {
                    if is_missing {
                        let key = format!("storage.azure.credentials.{key}");
                        self.report(&key, format!("missing key `{key}`; `client_secret` needs it"));
                    }
                }
            }
            _ => {}
        }
    }
}
