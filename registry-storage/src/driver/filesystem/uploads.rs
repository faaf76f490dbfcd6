//! The driver's work on uploads, call by call. Everything here blocks.
//!
//! An upload is a file at its path, from the moment its first writer is opened. Its state is that path.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::time::UNIX_EPOCH;

use registry_core::store::{StoreErrorKind, Timestamp};
use rustix::fs::{CWD, Mode, OFlags, openat, renameat};

use super::directories;
use super::files::Files;
use super::lock::LockedFile;
use crate::error::{DriverError, DriverResult};
use crate::path::{StoragePath, is_component};

impl Files {
    /// Opens an upload to be written to at `offset`, which becomes its end. At 0 it need not exist.
    pub(super) fn open_upload(&self, path: &StoragePath, offset: u64) -> DriverResult<LockedFile> {
        match self.open_at("write", path, offset) {
            Err(error) if error.kind() == StoreErrorKind::NotFound => {
                Err(DriverError::new(StoreErrorKind::Corrupt, "write", path, "the upload is gone"))
            }
            opened => Ok(opened?.0),
        }
    }

    /// Opens an upload, cuts it off at `size_bytes` and stands there; also tells whether that has changed it.
    fn open_at(
        &self,
        operation: &'static str,
        path: &StoragePath,
        size_bytes: u64,
    ) -> DriverResult<(LockedFile, bool)> {
        let failed = |error| DriverError::io(operation, path, error);
        let may_create = size_bytes == 0;
        let at = self.at(path);
        if may_create {
            let directory = at.parent().expect("a file is below the root");
            self.directories.ensure(directory).map_err(failed)?;
        }
        let open = || OpenOptions::new().write(true).create(may_create).truncate(false).open(&at);
        let opened = match open() {
            Err(error) if may_create && error.kind() == io::ErrorKind::NotFound => {
                // Somebody has removed the directory of the uploads, which we never do.
                self.directories.forget();
                self.directories.ensure(at.parent().expect("a file is below the root")).map_err(failed)?;
                open()
            }
            opened => opened,
        }
        .map_err(failed)?;
        let file = LockedFile::new(opened)
            .ok_or_else(|| DriverError::new(StoreErrorKind::Conflict, operation, path, "another writer has it open"))?;
        let len = file.metadata().map_err(failed)?.len();
        if len < size_bytes {
            return Err(DriverError::too_short(operation, path, len, size_bytes));
        }
        if len > size_bytes {
            file.set_len(size_bytes).map_err(failed)?;
        }
        (&*file).seek(SeekFrom::Start(size_bytes)).map_err(failed)?;
        Ok((file, may_create || len > size_bytes))
    }

    pub(super) fn sync_upload(&self, path: &StoragePath, file: &File, name_is_durable: bool) -> DriverResult<()> {
        let at = self.at(path);
        let synced = file.sync_data().and_then(|()| match at.parent() {
            Some(directory) if !name_is_durable => directories::sync(directory),
            _ => Ok(()),
        });
        synced.map_err(|error| {
            // Nobody may go on with it: what is left of it may look whole and not be.
            let _ = fs::remove_file(&at);
            DriverError::io("sync", path, error)
        })
    }

    /// Opens an upload that has at least `size_bytes` bytes for reading those.
    pub(super) fn open_prefix(
        &self,
        operation: &'static str,
        path: &StoragePath,
        size_bytes: u64,
    ) -> DriverResult<io::Take<File>> {
        let file = File::open(self.at(path)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => DriverError::too_short(operation, path, 0, size_bytes),
            _ => DriverError::io(operation, path, error),
        })?;
        let len = file.metadata().map_err(|error| DriverError::io(operation, path, error))?.len();
        if len < size_bytes {
            return Err(DriverError::too_short(operation, path, len, size_bytes));
        }
        Ok(file.take(size_bytes))
    }

    pub(super) fn copy_upload(&self, from: &StoragePath, to: &StoragePath, size_bytes: u64) -> DriverResult<()> {
        if size_bytes == 0 {
            return Ok(());
        }
        let mut prefix = self.open_prefix("copy upload", from, size_bytes)?;
        let copy = self.open_upload(to, 0)?;
        let copied = match io::copy(&mut prefix, &mut &*copy) {
            Ok(copied_bytes) if copied_bytes == size_bytes => self.sync_upload(to, &copy, false),
            Ok(copied_bytes) => Err(DriverError::too_short("copy upload", from, copied_bytes, size_bytes)),
            Err(error) => Err(DriverError::io("copy upload", from, error)),
        };
        if copied.is_err() {
            let _ = fs::remove_file(self.at(to));
        }
        copied
    }

    pub(super) fn complete_upload(
        &self,
        upload: &StoragePath,
        target: &StoragePath,
        size_bytes: u64,
    ) -> DriverResult<()> {
        let failed = |error| DriverError::io("complete upload", upload, error);
        let (file, changed) = match self.open_at("complete upload", upload, size_bytes) {
            Err(error) if error.kind() == StoreErrorKind::NotFound => {
                return match self.stat(target) {
                    Ok(info) if info.size_bytes == size_bytes => self.complete_again(target).map_err(failed),
                    _ => Err(error),
                };
            }
            opened => opened?,
        };
        if changed {
            self.sync_upload(upload, &file, true)?;
        }
        let from = self.at(upload);
        let rename = |directory: &File, name: &OsStr| Ok(renameat(CWD, &from, directory, name)?);
        self.directories.place(&self.at(target), rename).map_err(failed)
    }

    /// Finishes what somebody has begun who renamed the upload and may not have come to syncing the name.
    fn complete_again(&self, target: &StoragePath) -> io::Result<()> {
        self.directories.place(&self.at(target), |directory, name| {
            File::from(openat(directory, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?).sync_data()
        })
    }

    pub(super) fn abort_upload(&self, path: &StoragePath) -> DriverResult<()> {
        match fs::remove_file(self.at(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(|error| DriverError::io("abort upload", path, error)),
        }
    }

    pub(super) fn uploads_before(
        &self,
        directory: &StoragePath,
        before: Timestamp,
        limit: usize,
    ) -> DriverResult<Vec<StoragePath>> {
        let failed = |error| DriverError::io("list uploads in", directory, error);
        let entries = match fs::read_dir(self.at(directory)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let Some(name) = entry.file_name().to_str().filter(|name| is_component(name)).map(str::to_owned) else {
                continue;
            };
            let metadata = match entry.metadata() {
                // Completed or aborted since the directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata.map_err(failed)?,
            };
            let written_at = metadata.modified().map_err(failed)?.duration_since(UNIX_EPOCH).unwrap_or_default();
            if metadata.is_file() && Timestamp::from_micros(0).plus(written_at) < before {
                found.extend(format!("{directory}/{name}").parse());
            }
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }
}
