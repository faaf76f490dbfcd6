//! What an object store answers when it does not do what it is asked.

use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use registry_core::store::StoreErrorKind;

use crate::error::DriverError;

/// How much of what a store says is repeated, in characters.
const TEXT_MAX_CHARS: usize = 300;

/// What was asked for was not done.
#[derive(Debug)]
pub(crate) struct Failure {
    error: DriverError,
    /// Whether it was asked for more than once, so that an earlier attempt may have done it, and this be the consequence.
    pub(crate) is_ambiguous: bool,
}

impl Failure {
    pub(crate) fn kind(&self) -> StoreErrorKind {
        self.error.kind()
    }

    /// Tells whether the store said no, and will say so again.
    pub(crate) fn is_final_refusal(&self) -> bool {
        let cause = self.error.source().and_then(|cause| cause.downcast_ref());
        matches!(cause, Some(ExchangeError::Refused(refusal)) if refusal.is_final())
    }

    /// Marks it as the failure of an attempt that was not the first.
    pub(crate) fn ambiguous(mut self, is_ambiguous: bool) -> Self {
        self.is_ambiguous = is_ambiguous;
        self
    }

    /// Tells of this as what kept one of several things from being done.
    pub(crate) fn about(&self, subject: String) -> DriverError {
        self.error.about(subject)
    }
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Self {
        Self { error, is_ambiguous: false }
    }
}

impl From<Failure> for DriverError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// One failed attempt.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    /// The store refused.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The store could not be asked, or its answer did not arrive. It may have done what it was asked.
    #[error("the object store cannot be reached at `{authority}`")]
    Unreachable { authority: String, source: Box<dyn Error + Send + Sync> },
    /// The answer took too long. The store may have done what it was asked.
    #[error("the object store at `{authority}` did not answer within {seconds} s")]
    Timeout { authority: String, seconds: u64 },
    /// What was asked for is elsewhere.
    #[error("the object store sends elsewhere, and from there again")]
    Moved,
    /// There is nothing to sign requests with. `advice` says what to check.
    #[error("no credentials were found; {advice}")]
    Credentials { advice: &'static str, is_worth_a_retry: bool, source: Box<dyn Error + Send + Sync> },
    /// The answer is not what the protocol says.
    #[error("the object store's answer cannot be understood")]
    Answer(#[source] Box<dyn Error + Send + Sync>),
}

impl ExchangeError {
    /// Returns what it means to the caller.
    pub(crate) fn kind(&self) -> StoreErrorKind {
        match self {
            Self::Refused(refusal) => refusal.kind,
            Self::Unreachable { .. } | Self::Timeout { .. } => StoreErrorKind::Unavailable,
            Self::Moved | Self::Credentials { .. } | Self::Answer(_) => StoreErrorKind::Other,
        }
    }

    /// Tells whether the same request may succeed later.
    pub(crate) fn is_worth_a_retry(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.is_worth_a_retry,
            Self::Unreachable { .. } | Self::Timeout { .. } => true,
            Self::Credentials { is_worth_a_retry, .. } => *is_worth_a_retry,
            Self::Moved | Self::Answer(_) => false,
        }
    }

    /// Tells whether the store no longer takes the credentials that were valid a moment ago.
    pub(crate) fn is_expired_token(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_expired_token)
    }

    /// Returns how long the store wants to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }
}

impl From<Refusal> for ExchangeError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

