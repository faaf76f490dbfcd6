//! What SQLite's errors mean. diesel keeps their texts, not their codes.

use diesel::ConnectionError;
use diesel::result::{DatabaseErrorKind, Error};
use registry_core::store::StoreErrorKind;

use crate::error::Failure;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(kind(&error), error)
    }
}

impl From<ConnectionError> for Failure {
    fn from(error: ConnectionError) -> Self {
        Self::new(StoreErrorKind::Unavailable, error)
    }
}

fn kind(error: &Error) -> StoreErrorKind {
    match error {
        Error::DatabaseError(DatabaseErrorKind::Unknown, information) => kind_of_message(information.message()),
        Error::RollbackErrorOnCommit { commit_error, .. } => kind(commit_error),
        Error::DeserializationError(_) => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Other,
    }
}

/// The texts are those of `sqlite3_errstr`, or start with them.
fn kind_of_message(message: &str) -> StoreErrorKind {
    const KINDS: [(&str, StoreErrorKind); 7] = [
        ("database or disk is full", StoreErrorKind::OutOfSpace),
        ("database is locked", StoreErrorKind::Unavailable),
        ("database table is locked", StoreErrorKind::Unavailable),
        ("disk I/O error", StoreErrorKind::Unavailable),
        ("unable to open database file", StoreErrorKind::Unavailable),
        ("database disk image is malformed", StoreErrorKind::Corrupt),
        ("file is not a database", StoreErrorKind::Corrupt),
    ];
    let known = KINDS.iter().find(|(text, _)| message.starts_with(text));
    known.map_or(StoreErrorKind::Other, |(_, kind)| *kind)
}
