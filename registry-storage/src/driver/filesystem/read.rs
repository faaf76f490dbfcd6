//! Opening files to read them.
//!
//! What is read often has its name and its inode in the kernel's caches, and opening it takes microseconds: less than
//! to ask another thread. Where something is not in the caches, the kernel says so instead of waiting for the disk.

use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::files::{Files, not_found};
use crate::driver::Content;
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

/// Whether the file system is known to read from the page cache without waiting. It is local then, so that opening a
/// cached file asks nobody else, as it would on a network file system. Not known until a file was opened.
#[derive(Debug, Default)]
pub(super) struct Local(AtomicBool);

impl Files {
    /// Opens a file for reading `range`. Blocks.
    pub(super) fn read(&self, path: &StoragePath, range: Range<u64>) -> DriverResult<Content> {
        let failed = |error| DriverError::io("read", path, not_found(error));
        let file = File::open(self.at(path)).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(failed(io::ErrorKind::NotFound.into()));
        }
        if !holds(&metadata, &range) {
            return Err(DriverError::too_short("read", path, metadata.len(), range.start.max(range.end)));
        }
        self.local.learn(&file);
        Ok(Content::File { file, range })
    }

    /// Does the same without waiting for a disk. `None` if it would have to wait, and for anything unusual.
    pub(super) fn read_at_once(&self, path: &StoragePath, range: &Range<u64>) -> Option<Content> {
        if !self.local.is_known() {
            return None;
        }
        let file = kernel::open_cached(&self.at(path)).ok()?;
        let metadata = file.metadata().ok()?;
        (metadata.is_file() && holds(&metadata, range)).then(|| Content::File { file, range: range.clone() })
    }
}

fn holds(metadata: &Metadata, range: &Range<u64>) -> bool {
    range.start <= range.end && range.end <= metadata.len()
}

impl Local {
    fn is_known(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn learn(&self, file: &File) {
        if !self.is_known() {
            self.0.store(kernel::reads_without_waiting(file), Ordering::Relaxed);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod kernel {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    pub(super) fn reads_without_waiting(_: &File) -> bool {
        false
    }

    pub(super) fn open_cached(_: &Path) -> io::Result<File> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    use rustix::io::{Errno, IoSliceMut, ReadWriteFlags, preadv2};

    pub(super) fn reads_without_waiting(file: &File) -> bool {
        let read = preadv2(file, &mut [IoSliceMut::new(&mut [0])], 0, ReadWriteFlags::NOWAIT);
        matches!(read, Ok(_) | Err(Errno::AGAIN))
    }

    pub(super) fn open_cached(path: &Path) -> io::Result<File> {
        // Not to wait is for what is no file, such as a pipe; files do not know the flag.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        Ok(openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED)?.into())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn files() -> (tempfile::TempDir, Files, StoragePath) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("a")).unwrap();
        fs::write(root.path().join("a/file"), "0123456789").unwrap();
        let files = Files::open(root.path()).unwrap();
        (root, files, "/a/file".parse().unwrap())
    }

    fn is_open(content: Option<Content>) -> bool {
        matches!(content, Some(Content::File { range, .. }) if range == (2..10))
    }

    #[test]
    fn a_known_file_of_a_local_file_system_is_opened_at_once() {
        let (_root, files, file) = files();
        assert!(files.read_at_once(&file, &(2..10)).is_none(), "nothing is known of the file system yet");
        let opened = files.read(&file, 2..10).unwrap();
        assert!(is_open(Some(opened)));
        assert_eq!(is_open(files.read_at_once(&file, &(2..10))), files.local.is_known());
    }

    #[test]
    fn what_is_unusual_is_left_to_who_reports_it() {
        let (_root, files, file) = files();
        files.read(&file, 0..0).unwrap();
        for (path, range) in [("/a/file", 2..11), ("/a", 0..0), ("/a/missing", 0..0), ("/a/file/below", 0..0)] {
            assert!(files.read_at_once(&path.parse().unwrap(), &range).is_none(), "{path} {range:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_system_that_cannot_tell_is_not_local() {
        let local = Local::default();
        local.learn(&File::open("/proc/version").unwrap());
        assert!(!local.is_known());
    }
}
