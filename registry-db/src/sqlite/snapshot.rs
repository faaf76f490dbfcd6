//! Copies of the database while it is in use.
//!
//! A copy is made by `VACUUM INTO` on a connection of its own: one long read, beside which the writer goes on; only the
//! write-ahead log grows meanwhile. The copy is staged in `<database>.snapshot`, a file that stays, empty, when it was
//! passed on, and that is locked while it is in use, so that a crash leaves nothing that anybody has to clean up.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use futures::StreamExt;
use registry_core::protocol::digest::{Algorithm, Digester};
use registry_core::store::identity::StorageIdentity;
use registry_core::store::snapshot::{Snapshot, SnapshotName, SnapshotSource};
use registry_core::store::{ByteStream, StoreError, StoreErrorKind, StoreResult, Timestamp};

use super::settled;
use crate::error::{Failure, during};
use crate::schema::settings;

/// How much of a copy is read at a time.
const PIECE_BYTES: u64 = 1024 * 1024;

/// Makes copies of a database that this process or another has open.
pub(crate) struct SqliteSnapshots {
    path: PathBuf,
    /// Sees by its own counter what other connections have committed.
    watch: Arc<Mutex<Option<SqliteConnection>>>,
}

impl SqliteSnapshots {
    /// Copies the database at `path`, once there is one.
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), watch: Arc::default() }
    }

    async fn run<T: Send + 'static>(
        &self,
        what: &str,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> StoreResult<T> {
        let worked = tokio::task::spawn_blocking(work).await;
        let worked = worked.unwrap_or_else(|stopped| Err(Failure::new(StoreErrorKind::Other, stopped)));
        worked.map_err(during(format_args!("{what} database `{}`", self.path.display())))
    }
}

impl fmt::Debug for SqliteSnapshots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteSnapshots").field("path", &self.path).finish_non_exhaustive()
    }
}

#[async_trait]
impl SnapshotSource for SqliteSnapshots {
    async fn version(&self) -> StoreResult<i64> {
        let (path, watch) = (self.path.clone(), Arc::clone(&self.watch));
        self.run("look for changes of", move || {
            let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
            let connection = match &mut *watch {
                Some(connection) => connection,
                none => none.insert(open(&path)?),
            };
            let version: DataVersion = diesel::sql_query("PRAGMA data_version").get_result(connection)?;
            Ok(version.data_version)
        })
        .await
    }

    async fn snapshot(&self) -> StoreResult<Snapshot> {
        let path = self.path.clone();
        self.run("copy", move || copy(&path)).await
    }
}

#[derive(QueryableByName)]
struct DataVersion {
    #[diesel(sql_type = BigInt)]
    data_version: i64,
}

/// Opens a database that must be there.
pub(super) fn open(path: &Path) -> Result<SqliteConnection, Failure> {
    let path = path.canonicalize().map_err(|error| Failure::new(StoreErrorKind::NotFound, error))?;
    let not_text = || Failure::new(StoreErrorKind::Unsupported, "its path is not valid UTF-8");
    let mut connection = SqliteConnection::establish(path.to_str().ok_or_else(not_text)?)?;
    connection.batch_execute("PRAGMA busy_timeout = 10000")?;
    Ok(connection)
}

/// Returns the storage that a database says it belongs to.
pub(super) fn identity(connection: &mut SqliteConnection) -> Result<Option<StorageIdentity>, Failure> {
    let found: Option<String> = settings::table
        .find(registry_core::store::identity::IDENTITY_SETTING)
        .select(settings::value)
        .get_result(connection)
        .optional()?;
    let malformed = |error| Failure::new(StoreErrorKind::Corrupt, error);
    found.map(|text| text.parse().map_err(malformed)).transpose()
}

fn copy(path: &Path) -> Result<Snapshot, Failure> {
    let mut connection = open(path)?;
    let staged = Staged::new(path)?;
    let taken_at = Timestamp::now();
    diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(staged.path.display().to_string()).execute(&mut connection)?;
    let mut copied = open(&staged.path)?;
    settled::end_in_copy(&mut copied)?;
    let identity = identity(&mut copied)?;
    drop(copied);
    let digest = staged.digest().map_err(io_failure)?;
    Ok(Snapshot { name: SnapshotName { taken_at, digest }, identity, content: staged.into_stream() })
}

/// The file that a copy is made in, while it is ours.
struct Staged {
    path: PathBuf,
    file: File,
}

impl Staged {
    /// Makes it empty, whatever a crash has left in it.
    fn new(database: &Path) -> Result<Self, Failure> {
        let database = database.canonicalize().map_err(io_failure)?;
        let mut path = database.into_os_string();
        path.push(".snapshot");
        let path = PathBuf::from(path);
        let opened = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
        let file = opened.map_err(io_failure)?;
        match file.try_lock() {
            Ok(()) => file.set_len(0).map_err(io_failure)?,
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::new(StoreErrorKind::Unavailable, "another copy is being made"));
            }
            Err(TryLockError::Error(error)) => return Err(io_failure(error)),
        }
        Ok(Self { path, file })
    }

    fn digest(&self) -> io::Result<registry_core::protocol::digest::Digest> {
        let mut digester = Digester::new(Algorithm::Sha256);
        (&self.file).rewind()?;
        loop {
            let piece = self.next_piece()?;
            if piece.is_empty() {
                break;
            }
            digester.update(&piece);
        }
        (&self.file).rewind()?;
        Ok(digester.finish())
    }

    fn next_piece(&self) -> io::Result<Bytes> {
        let mut piece = Vec::new();
        (&self.file).take(PIECE_BYTES).read_to_end(&mut piece)?;
        Ok(piece.into())
    }

    fn into_stream(self) -> ByteStream {
        let next = |staged: Arc<Self>| async move {
            let reading = Arc::clone(&staged);
            let read = tokio::task::spawn_blocking(move || reading.next_piece()).await;
            let piece = read.map_err(io::Error::other).flatten().map_err(|error| {
                let what = format!("cannot read `{}`", staged.path.display());
                StoreError::with_source(StoreErrorKind::Other, what, error)
            })?;
            Ok((!piece.is_empty()).then_some((piece, staged)))
        };
        futures::stream::try_unfold(Arc::new(self), next).boxed()
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Whoever stages the next copy empties it as well. The lock goes with the file.
        let _ = self.file.set_len(0);
    }
}

pub(super) fn io_failure(error: io::Error) -> Failure {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => StoreErrorKind::NotFound,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreErrorKind::OutOfSpace,
        _ => StoreErrorKind::Other,
    };
    Failure::new(kind, error)
}
