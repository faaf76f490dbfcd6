//! What can go wrong, and what it means to the callers of the port.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use registry_core::store::{StoreError, StoreErrorKind};

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The directory cannot be created or made durable.
    #[error("cannot prepare directory `{path}` for the database")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The lock file cannot be opened.
    #[error("cannot open lock file `{path}`")]
    LockFile {
        /// The lock file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Another process has the database open.
    #[error(
        "database `{path}` is in use by another process, which holds its lock file; stop that process, or give this one a database of its own"
    )]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// The database cannot be opened or set up.
    #[error("cannot open database `{database}`")]
    Setup {
        /// The database.
        database: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The database server cannot be reached, or refuses the connection.
    #[error("cannot connect to database `{database}`")]
    Connect {
        /// The database.
        database: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The database server's certificate is not valid for its host, or not issued by an authority that is trusted.
    #[error(
        "database `{database}` did not prove that it is the host of the url; expected a certificate that is valid for it and issued by a trusted authority"
    )]
    Untrusted {
        /// The database.
        database: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The certificates of authorities that sign the database server's certificate cannot be read.
    #[error("cannot read certificates from `{path}`; expected a PEM file")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The schema cannot be brought up to date.
    #[error("cannot bring the schema of database `{database}` up to date")]
    Migration {
        /// The database.
        database: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A newer release of this program has changed the schema.
    #[error(
        "database `{database}` was changed by a newer release (migration {version} is unknown); run that release, or restore a backup from before the upgrade"
    )]
    Newer {
        /// The database.
        database: String,
        /// The first migration that this release does not know.
        version: String,
    },
}

/// A call that failed: what that means, and why. Each dialect makes it from its own errors.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: StoreErrorKind,
    source: Box<dyn Error + Send + Sync>,
}

impl Failure {
    pub(crate) fn new(kind: StoreErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, source: source.into() }
    }

    pub(crate) fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    pub(crate) fn source(&self) -> &(dyn Error + 'static) {
        &*self.source
    }
}

/// Turns a failure into an error that says what could not be done.
pub(crate) fn during(what: impl fmt::Display) -> impl FnOnce(Failure) -> StoreError {
    move |failure| StoreError::with_source(failure.kind, format!("cannot {what}"), failure.source)
}
