//! How an upload becomes the file at its target. Everything here blocks.
//!
//! If its writer completes it, nobody was promised the upload, and its file moves to the target. Otherwise the file moves to
//! the name of a completed one and gets the target as a second name, so that the upload can still be gone on with if a
//! crash keeps the caller from recording where its bytes are. Where the file system has no hard links, the upload is
//! renamed and gone.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use registry_core::store::StoreErrorKind;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, fstat, linkat, openat, renameat, statat};
use rustix::io::{Errno, Result as SystemResult};

use super::files::Files;
use super::uploads::{completed, is_named, remove_if_there, temporary_beside};
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

impl Files {
    pub(super) fn complete_upload(
        &self,
        upload: &StoragePath,
        target: &StoragePath,
        size_bytes: u64,
    ) -> DriverResult<()> {
        let failed = |error| DriverError::io("complete upload", upload, error);
        let opened = match self.open_at("complete upload", upload, size_bytes, false) {
            Err(error) if error.kind() == StoreErrorKind::NotFound => {
                return match self.stat(target) {
                    Ok(info) if info.size_bytes == size_bytes => self.complete_again(target).map_err(failed),
                    _ => Err(error),
                };
            }
            opened => opened?,
        };
        if opened.changed {
            self.sync_upload(upload, &opened.file, true)?;
        }
        let from = completed(&self.at(upload));
        if opened.name != from {
            fs::rename(&opened.name, &from).map_err(failed)?;
        }
        let name_it = |directory: &File, name: &OsStr| Ok(name_file(&opened.file, &from, directory, name, hard_link)?);
        self.directories.place(&self.at(target), name_it).map_err(failed)
    }

    /// Moves the file of an upload, which is open and holds all that it is to have, to its target. `sync_holder` is given
    /// the directory that has the name of the target's directory: whoever calls sees to it that this is synced too, beside
    /// the rest or before it.
    pub(super) fn complete_whole(
        &self,
        upload: &StoragePath,
        file: &File,
        target: &StoragePath,
        sync_holder: impl FnOnce(&Path),
    ) -> DriverResult<()> {
        let failed = |error| DriverError::io("complete upload", upload, error);
        let aborted = || DriverError::new(StoreErrorKind::NotFound, "complete upload", upload, "it was aborted");
        let (from, target) = (self.at(upload), self.at(target));
        // Before the sync, so that a journal which that commits has the directory in it already.
        let place = self.directories.prepare(&target).map_err(failed)?;
        place.holder.as_deref().map(sync_holder);
        self.sync_upload(upload, file, true)?;
        if !is_named(&file.metadata().map_err(failed)?, &from).map_err(failed)? {
            return Err(aborted());
        }
        let rename = |directory: &File, name: &OsStr| match renameat(CWD, &from, directory, name) {
            Err(Errno::NOENT) if !from.exists() => Ok(false),
            renamed => Ok(renamed.map(|()| true)?),
        };
        let placed = match place.put(&target, rename) {
            // The directory was removed. Another one has its name synced again.
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.directories.place(&target, rename),
            placed => placed,
        };
        match placed.map_err(failed)? {
            true => remove_if_there(&completed(&from)).map_err(failed),
            false => Err(aborted()),
        }
    }

