//! Makes sure that the database's directory is there, and that no other process has the database open.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::OpenError;

/// Keeps other processes out for as long as it lives. The operating system gives it back if the process is killed.
#[derive(Debug)]
pub(super) struct DatabaseLock {
    _file: File,
}

/// Takes the lock of the database at `path`, and returns it with the one path that all spellings lead to.
pub(super) fn take(path: &Path) -> Result<(PathBuf, DatabaseLock), OpenError> {
    let path = resolve(path)?;
    let mut lock_path = path.clone().into_os_string();
    lock_path.push(".lock");
    let lock_path = PathBuf::from(lock_path);

    let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path);
    let file = opened.map_err(|source| OpenError::LockFile { path: lock_path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok((path, DatabaseLock { _file: file })),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path }),
        Err(TryLockError::Error(source)) => Err(OpenError::LockFile { path: lock_path, source }),
    }
}

/// Makes the names in the database's directory survive a power cut.
pub(super) fn sync_parent(path: &Path) -> Result<(), OpenError> {
    let directory = path.parent().unwrap_or(path);
    sync(directory).map_err(|source| OpenError::Directory { path: directory.to_owned(), source })
}

/// Creates the directory and follows symbolic links.
fn resolve(path: &Path) -> Result<PathBuf, OpenError> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let resolved = create(directory).and_then(|()| match path.file_name() {
        _ if path.exists() => path.canonicalize(),
        Some(name) => Ok(directory.canonicalize()?.join(name)),
        None => Err(io::ErrorKind::InvalidFilename.into()),
    });
    resolved.map_err(|source| OpenError::Directory { path: directory.to_owned(), source })
}

/// Creates a directory with its parents, each of which then survives a power cut.
fn create(directory: &Path) -> io::Result<()> {
    if directory.as_os_str().is_empty() || directory.is_dir() {
        return Ok(());
    }
    let parent = directory.parent().unwrap_or(Path::new(""));
    create(parent)?;
    match fs::create_dir(directory) {
        // Somebody else may have been faster.
        Err(_) if directory.is_dir() => {}
        created => created?,
    }
    sync(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
