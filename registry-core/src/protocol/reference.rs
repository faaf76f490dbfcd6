//! Repository names, tags, and the reference that is one tag or one digest.
//!
//! Source: distribution-spec, "Pulling manifests". A component such as `blobs`, `manifests`, `tags` or `uploads` is a
//! legal part of a name: nothing here knows routes.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use super::digest::{Digest, DigestError, shorten};

/// The longest repository name in bytes (distribution-spec's implementers' note: host and name fit into 255 together).
pub const REPOSITORY_NAME_MAX_BYTES: usize = 255;
/// The longest tag in bytes.
pub const TAG_MAX_BYTES: usize = 128;

/// Why a text is not a repository name, tag or reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// The text does not follow the grammar of a repository name.
    #[error(
        "repository name `{0}` is invalid; expected components of a-z and 0-9, joined inside by one `.`, one or two `_` or any number of `-`, and separated by `/`"
    )]
    Name(String),
    /// The name is longer than [`REPOSITORY_NAME_MAX_BYTES`].
    #[error("repository name of {0} bytes is too long; at most {REPOSITORY_NAME_MAX_BYTES} are allowed")]
    NameTooLong(usize),
    /// The text does not follow the grammar of a namespace.
    #[error("namespace `{0}` is invalid; expected the first component of a repository name, without a `/`")]
    Namespace(String),
    /// The text does not follow the grammar of a tag.
    #[error(
        "tag `{0}` is invalid; expected 1 to {TAG_MAX_BYTES} characters of a-z, A-Z, 0-9, `_`, `.` and `-`, of which the first is not `.` or `-`"
    )]
    Tag(String),
    /// The text has a colon, so that it can only be a digest, and is not one.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

/// A valid repository name, such as `library/alpine`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryName(Box<str>);

impl RepositoryName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what stands before the first `/`, and nothing if there is none.
    pub fn namespace(&self) -> &str {
        self.0.split_once('/').map_or("", |(namespace, _)| namespace)
    }
}

impl FromStr for RepositoryName {
    type Err = ReferenceError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        if s.len() > REPOSITORY_NAME_MAX_BYTES {
            return Err(ReferenceError::NameTooLong(s.len()));
        }
        if s.as_bytes().split(|byte| *byte == b'/').all(is_component) {
            Ok(Self(s.into()))
        } else {
            Err(ReferenceError::Name(shorten(s)))
        }
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(bytes: &[u8]) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut at = 0;
    loop {
        let rest = &bytes[at..];
        let run = rest.iter().position(|b| !alphanumeric(*b)).unwrap_or(rest.len());
        if run == 0 {
            return false;
        }
        let rest = &rest[run..];
        let separator = rest.iter().position(|b| alphanumeric(*b)).unwrap_or(rest.len());
        match &rest[..separator] {
            [] => return true,
            [b'.'] | [b'_'] | [b'_', b'_'] => {}
            dashes if dashes.iter().all(|b| *b == b'-') => {}
            _ => return false,
        }
        at += run + separator;
    }
}

/// What the names of some repositories have before their first `/`. The default is that of names without one: the empty
/// text, which is nothing that a namespace is read from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Namespace(Box<str>);

impl Namespace {
    /// Returns the namespace as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Namespace {
    type Err = ReferenceError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        if s.len() > REPOSITORY_NAME_MAX_BYTES {
            return Err(ReferenceError::NameTooLong(s.len()));
        }
        if is_component(s.as_bytes()) { Ok(Self(s.into())) } else { Err(ReferenceError::Namespace(shorten(s))) }
    }
}

/// A valid tag, such as `3.20` or `latest`. Tags differ by case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(Box<str>);

impl Tag {
    /// Returns the tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let mut bytes = s.bytes();
        let valid = s.len() <= TAG_MAX_BYTES
            && bytes.next().is_some_and(word)
            && bytes.all(|b| word(b) || b == b'.' || b == b'-');
        if valid { Ok(Self(s.into())) } else { Err(ReferenceError::Tag(shorten(s))) }
    }
}

/// What a manifest is asked for by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// By a name that can move.
    Tag(Tag),
    /// By its content.
    Digest(Digest),
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        // No tag has a colon and every digest has one.
        if s.contains(':') { Ok(Self::Digest(s.parse()?)) } else { Ok(Self::Tag(s.parse()?)) }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

macro_rules! text_newtype {
    ($type:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}
text_newtype!(RepositoryName);
text_newtype!(Namespace);
text_newtype!(Tag);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_names() {
        let longest = "a".repeat(REPOSITORY_NAME_MAX_BYTES);
        for name in [
            "a",
            "library/alpine",
            "a.b",
            "a_b",
            "a__b",
            "a-b",
            "a-----b",
            "0/1/2",
            "blobs",
            "manifests/tags/list",
            "uploads/blobs/uploads",
            "a/manifests",
            &longest,
        ] {
            assert_eq!(name.parse::<RepositoryName>().unwrap().as_str(), name);
        }
        let too_long = "a".repeat(REPOSITORY_NAME_MAX_BYTES + 1);
        for name in [
            "", "/", "a/", "/a", "a//b", "A", "a..b", "a.-b", "a___b", "_a", "a_", "-a", "a-", ".", "..", "a/../b",
            "a/./b", "_uploads", "a b", "a%2fb", "a\\b", "a\0b", "é", "a:b", "a@b", &too_long,
        ] {
            assert!(name.parse::<RepositoryName>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_namespace_is_what_stands_before_the_first_slash() {
        for (name, namespace) in [("alpine", ""), ("library/alpine", "library"), ("a/b/c", "a")] {
            assert_eq!(name.parse::<RepositoryName>().unwrap().namespace(), namespace);
            let read = namespace.parse::<Namespace>();
            assert_eq!(read.is_ok(), !namespace.is_empty());
            assert_eq!(read.unwrap_or_default().as_str(), namespace);
        }
        let too_long = "a".repeat(REPOSITORY_NAME_MAX_BYTES + 1);
        for namespace in ["_", "a/b", "A", "a_", &too_long] {
            assert!(namespace.parse::<Namespace>().is_err(), "{namespace:?}");
        }
    }

    #[test]
    fn tags() {
        let longest = "a".repeat(TAG_MAX_BYTES);
        for tag in ["latest", "Latest", "_", "1.0", "a-b_c.d", "v1.0.0-rc.1", &longest] {
            assert_eq!(tag.parse::<Tag>().unwrap().as_str(), tag);
        }
        let too_long = "a".repeat(TAG_MAX_BYTES + 1);
        for tag in ["", ".", "..", ".a", "-a", "a b", "a/b", "a:b", "a@b", "a\0", "é", "a+b", &too_long] {
            assert!(tag.parse::<Tag>().is_err(), "{tag:?}");
        }
    }

    #[test]
    fn a_colon_makes_a_digest() {
        let digest = Digest::of(super::super::digest::Algorithm::Sha256, b"x").to_string();
        assert!(matches!(digest.parse(), Ok(Reference::Digest(_))));
        assert!(matches!("sha256".parse(), Ok(Reference::Tag(_))));
        assert!(matches!("sha256:zz".parse::<Reference>(), Err(ReferenceError::Digest(_))));
    }
}
