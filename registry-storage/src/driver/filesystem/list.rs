//! Lists the files below a directory.

use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;

use crate::driver::FileInfo;
use crate::path::{STORAGE_PATH_MAX_BYTES, StoragePath, is_component};

/// The end of the name of a file that is not finished: this driver's, or one that distribution left.
pub(super) const TEMPORARY: &str = ".tmp";

/// Collects files in byte order of their paths until there are `limit` of them.
pub(super) struct Listing<'a> {
    pub(super) after: Option<&'a StoragePath>,
    pub(super) limit: usize,
    pub(super) files: Vec<FileInfo>,
}

impl Listing<'_> {
    /// Collects from `directory`, whose path is `path`. The names of one directory are in memory at a time for each
    /// level. Symbolic links, temporary files, and names that no path can have are left out.
    pub(super) fn collect(&mut self, directory: &Path, path: &str) -> io::Result<()> {
        let entries = match fs::read_dir(directory) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(());
            }
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            found.extend(self.select(&entry?, path)?);
        }
        found.sort();
        for path in found {
            if self.files.len() == self.limit {
                return Ok(());
            }
            let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            let entry = directory.join(name);
            if let Some(path) = path.strip_suffix('/') {
                self.collect(&entry, path)?;
            } else if let Ok(path) = path.parse() {
                match entry.symlink_metadata() {
                    Ok(metadata) => self.files.push(FileInfo { path, size_bytes: metadata.len() }),
                    // Removed since the directory was read.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Returns an entry's path if something of it may be asked for; a directory's ends in `/`, which is what sorts the
    /// paths of the files in it among those beside it.
    fn select(&self, entry: &DirEntry, path: &str) -> io::Result<Option<String>> {
        let Some(name) = entry.file_name().to_str().filter(|name| is_component(name)).map(str::to_owned) else {
            return Ok(None);
        };
        let after = self.after.map_or("", StoragePath::as_str);
        let kind = entry.file_type()?;
        Ok(if kind.is_dir() {
            let path = format!("{path}/{name}/");
            let may_hold_more = *path > *after || after.starts_with(&path);
            (may_hold_more && path.len() < STORAGE_PATH_MAX_BYTES).then_some(path)
        } else {
            let path = format!("{path}/{name}");
            (kind.is_file() && !name.ends_with(TEMPORARY) && *path > *after).then_some(path)
        })
    }
}
