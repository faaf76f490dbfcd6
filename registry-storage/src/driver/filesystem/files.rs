//! The driver's work on files, call by call. Everything here blocks.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use registry_core::store::metadata::Page;
use rustix::fs::{
    Access, AtFlags, CWD, Mode, OFlags, RenameFlags, accessat, linkat, openat, renameat, renameat_with, unlinkat,
};
use rustix::io::{Errno, Result as SystemResult};
use uuid::Uuid;

use super::complete::may_lack_links;
use super::directories::{self, Directories};
use super::list::{Listing, TEMPORARY};
use super::read::Local;
use crate::driver::FileInfo;
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

/// Files below a root directory.
pub(super) struct Files {
    pub(super) directories: Directories,
    pub(super) local: Local,
}

impl Files {
    pub(super) fn open(root: &Path) -> DriverResult<Self> {
        let failed = |error| DriverError::io("use the root directory", root.display(), error);
        // A later change of the working directory must not move the root.
        let root = std::path::absolute(root).map_err(failed)?;
        let files = Self { directories: Directories::open(root).map_err(failed)?, local: Local::default() };
        files.check()?;
        Ok(files)
    }

    pub(super) fn root(&self) -> &Path {
        self.directories.root()
    }

    pub(super) fn at(&self, path: &StoragePath) -> PathBuf {
        let (root, path) = (self.root(), path.as_str());
        // Of its very size from the start, since a path that grows is copied.
        let mut at = PathBuf::with_capacity(root.as_os_str().len() + path.len());
        at.push(root);
        at.push(&path[1..]);
        at
    }

    pub(super) fn prepare_directories(&self, directories: impl IntoIterator<Item = StoragePath>) -> io::Result<()> {
        self.directories.ensure_beforehand(directories.into_iter().map(|directory| self.at(&directory)))
    }

    pub(super) fn check(&self) -> DriverResult<()> {
        let root = self.root();
        let failed = |error| DriverError::io("use the root directory", root.display(), error);
        if !fs::metadata(root).map_err(failed)?.is_dir() {
            return Err(failed(io::ErrorKind::NotADirectory.into()));
        }
        let all = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
        accessat(CWD, root, all, AtFlags::EACCESS).map_err(|errno| failed(errno.into()))
    }

    pub(super) fn put(&self, path: &StoragePath, content: &[u8]) -> DriverResult<()> {
        self.put_by(path, content, rename_over)
    }

    pub(super) fn put_new(&self, path: &StoragePath, content: &[u8]) -> DriverResult<bool> {
        self.put_by(path, content, |directory, temporary, name| {
            let named = match linkat(directory, temporary, directory, name, AtFlags::empty()) {
                Err(errno) if may_lack_links(errno) => {
                    renameat_with(directory, temporary, directory, name, RenameFlags::NOREPLACE)
                }
                linked => linked,
            };
            match named {
                Err(Errno::EXIST) => Ok(false),
                named => named.map(|()| true),
            }
        })
    }

    /// Writes a file beside its place and lets `name_it` put it there.
    fn put_by<T>(
        &self,
        path: &StoragePath,
        content: &[u8],
        name_it: impl Fn(&File, &OsStr, &OsStr) -> SystemResult<T>,
    ) -> DriverResult<T> {
        let put =
            |directory: &File, name: &OsStr| write_beside(directory, name, |file| file.write_all(content), &name_it);
        self.directories.place(&self.at(path), put).map_err(|error| DriverError::io("write", path, error))
    }

    pub(super) fn stat(&self, path: &StoragePath) -> DriverResult<FileInfo> {
        match fs::metadata(self.at(path)) {
            Ok(metadata) if metadata.is_file() => Ok(FileInfo { path: path.clone(), size_bytes: metadata.len() }),
            Ok(_) => Err(DriverError::io("look at", path, io::ErrorKind::NotFound.into())),
            Err(error) => Err(DriverError::io("look at", path, not_found(error))),
        }
    }

