//! Paths below a storage's root.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

/// The longest path in bytes; object stores allow no longer keys.
pub const STORAGE_PATH_MAX_BYTES: usize = 1024;

/// The text is not a path of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a storage path; expected `/`-led components of a-z, A-Z, 0-9, `.`, `_` and `-`, none of them `.` or `..`, \
     and at most {STORAGE_PATH_MAX_BYTES} bytes in all"
)]
pub struct StoragePathError;

/// An absolute path below a storage's root, such as `/docker/registry/v2/uploads`.
///
/// It follows `^(/[A-Za-z0-9._-]+)+$`, which is the rule of distribution's drivers, and no component is `.` or `..`, so
/// that it cannot lead out of the root. Ordered bytewise.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoragePath(Box<str>);

impl StoragePath {
    /// Returns the path as text, with its leading `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the path of the directory that this is in, or `None` if that is the root.
    pub fn parent(&self) -> Option<Self> {
        match self.0.rsplit_once('/') {
            None | Some(("", _)) => None,
            Some((parent, _)) => Some(Self(parent.into())),
        }
    }
}

impl FromStr for StoragePath {
    type Err = StoragePathError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let components = s.strip_prefix('/').ok_or(StoragePathError)?;
        if s.len() <= STORAGE_PATH_MAX_BYTES && components.split('/').all(is_component) {
            Ok(Self(s.into()))
        } else {
            Err(StoragePathError)
        }
    }
}

/// Tells whether `name` can be a component of a path.
pub(crate) fn is_component(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !matches!(name, "" | "." | "..") && name.bytes().all(allowed)
}

impl fmt::Display for StoragePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for StoragePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_distribution_writes() {
        let longest = format!("/{}", "x".repeat(STORAGE_PATH_MAX_BYTES - 1));
        for text in ["/a", "/a/b", "/A.b_c-d/0", "/..a/a..", "/...", "/_layers/sha256/ab/link", &longest] {
            assert_eq!(text.parse::<StoragePath>().map(|path| path.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn refuses_everything_else() {
        let too_long = format!("/{}", "x".repeat(STORAGE_PATH_MAX_BYTES));
        for text in [
            "", "/", "a", "a/b", "//", "/a/", "/a//b", "/.", "/..", "/a/../b", "/a/./b", "/a b", "/a\\b", "/a\0", "/ä",
            "/a\n", "/a:b", "/a~", &too_long,
        ] {
            assert_eq!(text.parse::<StoragePath>(), Err(StoragePathError), "{text:?}");
        }
    }

    #[test]
    fn parents_end_below_the_root() {
        let path: StoragePath = "/a/b/c".parse().unwrap();
        let parents: Vec<_> = std::iter::successors(path.parent(), StoragePath::parent).collect();
        assert_eq!(parents.iter().map(StoragePath::as_str).collect::<Vec<_>>(), ["/a/b", "/a"]);
    }
}
