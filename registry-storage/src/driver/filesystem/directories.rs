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

    /// Lets `put` give a file its name in the directory that `file` says, which is made for it, and makes that name durable.
    /// `put` is called again if the directory was removed meanwhile; it is the one to report `NotFound`.
    pub(super) fn place<T>(&self, file: &Path, mut put: impl FnMut(&File, &OsStr) -> io::Result<T>) -> io::Result<T> {
        self.again_if_removed(|| {
            let place = self.make_place(file)?;
            let placed = place.put(file, &mut put)?;
            place.holder.as_deref().map_or(Ok(()), sync)?;
            Ok(placed)
        })
    }

    /// Makes and opens the directory that is to hold a file.
    pub(super) fn prepare(&self, file: &Path) -> io::Result<Place> {
        self.again_if_removed(|| self.make_place(file))
    }

    fn again_if_removed<T>(&self, mut work: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        let mut attempt = 1;
        loop {
            match work() {
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS => {
                    // The directory, or one that was taken for durable.
                    self.durable().clear();
                    attempt += 1;
                }
                worked => return worked,
            }
        }
    }

    fn make_place(&self, file: &Path) -> io::Result<Place> {
        let directory = parent(file);
        let holder = (directory != self.root).then(|| parent(directory));
        if let Some(holder) = holder {
            self.ensure(holder)?;
            create(directory)?;
        }
        Ok(Place { directory: File::open(directory)?, holder: holder.map(Path::to_owned) })
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

/// A directory that is to hold a file. It is open: what is synced is what the file was put in, whatever has its name by then.
pub(super) struct Place {
    directory: File,
    /// The directory that has its name, which need not be durable. None: it is the root.
    pub(super) holder: Option<PathBuf>,
}

impl Place {
    /// Lets `put` give a file its name, and makes that name durable in the directory. `NotFound` if this was removed.
    pub(super) fn put<T>(&self, file: &Path, put: impl FnOnce(&File, &OsStr) -> io::Result<T>) -> io::Result<T> {
        let placed = put(&self.directory, file.file_name().expect("a file below the root has a name"))?;
        self.directory.sync_all()?;
        Ok(placed)
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
