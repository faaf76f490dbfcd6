//! The names of an upload and of the writer that holds it.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// The name of an upload session: a random UUID, as the spec asks for, so that it cannot be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadId(Uuid);

impl UploadId {
    /// Makes a new, random name.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// The text is not the name of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an upload id; expected a UUID in its hyphenated lower-case form")]
pub struct UploadIdError;

impl FromStr for UploadId {
    type Err = UploadIdError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let id = Self(Uuid::try_parse(s).map_err(|_| UploadIdError)?);
        // One name, one spelling: `try_parse` also takes braces, URNs and capitals.
        if id.to_string() == s { Ok(id) } else { Err(UploadIdError) }
    }
}

/// Names one attempt to write to an upload, so that of two writers one can be told that it lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClaimToken(Uuid);

impl ClaimToken {
    /// Makes a new, random token.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for ClaimToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_id_has_one_spelling() {
        let id = UploadId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "x", "..", &id.to_string().to_uppercase(), &format!("{{{id}}}"), &format!("urn:uuid:{id}")] {
            assert_eq!(text.parse::<UploadId>(), Err(UploadIdError), "{text}");
        }
    }
}