    /// Finishes what somebody has begun who named the file and may not have come to syncing the name.
    fn complete_again(&self, target: &StoragePath) -> io::Result<()> {
        self.directories.place(&self.at(target), |directory, name| {
            File::from(openat(directory, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?).sync_data()
        })
    }
}

/// Gives the file at `from` another name in `directory`, whatever had that name before.
fn name_file(
    file: &File,
    from: &Path,
    directory: &File,
    name: &OsStr,
    link: impl Fn(&Path, &File, &OsStr) -> SystemResult<()>,
) -> SystemResult<()> {
    let linked = match link(from, directory, name) {
        Err(Errno::EXIST) => {
            let (upload, there) = (fstat(file)?, statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?);
            if (upload.st_dev, upload.st_ino) == (there.st_dev, there.st_ino) {
                return Ok(());
            }
            // Beside the upload and not beside the target, because what a crash leaves there is found.
            let temporary = temporary_beside(from);
            let replaced =
                link(from, directory, temporary.as_os_str()).and_then(|()| renameat(CWD, &temporary, directory, name));
            // Still there after an error, and if somebody has linked the same file meanwhile: then renaming does nothing.
            let _ = fs::remove_file(&temporary);
            replaced
        }
        linked => linked,
    };
    match linked {
        Err(errno) if may_lack_links(errno) => renameat(CWD, from, directory, name),
        linked => linked,
    }
}

/// Links in `directory`, unless `name` is an absolute path.
fn hard_link(from: &Path, directory: &File, name: &OsStr) -> SystemResult<()> {
    linkat(CWD, from, directory, name, AtFlags::empty())
}

/// Tells whether an error may mean that there are no hard links here: not in this file system, not for this process, or
/// no more of this file. If it means something else, renaming says so too.
pub(super) fn may_lack_links(errno: Errno) -> bool {
    matches!(errno, Errno::PERM | Errno::ACCESS | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn name_upload(
        directory: &TempDir,
        link: impl Fn(&Path, &File, &OsStr) -> SystemResult<()>,
    ) -> SystemResult<Vec<String>> {
        let upload = directory.path().join("upload");
        fs::write(&upload, "uploaded").unwrap();
        let open = File::open(&upload).unwrap();
        let target = File::open(directory.path()).unwrap();
        name_file(&open, &upload, &target, OsStr::new("data"), link)?;
        assert_eq!(fs::read(directory.path().join("data")).unwrap(), b"uploaded");
        let names = fs::read_dir(directory.path()).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        Ok(names)
    }

    #[test]
    fn a_link_keeps_the_upload() {
        let directory = TempDir::new().unwrap();
        for _ in 0..2 {
            // The second time there is another file to be replaced.
            assert_eq!(name_upload(&directory, hard_link).unwrap(), ["data", "upload"]);
            fs::remove_file(directory.path().join("upload")).unwrap();
        }
    }

    #[test]
    fn without_links_the_upload_is_renamed() {
        for errno in [Errno::PERM, Errno::ACCESS, Errno::OPNOTSUPP, Errno::NOSYS, Errno::MLINK] {
            let directory = TempDir::new().unwrap();
            assert_eq!(name_upload(&directory, |_, _, _| Err(errno)).unwrap(), ["data"], "{errno}");
            // A file system tells that the name is taken before it tells that it has no links.
            let taken = |_: &Path, _: &File, name: &OsStr| Err(if name == "data" { Errno::EXIST } else { errno });
            assert_eq!(name_upload(&directory, taken).unwrap(), ["data"], "{errno}");
        }
    }

    #[test]
    fn other_errors_change_nothing() {
        for errno in [Errno::NOENT, Errno::NOSPC, Errno::DQUOT, Errno::IO, Errno::ROFS, Errno::XDEV] {
            let directory = TempDir::new().unwrap();
            assert_eq!(name_upload(&directory, |_, _, _| Err(errno)).unwrap_err(), errno);
            assert!(directory.path().join("upload").exists());
            assert!(!directory.path().join("data").exists());
        }
    }

    #[test]
    fn a_link_that_somebody_else_makes_meanwhile_leaves_no_third_name() {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("data"), "damaged").unwrap();
        let overtaken = |from: &Path, at: &File, name: &OsStr| {
            if name != "data" {
                fs::remove_file(from.with_file_name("data")).unwrap();
                hard_link(from, at, OsStr::new("data"))?;
            }
            hard_link(from, at, name)
        };
        assert_eq!(name_upload(&directory, overtaken).unwrap(), ["data", "upload"]);
    }

    #[test]
    fn a_directory_that_is_removed_before_the_file_comes_is_made_again() {
        let root = TempDir::new().unwrap();
        let files = Files::open(root.path()).unwrap();
        let (upload, target): (StoragePath, StoragePath) =
            ("/uploads/one".parse().unwrap(), "/ab/cd/data".parse().unwrap());
        let file = files.open_upload(&upload, 0).unwrap().file;
        io::Write::write_all(&mut &*file, b"uploaded").unwrap();
        let mut holders = Vec::new();
        let remove = |holder: &Path| {
            holders.push(holder.to_owned());
            fs::remove_dir(holder.join("cd")).unwrap();
        };
        files.complete_whole(&upload, &file, &target, remove).unwrap();
        assert_eq!(holders, [root.path().join("ab")]);
        assert_eq!(fs::read(root.path().join("ab/cd/data")).unwrap(), b"uploaded");
        assert!(!root.path().join("uploads/one").exists());
    }
}
