//! The name of a request, in the response, in the log and in every error.

use http::{HeaderName, HeaderValue};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// The header that carries it.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The name of one request. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Text);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Text {
    /// A UUID, which takes no memory of its own.
    Random([u8; Hyphenated::LENGTH]),
    /// What a proxy gave.
    Given(HeaderValue),
}

impl RequestId {
    /// Makes a new one: a random UUID.
    pub fn random() -> Self {
        let mut text = [0; Hyphenated::LENGTH];
        Uuid::new_v4().hyphenated().encode_lower(&mut text);
        Self(Text::Random(text))
    }

    /// Takes the one that a trusted proxy gave, if it is of reasonable form.
    pub fn from_proxy(value: &HeaderValue) -> Option<Self> {
        const MAX_BYTES: usize = 128;
        let text = value.to_str().ok()?;
        let fits = (1..=MAX_BYTES).contains(&text.len());
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/+=".contains(&b));
        // A copy: the value itself would keep the whole head of its request in memory.
        if fits && plain { HeaderValue::from_str(text).ok().map(|value| Self(Text::Given(value))) } else { None }
    }

    /// Returns it as text, which is safe in a header and in a log.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Random(text) => std::str::from_utf8(text).expect("a UUID is ASCII"),
            Text::Given(value) => value.to_str().expect("an id is of visible ASCII characters"),
        }
    }

    /// Returns the value of the header that carries it.
    pub fn to_header(&self) -> HeaderValue {
        match &self.0 {
            Text::Random(text) => HeaderValue::from_bytes(text).expect("a UUID is header text"),
            Text::Given(value) => value.clone(),
        }
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
