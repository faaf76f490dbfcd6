//! What an S3 store means when it does not do what it is asked.

use http::{HeaderMap, StatusCode};
use registry_core::store::StoreErrorKind;

use super::dialect::{Dialect, Keys};
use super::xml::{self, ErrorDocument};
use crate::driver::object::error::{Refusal, shortened};

/// Reads an answer that says no.
pub(super) fn refusal(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    bucket: &str,
    dialect: &Dialect,
) -> Refusal {
    let document: ErrorDocument = xml::parse(body).unwrap_or_default();
    let request_id = headers.get(&dialect.request_id).and_then(|id| id.to_str().ok()).map(ToOwned::to_owned);
    let by_status = Refusal::new(status, headers, format!("bucket `{bucket}`"));
    let is_worth_a_retry = by_status.is_worth_a_retry || is_transient(&document.code);
    Refusal {
        kind: match document.code.as_str() {
            // An unknown bucket is a mistake of somebody who runs the registry, and not a missing object.
            "NoSuchBucket" => StoreErrorKind::Other,
            "QuotaExceeded" | "InsufficientStorage" => StoreErrorKind::OutOfSpace,
            "InvalidPart" => StoreErrorKind::Corrupt,
            "FileAlreadyExists" => StoreErrorKind::AlreadyExists,
            _ if by_status.kind == StoreErrorKind::Other && is_worth_a_retry => StoreErrorKind::Unavailable,
            _ => by_status.kind,
        },
        is_worth_a_retry,
        is_expired_token: matches!(
            document.code.as_str(),
            "ExpiredToken" | "TokenRefreshRequired" | "SecurityTokenExpired"
        ),
        advice: advice(status, &document, &dialect.keys),
        request_id: request_id.or(document.request_id).unwrap_or_default(),
        code: document.code,
        message: document.message,
        ..by_status
    }
}

/// Tells whether a request that is refused with this word may succeed later.
fn is_transient(code: &str) -> bool {
    matches!(
        code,
        "SlowDown"
            | "InternalError"
            | "ServiceUnavailable"
            | "RequestTimeout"
            | "OperationAborted"
            | "ConditionalRequestConflict"
    )
}

/// Returns what somebody who runs the registry can look at.
fn advice(status: StatusCode, document: &ErrorDocument, keys: &Keys) -> Option<String> {
    let Keys { access_key, secret_key, token, endpoint, .. } = keys;
    Some(match document.code.as_str() {
        "InvalidAccessKeyId" => format!("check `{access_key}`"),
        "SignatureDoesNotMatch" => format!("check `{secret_key}` and `region`"),
        "ExpiredToken" | "InvalidToken" | "SecurityTokenExpired" | "InvalidSecurityToken" => format!("check `{token}`"),
        "AccessDenied" => "check that the key may list, read, write and delete in the bucket".into(),
        "NoSuchBucket" => format!("check `bucket` and `{endpoint}`; the bucket has to exist"),
        "RequestTimeTooSkewed" => "check this machine's clock".into(),
        "AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException" => {
            match &document.region {
                Some(region) => format!("check `region`; the bucket is in `{}`", shortened(region)),
                None => format!("check `region` and `{endpoint}`"),
            }
        }
        "" if status.is_redirection() => format!("check `region` and `{endpoint}`"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::header;

    use super::super::dialect::AMAZON;
    use super::*;

    fn refused(status: u16, body: &str) -> Refusal {
        let status = StatusCode::from_u16(status).unwrap();
        let headers = [(AMAZON.request_id.clone(), "R1".parse().unwrap()), (header::RETRY_AFTER, "7".parse().unwrap())];
        refusal(status, &headers.into_iter().collect(), body.as_bytes(), "b", &AMAZON)
    }

    #[test]
    fn a_refusal_says_what_to_check() {
        let refusal =
            refused(403, "<Error><Code>SignatureDoesNotMatch</Code><Message>The signatures differ.</Message></Error>");
        assert_eq!(
            refusal.to_string(),
            "the object store answered 403 SignatureDoesNotMatch The signatures differ. (bucket `b`, request `R1`); \
             check `secretkey` and `region`"
        );
        let elsewhere = "<Error><Code>PermanentRedirect</Code><Region>eu-west-1</Region></Error>";
        assert!(refused(301, elsewhere).to_string().ends_with("the bucket is in `eu-west-1`"));
        assert_eq!(refusal.retry_after, Some(Duration::from_secs(7)));
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
            (409, "FileAlreadyExists", StoreErrorKind::AlreadyExists, false),
            (400, "ExpiredToken", StoreErrorKind::Other, false),
        ] {
            let refusal = refused(status, &format!("<Error><Code>{code}</Code></Error>"));
            assert_eq!((refusal.kind, refusal.is_worth_a_retry), (kind, retried), "{status} {code}");
            assert_eq!(refusal.is_expired_token, code == "ExpiredToken");
        }
    }
}
