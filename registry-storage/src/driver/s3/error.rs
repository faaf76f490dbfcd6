//! What an S3 store answers when it does not do what it is asked.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use registry_core::store::StoreErrorKind;

use super::dialect::Dialect;
use super::xml::{self, ErrorDocument};

/// One failed attempt.
#[derive(Debug, thiserror::Error)]
pub(super) enum S3Error {
    /// The store refused.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The store could not be asked, or its answer did not arrive. It may have done what it was asked.
    #[error("the object store cannot be reached at `{authority}`")]
    Unreachable { authority: String, source: Box<dyn Error + Send + Sync> },
    /// The answer took too long. The store may have done what it was asked.
    #[error("the object store at `{authority}` did not answer within {seconds} s")]
    Timeout { authority: String, seconds: u64 },
    /// There is nothing to sign requests with.
    #[error(
        "no credentials were found; check `accesskey` and `secretkey`, or what the environment gives instead of them"
    )]
    Credentials(#[source] reqsign_core::Error),
    /// The answer is not what the protocol says.
    #[error("the object store's answer cannot be understood")]
    Answer(#[source] Box<dyn Error + Send + Sync>),
}

/// An answer that says no.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: String,
    message: String,
    bucket: String,
    request_id: String,
    /// The region that the bucket is in, where the store tells.
    region: Option<String>,
    retry_after: Option<Duration>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, headers: &HeaderMap, body: &[u8], bucket: &str, dialect: &Dialect) -> Self {
        let document: ErrorDocument = xml::parse(body).unwrap_or_default();
        let text = |name: &http::HeaderName| Some(headers.get(name)?.to_str().ok()?.to_owned());
        let retry_after = text(&header::RETRY_AFTER).and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
        Self {
            status,
            code: shortened(document.code),
            message: shortened(document.message),
            bucket: bucket.to_owned(),
            request_id: shortened(text(&dialect.request_id).or(document.request_id).unwrap_or_default()),
            region: document.region.map(shortened),
            retry_after,
        }
    }

    /// Returns what somebody who runs the registry can look at.
    fn advice(&self) -> Option<String> {
        Some(match self.code.as_str() {
            "InvalidAccessKeyId" => "check `accesskey`".into(),
            "SignatureDoesNotMatch" => "check `secretkey` and `region`".into(),
            "ExpiredToken" | "InvalidToken" => "check `sessiontoken`".into(),
            "AccessDenied" => "check that the key may list, read, write and delete in the bucket".into(),
            "NoSuchBucket" => "check `bucket` and `regionendpoint`; the bucket has to exist".into(),
            "RequestTimeTooSkewed" => "check this machine's clock".into(),
            "AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException" => {
                match &self.region {
                    Some(region) => format!("check `region`; the bucket is in `{region}`"),
                    None => "check `region` and `regionendpoint`".into(),
                }
            }
            "" if self.status.is_redirection() => "check `region` and `regionendpoint`".into(),
            _ => return None,
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the object store answered {}", self.status.as_u16())?;
        for text in [&self.code, &self.message].into_iter().filter(|text| !text.is_empty()) {
            write!(f, " {text}")?;
        }
        write!(f, " (bucket `{}`", self.bucket)?;
        if !self.request_id.is_empty() {
            write!(f, ", request `{}`", self.request_id)?;
        }
        f.write_str(")")?;
        match self.advice() {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl Error for Refusal {}

/// Bounds what a server said.
fn shortened(text: String) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

impl S3Error {
    pub(super) fn kind(&self) -> StoreErrorKind {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => StoreErrorKind::Unavailable,
            Self::Credentials(_) | Self::Answer(_) => StoreErrorKind::Other,
            Self::Refused(refusal) => match (refusal.code.as_str(), refusal.status) {
                // An unknown bucket is a mistake of somebody who runs the registry, and not a missing object.
                ("NoSuchBucket", _) => StoreErrorKind::Other,
                ("QuotaExceeded" | "InsufficientStorage", _) | (_, StatusCode::INSUFFICIENT_STORAGE) => {
                    StoreErrorKind::OutOfSpace
                }
                ("InvalidPart", _) | (_, StatusCode::RANGE_NOT_SATISFIABLE) => StoreErrorKind::Corrupt,
                (_, StatusCode::NOT_FOUND) => StoreErrorKind::NotFound,
                (_, StatusCode::PRECONDITION_FAILED) => StoreErrorKind::AlreadyExists,
                (_, StatusCode::CONFLICT) => StoreErrorKind::Conflict,
                (_, StatusCode::NOT_IMPLEMENTED) => StoreErrorKind::Unsupported,
                _ if self.is_worth_a_retry() => StoreErrorKind::Unavailable,
                _ => StoreErrorKind::Other,
            },
        }
    }

    /// Tells whether the same request may succeed later.
    pub(super) fn is_worth_a_retry(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => true,
            Self::Credentials(error) => error.is_retryable(),
            Self::Answer(_) => false,
            Self::Refused(refusal) => {
                let status = refusal.status.as_u16();
                let transient = [
                    "SlowDown",
                    "InternalError",
                    "ServiceUnavailable",
                    "RequestTimeout",
                    "OperationAborted",
                    "ConditionalRequestConflict",
                ];
                matches!(status, 408 | 429 | 500 | 502 | 503 | 504) || transient.contains(&refusal.code.as_str())
            }
        }
    }

    /// Tells whether the store no longer takes the credentials that were valid a moment ago.
    pub(super) fn is_expired_token(&self) -> bool {
        matches!(self, Self::Refused(refusal) if matches!(refusal.code.as_str(), "ExpiredToken" | "TokenRefreshRequired"))
    }

    /// Returns how long the store wants to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dialect::AMAZON;
    use super::*;

    fn refused(status: u16, body: &str) -> S3Error {
        let status = StatusCode::from_u16(status).unwrap();
        let headers = [(AMAZON.request_id.clone(), "R1".parse().unwrap()), (header::RETRY_AFTER, "7".parse().unwrap())];
        S3Error::Refused(Box::new(Refusal::new(status, &headers.into_iter().collect(), body.as_bytes(), "b", &AMAZON)))
    }

    #[test]
    fn a_refusal_says_what_to_check() {
        let error =
            refused(403, "<Error><Code>SignatureDoesNotMatch</Code><Message>The signatures differ.</Message></Error>");
        assert_eq!(
            error.to_string(),
            "the object store answered 403 SignatureDoesNotMatch The signatures differ. (bucket `b`, request `R1`); \
             check `secretkey` and `region`"
        );
        let elsewhere = "<Error><Code>PermanentRedirect</Code><Region>eu-west-1</Region></Error>";
        assert!(refused(301, elsewhere).to_string().ends_with("the bucket is in `eu-west-1`"));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    }

    #[test]
    fn refusals_mean_something() {
        for (status, code, kind, retried) in [
            (404, "NoSuchKey", StoreErrorKind::NotFound, false),
            (404, "", StoreErrorKind::NotFound, false),
            (404, "NoSuchBucket", StoreErrorKind::Other, false),
            (412, "PreconditionFailed", StoreErrorKind::AlreadyExists, false),
            (409, "ConditionalRequestConflict", StoreErrorKind::Conflict, true),
            (403, "AccessDenied", StoreErrorKind::Other, false),
            (400, "RequestTimeout", StoreErrorKind::Unavailable, true),
            (500, "InternalError", StoreErrorKind::Unavailable, true),
            (503, "SlowDown", StoreErrorKind::Unavailable, true),
            (429, "", StoreErrorKind::Unavailable, true),
            (501, "NotImplemented", StoreErrorKind::Unsupported, false),
            (416, "InvalidRange", StoreErrorKind::Corrupt, false),
            (400, "InvalidPart", StoreErrorKind::Corrupt, false),
        ] {
            let error = refused(status, &format!("<Error><Code>{code}</Code></Error>"));
            assert_eq!((error.kind(), error.is_worth_a_retry()), (kind, retried), "{status} {code}");
        }
    }
}