    pub(super) fn list(
        &self,
        directory: &StoragePath,
        after: Option<&StoragePath>,
        limit: usize,
    ) -> DriverResult<Page<FileInfo>> {
        // One more than asked for tells whether there is more.
        let mut listing = Listing { after, limit: limit.saturating_add(1), files: Vec::new() };
        let listed = listing.collect(&self.at(directory), directory.as_str());
        listed.map_err(|error| DriverError::io("list", directory, error))?;
        let mut items = listing.files;
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Page { items, more })
    }

    pub(super) fn keep_copy(&self, path: &StoragePath, copy: &StoragePath) -> DriverResult<()> {
        let failed = |error| DriverError::io("copy", path, not_found(error));
        let original = self.at(path);
        // Placing takes a file that is not found for its directory.
        let mut file = File::open(&original).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(failed(io::ErrorKind::NotFound.into()));
        }
        let place = |directory: &File, name: &OsStr| match linkat(CWD, &original, directory, name, AtFlags::empty()) {
            Err(errno) if may_lack_links(errno) => {
                file.rewind()?;
                write_beside(directory, name, |copy| io::copy(&mut file, copy).map(drop), rename_over)
            }
            linked => Ok(linked?),
        };
        self.directories.place(&self.at(copy), place).map_err(failed)
    }

    pub(super) fn delete(&self, path: &StoragePath) -> DriverResult<()> {
        let failed = |error| DriverError::io("delete", path, error);
        match self.remove(path).map_err(failed)? {
            Some(changed) => sync_changed(&changed).map_err(failed),
            None => Ok(()),
        }
    }

    pub(super) fn delete_all(&self, paths: &[StoragePath]) -> Vec<DriverResult<()>> {
        let removed: Vec<io::Result<Option<PathBuf>>> = paths.iter().map(|path| self.remove(path)).collect();
        let mut synced: HashMap<PathBuf, io::Result<()>> = HashMap::new();
        for changed in removed.iter().flatten().flatten() {
            if !synced.contains_key(changed) {
                synced.insert(changed.clone(), sync_changed(changed));
            }
        }
        let outcome = |removed: io::Result<Option<PathBuf>>| match removed?.map(|changed| &synced[&changed]) {
            Some(Err(error)) => Err(io::Error::new(error.kind(), error.to_string())),
            _ => Ok(()),
        };
        let outcomes = paths.iter().zip(removed.into_iter().map(outcome));
        outcomes.map(|(path, outcome)| outcome.map_err(|error| DriverError::io("delete", path, error))).collect()
    }

    /// Removes a file, and its directory if that has no other, and returns the directory that is to be synced.
    fn remove(&self, path: &StoragePath) -> io::Result<Option<PathBuf>> {
        let file = self.at(path);
        match fs::remove_file(&file).map_err(not_found) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            removed => removed?,
        }
        let mut changed = file.parent().expect("a file is below the root");
        // Fails if the directory has other files, or got one in this moment.
        if changed != self.root() && fs::remove_dir(changed).is_ok() {
            changed = changed.parent().expect("a directory below the root is in one");
        }
        Ok(Some(changed.to_owned()))
    }

    pub(super) fn delete_below(&self, directory: &StoragePath) -> DriverResult<()> {
        let failed = |error| DriverError::io("delete", directory, error);
        let path = self.at(directory);
        match fs::remove_dir_all(&path).map_err(not_found) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // Somebody writes to it at the same time, whose files stay.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            removed => removed.map_err(failed)?,
        }
        // Some of what is gone may have been taken for durable.
        self.directories.forget();
        match directories::sync(path.parent().expect("a directory below the root is in one")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            synced => synced.map_err(failed),
        }
    }
}

/// Writes a file in a directory and lets `name_it` give it its name there.
fn write_beside<T>(
    directory: &File,
    name: &OsStr,
    write: impl FnOnce(&mut File) -> io::Result<()>,
    name_it: impl FnOnce(&File, &OsStr, &OsStr) -> SystemResult<T>,
) -> io::Result<T> {
    let mut temporary = OsString::from(name);
    temporary.push(format!(".{}{TEMPORARY}", Uuid::new_v4()));
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let mut file = File::from(openat(directory, &temporary, flags, Mode::from_raw_mode(0o666))?);
    let written =
        write(&mut file).and_then(|()| file.sync_data()).and_then(|()| Ok(name_it(directory, &temporary, name)?));
    // Gone if it was renamed.
    let _ = unlinkat(directory, &temporary, AtFlags::empty());
    written
}

fn rename_over(directory: &File, temporary: &OsStr, name: &OsStr) -> SystemResult<()> {
    renameat(directory, temporary, directory, name)
}

/// Syncs a directory that a file was removed from.
fn sync_changed(directory: &Path) -> io::Result<()> {
    match directories::sync(directory) {
        // Somebody else has removed the directory, and syncs that.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        synced => synced,
    }
}

/// A file where a directory is expected means the same as nothing: there are no directories for callers.
pub(super) fn not_found(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::NotADirectory => io::ErrorKind::NotFound.into(),
        _ => error,
    }
}
