//! What PostgreSQL's errors mean.

use diesel::result::{DatabaseErrorKind, Error};

use crate::server::{Meaning, meaning_of_text};

/// Texts of servers that speak English. Where one speaks another language, an error is unknown.
const TEXTS: &[(&str, Meaning)] = &[
    ("deadlock detected", Meaning::Contention),
    ("due to lock timeout", Meaning::Contention),
    ("due to statement timeout", Meaning::Slow),
    ("terminating connection", Meaning::Lost),
    ("terminating walsender", Meaning::Lost),
    ("the database system is", Meaning::Lost),
    ("too many clients", Meaning::Lost),
    ("connection slots are reserved", Meaning::Lost),
    ("No space left on device", Meaning::Full),
    ("disk full", Meaning::Full),
    ("invalid page in block", Meaning::Corrupt),
    ("unexpected data beyond EOF", Meaning::Corrupt),
];

pub(super) fn meaning(error: &Error) -> Meaning {
    match error {
        Error::DatabaseError(kind, information) => match kind {
            DatabaseErrorKind::SerializationFailure => Meaning::Contention,
            // A standby: the next connection may lead to its primary.
            DatabaseErrorKind::ReadOnlyTransaction
            | DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::ClosedConnection => Meaning::Lost,
            _ => meaning_of_text(information.message(), TEXTS),
        },
        Error::DeserializationError(_) => Meaning::Corrupt,
        _ => Meaning::Ours,
    }
}
