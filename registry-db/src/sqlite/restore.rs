//! Putting a copy in the place of the database.
//!
//! The copy is written beside the database and looked at there. What was in its place is kept, under another name. Nothing
//! is lost if that is cut short: at every moment there is the old database, or the new one, or none, and then a start is
//! refused by the storage, which belongs to neither an empty database nor a new one.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use registry_core::protocol::digest::{Algorithm, Digest, Digester};
use registry_core::store::identity::StorageIdentity;
use registry_core::store::{StoreErrorKind, StoreResult, Timestamp};

use super::lock::{self, DatabaseLock};
use super::snapshot::{identity, io_failure, open};
use crate::error::{Failure, OpenError, during};

/// The files that SQLite keeps beside a database.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A copy on its way to the place of a database, which no process can open meanwhile.
///
/// Everything here blocks. Dropping it before [`finish`](Self::finish) leaves the database as it is.
#[derive(Debug)]
pub struct Restore {
    path: PathBuf,
    copy: PathBuf,
    file: File,
    digester: Digester,
    _lock: DatabaseLock,
}

/// What was put in place.
#[derive(Debug)]
pub struct Restored {
    /// The storage that the database belongs to, as it says.
    pub identity: Option<StorageIdentity>,
    /// Where the database is that was there before.
    pub previous: Option<PathBuf>,
}

impl Restore {
    /// Locks the database, and makes room for a copy beside it.
    pub(crate) fn begin(path: &Path) -> Result<Self, OpenError> {
        let (path, lock) = lock::take(path)?;
        let copy = beside(&path, ".restore");
        let opened = OpenOptions::new().create(true).truncate(true).write(true).open(&copy);
        let file =
            opened.map_err(|error| OpenError::Setup { database: copy.display().to_string(), source: error.into() })?;
        Ok(Self { path, copy, file, digester: Digester::new(Algorithm::Sha256), _lock: lock })
    }

    /// Appends to the copy.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&mut self, piece: &[u8]) -> StoreResult<()> {
        self.digester.update(piece);
        let written = self.file.write_all(piece).map_err(io_failure);
        written.map_err(during(format_args!("write `{}`", self.copy.display())))
    }

    /// Makes sure that the copy is a sound database of a registry, with the digest if one is given, and puts it in place,
    /// durably.
    ///
    /// # Errors
    /// `Corrupt` if the copy is not what it should be, and what the file system says. The database is as it was, unless the
    /// last step failed: then it is at the name that the error tells.
    pub fn finish(self, digest: Option<&Digest>) -> StoreResult<Restored> {
        let restored = self.put_in_place(digest);
        restored.map_err(during(format_args!("restore database `{}`", self.path.display())))
    }

    fn put_in_place(&self, digest: Option<&Digest>) -> Result<Restored, Failure> {
        self.file.sync_all().map_err(io_failure)?;
        let found = self.digester.clone().finish();
        if let Some(digest) = digest.filter(|digest| **digest != found) {
            return Err(corrupt(format!("the copy has the digest {found}, expected {digest}")));
        }
        let identity = examine(&self.copy)?;
        let previous = self.set_aside()?;
        fs::rename(&self.copy, &self.path).and_then(|()| sync_directory(&self.path)).map_err(|error| {
            let kept = previous.as_ref().map(|path| format!("; the database is at `{}`", path.display()));
            Failure::new(StoreErrorKind::Other, format!("{error}{}", kept.unwrap_or_default()))
        })?;
        Ok(Restored { identity, previous })
    }

    /// Gives what is in place another name. The database goes first: its log alone is nothing that SQLite would use.
    fn set_aside(&self) -> Result<Option<PathBuf>, Failure> {
        if self.path.exists() {
            // If it can be opened, the log becomes a part of it.
            if let Ok(mut connection) = open(&self.path) {
                let _ = connection.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)");
            }
        }
        let aside = beside(&self.path, &format!(".replaced-{}", Timestamp::now().as_micros()));
        let mut previous = None;
        for companion in [""].into_iter().chain(COMPANIONS) {
            match fs::rename(beside(&self.path, companion), beside(&aside, companion)) {
                Ok(()) if companion.is_empty() => previous = Some(aside.clone()),
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io_failure(error)),
                _ => {}
            }
            sync_directory(&self.path).map_err(io_failure)?;
        }
        Ok(previous)
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        // Not there any more if it is in place.
        let _ = fs::remove_file(&self.copy);
    }
}

/// Makes sure that a file is a sound database of a registry, and returns the storage that it belongs to.
fn examine(copy: &Path) -> Result<Option<StorageIdentity>, Failure> {
    #[derive(QueryableByName)]
    struct Check {
        #[diesel(sql_type = Text)]
        quick_check: String,
    }

    let mut connection = open(copy)?;
    let found: Check = diesel::sql_query("PRAGMA quick_check(1)").get_result(&mut connection)?;
    if found.quick_check != "ok" {
        return Err(corrupt(found.quick_check));
    }
    let tables = "SELECT name FROM repositories JOIN blobs JOIN manifests LIMIT 0";
    let named = format!("SELECT 1 FROM ({tables})");
    connection.batch_execute(&named).map_err(|_| corrupt("it is not the database of a registry".to_owned()))?;
    identity(&mut connection)
}

fn corrupt(reason: String) -> Failure {
    Failure::new(StoreErrorKind::Corrupt, reason)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn sync_directory(path: &Path) -> std::io::Result<()> {
    File::open(path.parent().unwrap_or(path))?.sync_all()
}
