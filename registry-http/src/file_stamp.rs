//! Tells whether a file changed.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What tells a changed file from an unchanged one, also where it was replaced by another, or rewritten with the same
/// length within the resolution of its modification time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileStamp {
    device: u64,
    inode: u64,
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileStamp {
    /// Looks at the file now; None where there is none. Take it before the file is read: what changes in between is a
    /// change then.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        Some(Self {
            device: found.dev(),
            inode: found.ino(),
            len: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}
