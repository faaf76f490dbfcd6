//! What the errors of MySQL and MariaDB mean.

use diesel::result::{DatabaseErrorKind, Error};

use crate::server::{Meaning, meaning_of_text};

/// Sessions are set to English. The driver's own texts come first.
const TEXTS: &[(&str, Meaning)] = &[
    ("Input/output error: ", Meaning::Lost),
    ("Driver error: ", Meaning::Lost),
    ("Deadlock found", Meaning::Contention),
    ("Lock wait timeout exceeded", Meaning::Contention),
    ("Record has changed since last read", Meaning::Contention),
    ("Query execution was interrupted", Meaning::Slow),
    ("shutdown in progress", Meaning::Lost),
    ("Connection was killed", Meaning::Lost),
    ("read-only", Meaning::Lost),
    ("WSREP has not yet prepared node", Meaning::Lost),
    ("Too many connections", Meaning::Lost),
    ("' is full", Meaning::Full),
    ("Disk full", Meaning::Full),
    ("No space left on device", Meaning::Full),
    ("is corrupt", Meaning::Corrupt),
    ("is marked as crashed", Meaning::Corrupt),
];

pub(super) fn meaning(error: &Error) -> Meaning {
    match error {
        // A replica: the next connection may lead to its source.
        Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _) => Meaning::Lost,
        Error::DatabaseError(_, information) => meaning_of_text(information.message(), TEXTS),
        Error::DeserializationError(_) => Meaning::Corrupt,
        _ => Meaning::Ours,
    }
}
