//! What the process is given in its environment, for what finds credentials there.

use std::collections::HashMap;
use std::fmt;

/// Variables of the process. `Debug` shows none.
#[derive(Clone, Default)]
pub(crate) struct Variables(pub(crate) HashMap<String, String>);

impl Variables {
    /// What the names of those begin with by which vendors' programs find credentials.
    const PREFIXES: [&str; 7] = ["AWS_", "GOOGLE_", "AZURE_", "ALIBABA_CLOUD_", "OSS_", "TENCENTCLOUD_", "TKE_"];
    /// Where a user's files are, and Google's metadata server.
    const NAMES: [&str; 3] = ["HOME", "XDG_CONFIG_HOME", "GCE_METADATA_HOST"];

    /// Takes those that can say where credentials are.
    pub(crate) fn of(variables: &[(String, String)]) -> Self {
        Self(variables.iter().filter(|(name, _)| Self::is_one(name)).cloned().collect())
    }

    /// Tells whether a variable of this name can say where credentials are.
    pub(crate) fn is_one(name: &str) -> bool {
        Self::NAMES.contains(&name) || Self::PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Variables")
    }
}
