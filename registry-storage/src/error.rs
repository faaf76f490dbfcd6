//! What can go wrong in a driver.

use std::error::Error;
use std::fmt;
use std::io;

use registry_core::store::{StoreError, StoreErrorKind};
use rustix::io::Errno;

/// The result of every driver method.
pub type DriverResult<T> = Result<T, DriverError>;

/// A driver's failure to do something to something: ``cannot read `/docker/…/data` ``. The cause is its source.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} `{subject}`")]
pub struct DriverError {
    kind: StoreErrorKind,
    operation: &'static str,
    subject: String,
    source: Box<dyn Error + Send + Sync>,
}

impl DriverError {
    /// Describes a failure. `operation` is a verb with what goes before its object, `subject` a path or another name.
    pub fn new(
        kind: StoreErrorKind,
        operation: &'static str,
        subject: impl fmt::Display,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { kind, operation, subject: subject.to_string(), source: source.into() }
    }

    /// Describes a failed system call; its error decides the kind.
    pub fn io(operation: &'static str, subject: impl fmt::Display, source: io::Error) -> Self {
        Self::new(kind(&source), operation, subject, source)
    }

    /// Describes content that is shorter than it has to be.
    pub(crate) fn too_short(
        operation: &'static str,
        subject: impl fmt::Display,
        size_bytes: u64,
        expected_bytes: u64,
    ) -> Self {
        let cause = format!("it has {size_bytes} bytes, expected at least {expected_bytes}");
        Self::new(StoreErrorKind::Corrupt, operation, subject, cause)
    }

    /// Tells of the same failure as one that concerns `subject`, of which the text of the cause is left.
    pub(crate) fn about(&self, subject: impl fmt::Display) -> Self {
        Self::new(self.kind, self.operation, subject, self.source.to_string())
    }

    /// Returns what the failure means to the caller.
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl From<DriverError> for StoreError {
    fn from(error: DriverError) -> Self {
        let context = error.to_string();
        Self::with_source(error.kind, context, error.source)
    }
}

fn kind(error: &io::Error) -> StoreErrorKind {
    match error.kind() {
        io::ErrorKind::NotFound => StoreErrorKind::NotFound,
        io::ErrorKind::AlreadyExists => StoreErrorKind::AlreadyExists,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreErrorKind::OutOfSpace,
        // Conditions that somebody will see to: a remount, a network, a neighbour.
        io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::StaleNetworkFileHandle
        | io::ErrorKind::TimedOut
        | io::ErrorKind::ResourceBusy
        | io::ErrorKind::OutOfMemory => StoreErrorKind::Unavailable,
        io::ErrorKind::Unsupported => StoreErrorKind::Unsupported,
        _ => match Errno::from_io_error(error) {
            // The process or the system has too many files open.
            Some(Errno::MFILE | Errno::NFILE) => StoreErrorKind::Unavailable,
            _ => StoreErrorKind::Other,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_errors_mean_something() {
        for (errno, kind) in [
            (Errno::NOENT, StoreErrorKind::NotFound),
            (Errno::EXIST, StoreErrorKind::AlreadyExists),
            (Errno::NOSPC, StoreErrorKind::OutOfSpace),
            (Errno::DQUOT, StoreErrorKind::OutOfSpace),
            (Errno::ROFS, StoreErrorKind::Unavailable),
            (Errno::MFILE, StoreErrorKind::Unavailable),
            (Errno::NFILE, StoreErrorKind::Unavailable),
            (Errno::STALE, StoreErrorKind::Unavailable),
            (Errno::IO, StoreErrorKind::Other),
            (Errno::ACCESS, StoreErrorKind::Other),
            (Errno::XDEV, StoreErrorKind::Other),
        ] {
            assert_eq!(DriverError::io("write", "/x", errno.into()).kind(), kind, "{errno:?}");
        }
    }

    #[test]
    fn the_cause_is_kept() {
        let error = StoreError::from(DriverError::too_short("read", "/a/b", 3, 7));
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        assert_eq!(error.to_string(), "cannot read `/a/b`");
        assert_eq!(error.source().unwrap().to_string(), "it has 3 bytes, expected at least 7");
    }
}
