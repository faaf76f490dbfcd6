//! What a Swift store needs to be told.

use std::fmt;

use crate::driver::object::TransferConfig;

/// The settings of the Swift driver, which are distribution's `storage.swift`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwiftConfig {
    /// The container. It is made if there is none.
    pub container: String,
    /// Who the registry is to the store.
    pub login: SwiftLogin,
    /// Which of the store's addresses is used, where the identity service knows several.
    pub endpoint: SwiftEndpoint,
    /// The region of the store, where the identity service knows several; without it, the first.
    pub region: Option<String>,
    /// The scheme and authority by which clients reach the store, if these are others.
    pub public_endpoint: Option<String>,
    /// How addresses for clients are signed.
    pub temp_url: SwiftTempUrl,
    /// What every key begins with; a `/` at its ends does not count.
    pub root_directory: String,
    /// How bytes go there. A part is a segment, of [`Self::MIN_PART_BYTES`] at least.
    pub transfer: TransferConfig,
    /// Whether the store and the identity service have to prove by their certificates who they are. The system's
    /// authorities are trusted.
    pub verify_certificate: bool,
}

impl SwiftConfig {
    /// The least size of a segment, as in distribution.
    pub const MIN_PART_BYTES: u64 = 1024 * 1024;
    /// The greatest size of a segment, unless the store says another one.
    pub const MAX_PART_BYTES: u64 = 5 * 1024 * 1024 * 1024;
    /// The size of segments where nothing else is said, as in distribution.
    pub const DEFAULT_PART_BYTES: u64 = 20 * 1024 * 1024;

    /// Returns the settings for a container, with everything else at its default.
    pub fn new(container: impl Into<String>, login: SwiftLogin) -> Self {
        Self {
            container: container.into(),
            login,
            endpoint: SwiftEndpoint::default(),
            region: None,
            public_endpoint: None,
            temp_url: SwiftTempUrl::default(),
            root_directory: String::new(),
            transfer: TransferConfig { part_bytes: Self::DEFAULT_PART_BYTES, ..TransferConfig::default() },
            verify_certificate: true,
        }
    }
}

/// Who a registry is to a Swift store. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SwiftLogin {
    /// Where to log in, such as `https://keystone.example.com/v3` or `https://swift.example.com/auth/v1.0`.
    pub url: String,
    /// How to log in.
    pub version: SwiftAuthVersion,
    /// The name of the user; to TempAuth, `account:user`.
    pub username: String,
    /// The user's password, or key.
    pub password: String,
    /// The domain that the user is in, which Keystone v3 wants to know. Without one it is the default domain.
    pub user_domain: Option<SwiftName>,
    /// What the user wants to have rights in. Keystone's v3 takes the user's default project if there is none.
    pub scope: Option<SwiftScope>,
}

impl fmt::Debug for SwiftLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwiftLogin")
            .field("url", &self.url)
            .field("version", &self.version)
            .field("username", &self.username)
            .field("user_domain", &self.user_domain)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// How a registry logs in to a Swift store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwiftAuthVersion {
    /// By two headers: TempAuth, and Ceph's gateway.
    V1,
    /// By Keystone's API v2.0.
    V2,
    /// By Keystone's API v3.
    V3,
}

impl SwiftAuthVersion {
    /// Finds the version in the address at which to log in, as distribution does.
    pub fn in_url(url: &str) -> Option<Self> {
        [("v3", Self::V3), ("v2", Self::V2), ("v1", Self::V1)]
            .into_iter()
            .find_map(|(text, version)| url.contains(text).then_some(version))
    }
}

/// How Keystone knows a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SwiftName {
    /// By its id, which is unique.
    Id(String),
    /// By its name.
    Name(String),
}

/// What a user has rights in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SwiftScope {
    /// A project, or tenant.
    Project {
        /// The project.
        project: SwiftName,
        /// The domain that a project without an id is in. Without one it is the user's. Only Keystone's v3 has domains.
        domain: Option<SwiftName>,
    },
    /// What somebody else has entrusted to the user, by the trust's id. Only Keystone's v3 has trusts.
    Trust(String),
}

/// Which address of a store is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SwiftEndpoint {
    /// The one for everybody.
    #[default]
    Public,
    /// The one within the provider's network.
    Internal,
    /// The one for administrators.
    Admin,
}

/// How addresses for clients, which Swift calls temporary URLs, are signed. `Debug` shows no secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SwiftTempUrl {
    /// The key. If neither of the two keys that are kept with the container is this one, it becomes the first, and what was
    /// the first the second. Without one, the container's first key counts, or its second; if it has none, addresses are not
    /// signed.
    pub key: Option<String>,
    /// Whether all this is about the keys of the account, and not of the container.
    pub is_of_account: bool,
    /// The methods that the store allows, if they are not those that it says itself.
    pub methods: Option<Vec<String>>,
}

impl fmt::Debug for SwiftTempUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwiftTempUrl")
            .field("is_of_account", &self.is_of_account)
            .field("methods", &self.methods)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_not_shown() {
        let login = SwiftLogin {
            url: "https://h/v3".into(),
            version: SwiftAuthVersion::V3,
            username: "u".into(),
            password: "hidden".into(),
            user_domain: None,
            scope: None,
        };
        let shown = format!("{:?}", SwiftConfig::new("c", login));
        assert!(shown.contains("https://h/v3") && !shown.contains("hidden"), "{shown}");
    }

    #[test]
    fn an_address_says_how_to_log_in() {
        for (url, version) in [
            ("https://h:5000/v3", Some(SwiftAuthVersion::V3)),
            ("https://h:5000/v3/auth", Some(SwiftAuthVersion::V3)),
            ("https://h:5000/v2.0", Some(SwiftAuthVersion::V2)),
            ("http://h:8080/auth/v1.0", Some(SwiftAuthVersion::V1)),
            ("https://h:5000/identity", None),
        ] {
            assert_eq!(SwiftAuthVersion::in_url(url), version, "{url}");
        }
    }
}
