//! The name of a request, in the response, in the log and in every error.

use http::{HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries it.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The name of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// Makes a new one.
    pub fn random() -> Self {
        Self(Uuid::new_v4().hyphenated().to_string())
    }

    /// Takes the one that a trusted proxy gave, if it is of reasonable form.
    pub fn from_proxy(value: &HeaderValue) -> Option<Self> {
        const MAX_BYTES: usize = 128;
        let text = value.to_str().ok()?;
        let fits = (1..=MAX_BYTES).contains(&text.len());
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/+=".contains(&b));
        (fits && plain).then(|| Self(text.to_owned()))
    }

    /// Returns it as text, which is safe in a header and in a log.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxys_id_is_taken_only_if_it_is_plain() {
        let taken = |text: &str| RequestId::from_proxy(&HeaderValue::from_str(text).unwrap());
        assert_eq!(taken("a-1").unwrap().as_str(), "a-1");
        for text in ["", "a b", "a\"b", &"a".repeat(129)] {
            assert_eq!(taken(text), None, "{text}");
        }
    }
}
