//! Who may use the registry.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{named, present};
use crate::config::value::Opaque;

/// Who may use the registry: at most one way.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("type" = ["object", "string"]))]
pub struct AuthConfig {
    /// Names and passwords in a file.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub htpasswd: Option<HtpasswdConfig>,
    /// Everybody may do everything, as when nothing is said.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub none: Option<NoAuthConfig>,
    /// Tokens of a token server. Not supported yet.
    #[serde(deserialize_with = "present", skip_serializing)]
    pub token: Option<Opaque>,
    /// distribution's example for its developers. Not supported.
    #[serde(deserialize_with = "present", skip_serializing)]
    pub silly: Option<Opaque>,
}

/// The way that a configuration names.
#[derive(Debug, Clone, Copy)]
pub enum AuthKind<'a> {
    /// Everybody may do everything.
    None,
    /// Names and passwords in a file.
    Htpasswd(&'a HtpasswdConfig),
}

impl AuthConfig {
    /// Returns the way.
    pub fn kind(&self) -> AuthKind<'_> {
        match &self.htpasswd {
            Some(htpasswd) => AuthKind::Htpasswd(htpasswd),
            None => AuthKind::None,
        }
    }

    /// Returns the names of the ways that are there: those that exist here, and those that do not.
    pub(in crate::config) fn named_kinds(&self) -> (Vec<&'static str>, Vec<&'static str>) {
        let own = named(&[("htpasswd", self.htpasswd.is_some()), ("none", self.none.is_some())]);
        (own, named(&[("token", self.token.is_some()), ("silly", self.silly.is_some())]))
    }
}

/// Names and passwords in a file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HtpasswdConfig {
    /// The name that clients show when they ask for a password.
    pub realm: String,
    /// The file, in the format of Apache's htpasswd. Required.
    pub path: PathBuf,
}

impl Default for HtpasswdConfig {
    fn default() -> Self {
        Self { realm: "registry".to_owned(), path: PathBuf::new() }
    }
}

/// No authentication. It has no settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NoAuthConfig {}
