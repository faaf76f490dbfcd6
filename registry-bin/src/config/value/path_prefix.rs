//! The path below which the registry answers.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ValueError;

/// A path such as `/registry`, kept without a slash at its end; empty for the root.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct PathPrefix(String);

impl PathPrefix {
    /// Returns the path: empty, or with a slash at its start and none at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PathPrefix {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let is_segment = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain);
        match path.strip_prefix('/') {
            _ if path.is_empty() => Ok(Self::default()),
            Some(inner) if inner.split('/').all(is_segment) => Ok(Self(path.to_owned())),
            _ => Err(ValueError::new("a path such as `/registry/` of A-Z, a-z, 0-9, `-`, `.`, `_` and `~`", text)),
        }
    }
}

impl TryFrom<String> for PathPrefix {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl From<PathPrefix> for String {
    fn from(prefix: PathPrefix) -> Self {
        prefix.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_read() {
        for (text, prefix) in [("", ""), ("/", ""), ("/registry/", "/registry"), ("/a/b.c", "/a/b.c")] {
            assert_eq!(text.parse::<PathPrefix>().unwrap().as_str(), prefix);
        }
        for text in ["registry", "//", "/a//b", "/a/../b", "/a b", "/a?b", "/%41"] {
            assert!(text.parse::<PathPrefix>().is_err(), "{text}");
        }
    }
}
