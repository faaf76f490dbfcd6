//! Directories that are there after a power cut.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How often a file is placed anew because its directory was removed in the same moment.
const ATTEMPTS: usize = 32;
/// How many directories are remembered before all are forgotten; forgetting costs syncs and nothing else. The blobs of
/// both algorithms need about 520.
const REMEMBERED: usize = 4096;

/// The directories below a root.
///
/// That a directory exists does not say that its name is durable: another process may have made it a moment ago and not
/// be done with syncing. So every directory's name is synced once by this process and then remembered. The one that
/// directly holds a file is never remembered, because it is removed with its last file, by any process.
pub(super) struct Directories {
    root: PathBuf,
    durable: Mutex<HashSet<PathBuf>>,
}

impl Directories {
    /// Makes the root if it does not exist.
    pub(super) fn open(root: PathBuf) -> io::Result<Self> {
        let missing: Vec<_> = root.ancestors().take_while(|directory| !directory.exists()).collect();
        fs::create_dir_all(&root).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => io::ErrorKind::NotADirectory.into(),
            _ => error,
        })?;
        for parent in missing.iter().filter_map(|directory| directory.parent()) {
            sync(parent)?;
        }
        sync(&root)?;
        Ok(Self { root, durable: Mutex::default() })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Lets `place` put a file of the given name into an open directory, the one that `file` says, and makes that name
    /// durable. `place` is called again if the directory was removed meanwhile; it is the one to report `NotFound`.
    pub(super) fn place<T>(&self, file: &Path, mut place: impl FnMut(&File, &OsStr) -> io::Result<T>) -> io::Result<T> {
        let mut attempt = 1;
        loop {
            match self.place_once(file, &mut place) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS => {
                    // The directory, or one that was taken for durable.
                    self.durable().clear();
                    attempt += 1;
                }
                placed => return placed,
            }
        }
    }

    /// Makes the directory that is to hold a file. It need not be there any more, or be durable, when the file is placed.
    pub(super) fn prepare(&self, file: &Path) -> io::Result<()> {
        let directory = parent(file);
        if directory == self.root {
            return Ok(());
        }
        self.ensure(parent(directory))?;
        match create(directory) {
            // One that holds it was taken for durable and is gone; placing sees to that.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            created => created,
        }
    }

    fn place_once<T>(&self, file: &Path, place: &mut impl FnMut(&File, &OsStr) -> io::Result<T>) -> io::Result<T> {
        let (parent, name) = (parent(file), file.file_name().expect("a file below the root has a name"));
        let holds_parent = (parent != self.root).then(|| self::parent(parent));
        if let Some(directory) = holds_parent {
            self.ensure(directory)?;
        }
        // By its handle, not by its name: what is synced is what the file was placed in.
        let directory = match File::open(parent) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && holds_parent.is_some() => {
                create(parent)?;
                File::open(parent)?
            }
            opened => opened?,
        };
        let placed = place(&directory, name)?;
        directory.sync_all()?;
        holds_parent.map_or(Ok(()), sync)?;
        Ok(placed)
    }

    /// Makes a directory exist, durably, and all that it is in. It must be one that is never removed.
    pub(super) fn ensure(&self, directory: &Path) -> io::Result<()> {
        if directory == self.root || self.durable().contains(directory) {
            return Ok(());
        }
        self.ensure(parent(directory))?;
        create(directory)?;
        sync(parent(directory))?;
        let mut durable = self.durable();
        if durable.len() >= REMEMBERED {
            durable.clear();
        }
        durable.insert(directory.to_owned());
        Ok(())
    }

    /// Makes directories exist, durably, that are all in the same one, by one sync; in no order that a crash would keep.
    pub(super) fn ensure_beforehand(&self, directories: impl IntoIterator<Item = PathBuf>) -> io::Result<()> {
        let mut made = Vec::new();
        for directory in directories {
            if made.is_empty() {
                self.ensure(parent(&directory))?;
            }
            create(&directory)?;
            made.push(directory);
        }
        if let Some(directory) = made.first() {
            sync(parent(directory))?;
        }
        self.durable().extend(made);
        Ok(())
    }

    /// Forgets what was taken for durable, after something that was turned out to be gone.
    pub(super) fn forget(&self) {
        self.durable().clear();
    }

    fn durable(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().expect("only paths below the root are asked for")
}

fn create(directory: &Path) -> io::Result<()> {
    match fs::create_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        created => created,
    }
}

/// Makes the names in a directory survive a power cut.
pub(super) fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
