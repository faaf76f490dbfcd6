//! Error codes, and the body that carries them to a client.
//!
//! Sources: distribution-spec, "Error Codes"; the codes that the spec does not list are those of the Docker registry
//! that clients know as well. Which HTTP status goes with a code is the HTTP service's business.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)+) => {
        /// What went wrong, in a word that programs understand.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Returns the word as it stands in the body.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

error_codes! {
    /// The blob is not in the repository.
    BlobUnknown = "BLOB_UNKNOWN",
    /// The upload cannot go on like this.
    BlobUploadInvalid = "BLOB_UPLOAD_INVALID",
    /// There is no such upload.
    BlobUploadUnknown = "BLOB_UPLOAD_UNKNOWN",
    /// The digest is malformed, or the content has another one.
    DigestInvalid = "DIGEST_INVALID",
    /// The manifest refers to content that is not in the repository.
    ManifestBlobUnknown = "MANIFEST_BLOB_UNKNOWN",
    /// The manifest is malformed.
    ManifestInvalid = "MANIFEST_INVALID",
    /// The manifest is not in the repository.
    ManifestUnknown = "MANIFEST_UNKNOWN",
    /// The manifest's signature does not hold. Docker's code for schema 1.
    ManifestUnverified = "MANIFEST_UNVERIFIED",
    /// The repository name is malformed.
    NameInvalid = "NAME_INVALID",
    /// There is no such repository.
    NameUnknown = "NAME_UNKNOWN",
    /// The content is not as long as announced, or is too long.
    SizeInvalid = "SIZE_INVALID",
    /// The tag is malformed. Docker's code.
    TagInvalid = "TAG_INVALID",
    /// The range is malformed, or is not where the upload stands. Docker's code.
    RangeInvalid = "RANGE_INVALID",
    /// The length asked of a page is not one that can be given. Docker's code.
    PaginationNumberInvalid = "PAGINATION_NUMBER_INVALID",
    /// Who asks has to say who they are.
    Unauthorized = "UNAUTHORIZED",
    /// Who asks may not do this.
    Denied = "DENIED",
    /// This registry does not do this.
    Unsupported = "UNSUPPORTED",
    /// Who asks does so too often.
    TooManyRequests = "TOOMANYREQUESTS",
    /// The registry cannot do this at the moment. Docker's code.
    Unavailable = "UNAVAILABLE",
    /// The registry failed. Docker's code.
    Unknown = "UNKNOWN",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The body of a response that tells of errors.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ErrorBody {
    /// What went wrong; clients look at the first.
    pub errors: Vec<ErrorEntry>,
}

/// One thing that went wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ErrorEntry {
    /// What, for programs.
    pub code: ErrorCode,
    /// What, for people.
    pub message: String,
    /// More about it, for programs; left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
}

impl ErrorBody {
    /// Makes a body of one error.
    pub fn new(code: ErrorCode, message: impl Into<String>, detail: Option<Value>) -> Self {
        Self { errors: vec![ErrorEntry { code, message: message.into(), detail }] }
    }

    /// Returns the body as JSON on one line, with a line feed at its end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string(self).expect("text and JSON values always serialise");
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_reads_as_the_spec_has_it() {
        let detail = serde_json::json!([{"Type": "repository", "Name": "a/b", "Action": "pull"}]);
        let mut body = ErrorBody::new(ErrorCode::Unauthorized, "say \"who\"", Some(detail));
        assert_eq!(
            body.to_json(),
            concat!(
                r#"{"errors":[{"code":"UNAUTHORIZED","message":"say \"who\"","#,
                r#""detail":[{"Action":"pull","Name":"a/b","Type":"repository"}]}]}"#,
                "\n"
            )
        );
        body.errors[0].detail = None;
        assert_eq!(body.to_json(), "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"say \\\"who\\\"\"}]}\n");
    }

    #[test]
    fn codes_are_distinct_words_of_capitals_and_underscores() {
        let words: std::collections::HashSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), ErrorCode::ALL.len());
        for word in words {
            assert!(word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'), "{word}");
        }
    }

    #[test]
    fn every_code_of_the_spec_is_there() {
        for word in [
            "BLOB_UNKNOWN",
            "BLOB_UPLOAD_INVALID",
            "BLOB_UPLOAD_UNKNOWN",
            "DIGEST_INVALID",
            "MANIFEST_BLOB_UNKNOWN",
            "MANIFEST_INVALID",
            "MANIFEST_UNKNOWN",
            "NAME_INVALID",
            "NAME_UNKNOWN",
            "SIZE_INVALID",
            "UNAUTHORIZED",
            "DENIED",
            "UNSUPPORTED",
            "TOOMANYREQUESTS",
        ] {
            assert!(ErrorCode::ALL.iter().any(|code| code.as_str() == word), "{word}");
        }
    }
}
