//! What can go wrong with a server, and what that means.

use std::error::Error;

use diesel::result::Error as DieselError;
use registry_core::store::StoreErrorKind;

use crate::error::Failure;

/// What an error means to the one who runs a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Another transaction was in the way. It did not happen, and may succeed if tried again.
    Contention,
    /// The connection is of no more use: it was lost, or the server is about to stop or may not be written to.
    Lost,
    /// It takes the server too long.
    Slow,
    /// The server has no room left.
    Full,
    /// What the server holds is damaged.
    Corrupt,
    /// The server said something else.
    Unknown,
    /// It is our own error, which will not pass.
    Ours,
}

impl Meaning {
    fn kind(self) -> StoreErrorKind {
        match self {
            Self::Contention | Self::Lost | Self::Slow => StoreErrorKind::Unavailable,
            Self::Full => StoreErrorKind::OutOfSpace,
            Self::Corrupt => StoreErrorKind::Corrupt,
            Self::Unknown | Self::Ours => StoreErrorKind::Other,
        }
    }
}

/// Looks a server's message up: it means what the first text that it contains means. diesel does not keep the codes.
pub(crate) fn meaning_of_text(message: &str, texts: &[(&str, Meaning)]) -> Meaning {
    texts.iter().find(|(text, _)| message.contains(text)).map_or(Meaning::Unknown, |(_, meaning)| *meaning)
}

/// A transaction that did not end well.
#[derive(Debug)]
pub(super) enum Failed {
    /// There is no connection.
    Unreachable(ConnectError),
    /// It did not happen.
    Undone(Meaning, DieselError),
    /// The connection was lost during `COMMIT`: it may have happened, or not.
    Unanswered(DieselError),
}

impl From<Failed> for Failure {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Unreachable(error) => Self::new(StoreErrorKind::Unavailable, error),
            Failed::Undone(meaning, error) => Self::new(meaning.kind(), error),
            Failed::Unanswered(error) => Self::new(StoreErrorKind::Unavailable, Unanswered(error)),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the connection to the database was lost during commit; the change may have been made, or not")]
struct Unanswered(#[source] DieselError);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to the database")]
pub(crate) struct ConnectError {
    /// Whether the server answered, and will answer the same next time, as where the password is wrong.
    pub(crate) is_final: bool,
    /// The cause.
    pub(crate) source: Box<dyn Error + Send + Sync>,
}

impl ConnectError {
    /// The server may be there in a moment.
    pub(crate) fn passing(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { is_final: false, source: source.into() }
    }
}