/// An answer that says no.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// The vendor's word for what is wrong; empty if it said none.
    pub(crate) code: String,
    /// What the vendor says to that; it may be empty.
    pub(crate) message: String,
    /// Where it was asked, such as ``bucket `images` ``.
    pub(crate) place: String,
    /// By what the vendor knows the request; it may be empty.
    pub(crate) request_id: String,
    /// What somebody who runs the registry can look at, such as ``check `secretkey` ``.
    pub(crate) advice: Option<String>,
    /// What it means to the caller.
    pub(crate) kind: StoreErrorKind,
    /// Whether the same request may succeed later.
    pub(crate) is_worth_a_retry: bool,
    /// Whether other credentials may help, where those that were used can be renewed.
    pub(crate) is_expired_token: bool,
    /// How long the store wants to be left alone.
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    /// Says what an answer says by its status alone. The rest is the vendor's.
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap, place: String) -> Self {
        let is_worth_a_retry = matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504);
        let kind = match status {
            StatusCode::NOT_FOUND => StoreErrorKind::NotFound,
            StatusCode::PRECONDITION_FAILED => StoreErrorKind::AlreadyExists,
            StatusCode::CONFLICT => StoreErrorKind::Conflict,
            StatusCode::RANGE_NOT_SATISFIABLE => StoreErrorKind::Corrupt,
            StatusCode::NOT_IMPLEMENTED => StoreErrorKind::Unsupported,
            StatusCode::INSUFFICIENT_STORAGE => StoreErrorKind::OutOfSpace,
            _ if is_worth_a_retry => StoreErrorKind::Unavailable,
            _ => StoreErrorKind::Other,
        };
        Self {
            status,
            code: String::new(),
            message: String::new(),
            place,
            request_id: String::new(),
            advice: None,
            kind,
            is_worth_a_retry,
            is_expired_token: false,
            retry_after: headers.get(header::RETRY_AFTER).and_then(|text| retry_after(text.to_str().ok()?)),
        }
    }

    /// Tells whether the same request will be refused again, with other credentials too.
    pub(crate) fn is_final(&self) -> bool {
        !self.is_worth_a_retry && !self.is_expired_token
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the object store answered {}", self.status.as_u16())?;
        for text in [&self.code, &self.message].into_iter().filter(|text| !text.is_empty()) {
            write!(f, " {}", shortened(text))?;
        }
        write!(f, " ({}", self.place)?;
        if !self.request_id.is_empty() {
            write!(f, ", request `{}`", shortened(&self.request_id))?;
        }
        f.write_str(")")?;
        match &self.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl Error for Refusal {}

/// Bounds what a server said, and leaves out what a terminal would obey.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TEXT_MAX_CHARS).collect()
}

/// Reads seconds, or the time of day at which the store can be asked again.
fn retry_after(text: &str) -> Option<Duration> {
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, retry_after: &str) -> Refusal {
        let headers = [(header::RETRY_AFTER, retry_after.parse().unwrap())];
        Refusal::new(StatusCode::from_u16(status).unwrap(), &headers.into_iter().collect(), "bucket `b`".into())
    }

    #[test]
    fn a_status_means_something() {
        for (status, kind, is_worth_a_retry) in [
            (404, StoreErrorKind::NotFound, false),
            (412, StoreErrorKind::AlreadyExists, false),
            (409, StoreErrorKind::Conflict, false),
            (403, StoreErrorKind::Other, false),
            (408, StoreErrorKind::Unavailable, true),
            (429, StoreErrorKind::Unavailable, true),
            (500, StoreErrorKind::Unavailable, true),
            (503, StoreErrorKind::Unavailable, true),
            (501, StoreErrorKind::Unsupported, false),
            (507, StoreErrorKind::OutOfSpace, false),
            (416, StoreErrorKind::Corrupt, false),
        ] {
            let error = ExchangeError::from(refused(status, "1"));
            assert_eq!((error.kind(), error.is_worth_a_retry()), (kind, is_worth_a_retry), "{status}");
        }
    }

    #[test]
    fn a_wait_is_in_seconds_or_until_a_time() {
        let in_an_hour = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3600));
        let wait = refused(503, &in_an_hour).retry_after.unwrap();
        assert!(wait > Duration::from_secs(3500) && wait <= Duration::from_secs(3600), "{wait:?}");
        let past = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH);
        for (text, wait) in [("7", Some(7)), (past.as_str(), Some(0)), ("soon", None)] {
            assert_eq!(refused(503, text).retry_after, wait.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn what_a_store_says_is_bounded() {
        let mut refusal = refused(403, "1");
        refusal.code = "Denied".into();
        refusal.message = format!("\u{1b}[31m{}", "x".repeat(10_000));
        refusal.advice = Some("check the key".into());
        let text = refusal.to_string();
        assert!(text.starts_with("the object store answered 403 Denied [31mxxx"), "{text}");
        assert!(text.ends_with("x (bucket `b`); check the key") && text.len() < 400, "{text}");
    }
}
