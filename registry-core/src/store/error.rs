//! What can go wrong in a store, whichever store it is.

use std::error::Error;

/// The result of every port method.
pub type StoreResult<T> = Result<T, StoreError>;

/// What a failure means to the caller. The kind decides; the source explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// What was asked for is not there.
    NotFound,
    /// What was to be created is there already.
    AlreadyExists,
    /// Somebody else changed the thing first.
    Conflict,
    /// The store cannot do this.
    Unsupported,
    /// The store cannot be reached or is overloaded; the same call may succeed later.
    Unavailable,
    /// The store has no room left; the same call succeeds once room was made.
    OutOfSpace,
    /// What the store holds is damaged.
    Corrupt,
    /// Anything else.
    Other,
}

/// A failure of a store, with its cause.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct StoreError {
    kind: StoreErrorKind,
    context: String,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// Describes a failure that has no cause of its own. `context` says what was being done to what.
    pub fn new(kind: StoreErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    /// Describes a failure and keeps its cause.
    pub fn with_source(
        kind: StoreErrorKind,
        context: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { kind, context: context.into(), source: Some(source.into()) }
    }

    /// Returns what the failure means to the caller.
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}
