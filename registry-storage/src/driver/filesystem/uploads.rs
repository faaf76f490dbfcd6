//! The driver's work on uploads, call by call. Everything here blocks.
//!
//! An upload is a file at its path, from the moment its first writer is opened. Its state is that path. When it is
//! completed, the file moves to a name beside it, and from then on is never written to, because it is the one at the
//! target as well, which readers may have open. Whoever goes on with the upload gets a copy at the upload's path; a file
//! there goes before the completed one.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use registry_core::store::{StoreErrorKind, Timestamp};
use uuid::Uuid;

use super::directories;
use super::files::Files;
use super::list::TEMPORARY;
use super::lock::LockedFile;
use crate::error::{DriverError, DriverResult};
use crate::path::{StoragePath, is_component};

/// The end of the name of an upload's file once it is completed.
const COMPLETED: &str = ".completed";

/// An upload's file, standing at its end and kept from others.
pub(super) struct OpenUpload {
    pub(super) file: LockedFile,
    /// Where it is: at the upload's path, or beside it if it is completed.
    pub(super) name: PathBuf,
    /// Opening has made or changed the file, or the upload's name, and that is not synced.
    pub(super) changed: bool,
}

impl Files {
    /// Opens an upload to be written to at `offset`, which becomes its end. At 0 it need not exist.
    pub(super) fn open_upload(&self, path: &StoragePath, offset: u64) -> DriverResult<OpenUpload> {
        match self.open_at("write", path, offset, true) {
            Err(error) if error.kind() == StoreErrorKind::NotFound => {
                Err(DriverError::new(StoreErrorKind::Corrupt, "write", path, "the upload is gone"))
            }
            opened => opened,
        }
    }

    /// Opens an upload, cuts it off at `size_bytes` and stands there. A file that is completed is not changed: before
    /// that, or if `to_write`, the upload gets a file of its own.
    pub(super) fn open_at(
        &self,
        operation: &'static str,
        path: &StoragePath,
        size_bytes: u64,
        to_write: bool,
    ) -> DriverResult<OpenUpload> {
        let failed = |error| DriverError::io(operation, path, error);
        let taken = || DriverError::new(StoreErrorKind::Conflict, operation, path, "another writer has it open");
        let at = self.at(path);
        let may_create = size_bytes == 0;
        let (opened, name) = match self.open_file(&at, may_create) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                (self.open_file(&completed(&at), false).map_err(failed)?, completed(&at))
            }
            opened => (opened.map_err(failed)?, at.clone()),
        };
        let mut file = LockedFile::new(opened).ok_or_else(taken)?;
        let metadata = file.metadata().map_err(failed)?;
        if !is_named(&metadata, &name).map_err(failed)? || (name != at && at.exists()) {
            // Completed or gone on with before it was locked.
            return Err(taken());
        }
        let len = metadata.len();
        if len < size_bytes {
            return Err(DriverError::too_short(operation, path, len, size_bytes));
        }
        // It has a second name and not that of a completed one if a power cut has undone a part of completing.
        let is_completed = name != at || metadata.nlink() > 1;
        if is_completed && (to_write || len > size_bytes) {
            file = copy_to(&at, &file, size_bytes).map_err(failed)?;
            return Ok(OpenUpload { file, name: at, changed: true });
        }
        if len > size_bytes {
            file.set_len(size_bytes).map_err(failed)?;
        }
        (&*file).seek(SeekFrom::Start(size_bytes)).map_err(failed)?;
        Ok(OpenUpload { file, name, changed: may_create || len > size_bytes })
    }

    fn open_file(&self, at: &Path, may_create: bool) -> io::Result<File> {
        let open = || OpenOptions::new().read(true).write(true).create(may_create).truncate(false).open(at);
        if !may_create {
            return open();
        }
        let directory = at.parent().expect("a file is below the root");
        self.directories.ensure(directory)?;
        match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Somebody has removed the directory of the uploads, which we never do.
                self.directories.forget();
                self.directories.ensure(directory)?;
                open()
            }
            opened => opened,
        }
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
        let at = self.at(path);
        let opened = match File::open(&at) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => File::open(completed(&at)),
            opened => opened,
        };
        let file = opened.map_err(|error| match error.kind() {
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
        let copy = self.open_upload(to, 0)?.file;
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

    pub(super) fn abort_upload(&self, path: &StoragePath) -> DriverResult<()> {
        let at = self.at(path);
        let removed = remove_if_there(&at).and_then(|()| remove_if_there(&completed(&at)));
        removed.map_err(|error| DriverError::io("abort upload", path, error))
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
            let upload = name.strip_suffix(COMPLETED).unwrap_or(&name);
            if upload != name && entry.path().with_file_name(upload).exists() {
                // It was gone on with, and is listed by the time of that.
                continue;
            }
            let metadata = match entry.metadata() {
                // Aborted, or completed where there are no hard links, since the directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata.map_err(failed)?,
            };
            let written_at = metadata.modified().map_err(failed)?.duration_since(UNIX_EPOCH).unwrap_or_default();
            if metadata.is_file() && Timestamp::from_micros(0).plus(written_at) < before {
                found.extend(format!("{directory}/{upload}").parse());
            }
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }
}

/// Gives an upload a file of its own, with the first `size_bytes` bytes of a completed one. The copy is whole before it
/// has the upload's name. That name is not durable yet, but the completed file keeps its own, so that a crash loses neither.
fn copy_to(at: &Path, completed: &File, size_bytes: u64) -> io::Result<LockedFile> {
    let temporary = temporary_beside(at);
    let copy = OpenOptions::new().read(true).write(true).create_new(true).open(&temporary)?;
    let copied = LockedFile::new(copy).ok_or_else(|| io::ErrorKind::ResourceBusy.into()).and_then(|copy| {
        if io::copy(&mut completed.take(size_bytes), &mut &*copy)? < size_bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        copy.sync_data()?;
        fs::rename(&temporary, at)?;
        Ok(copy)
    });
    if copied.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    copied
}

/// Returns where an upload's file is once it is completed.
pub(super) fn completed(upload: &Path) -> PathBuf {
    let mut name = upload.as_os_str().to_owned();
    name.push(COMPLETED);
    name.into()
}

/// Makes up a name in the directory of an upload. What a crash leaves there is listed as one more unfinished upload.
pub(super) fn temporary_beside(upload: &Path) -> PathBuf {
    upload.with_file_name(format!("{}{TEMPORARY}", Uuid::new_v4()))
}

pub(super) fn is_named(file: &Metadata, name: &Path) -> io::Result<bool> {
    match fs::metadata(name) {
        Ok(named) => Ok((named.dev(), named.ino()) == (file.dev(), file.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

pub(super) fn remove_if_there(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
