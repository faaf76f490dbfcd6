//! The ids of images of the first registry.

use std::fmt;
use std::str::FromStr;

/// The text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no id of an image; expected 16 or 64 hexadecimal digits")]
pub struct ImageIdError(String);

/// How much of a text that is no id is repeated, in characters.
const SHOWN_CHARS: usize = 80;

/// The id of an image: 16 or 64 hexadecimal digits in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageId(Box<str>);

impl ImageId {
    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ImageId {
    type Err = ImageIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_hex = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if matches!(text.len(), 16 | 64) && is_hex {
            return Ok(Self(text.into()));
        }
        Err(ImageIdError(text.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS).collect()))
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_16_or_64_digits() {
        for text in ["0123456789abcdef".to_owned(), "f".repeat(64)] {
            assert_eq!(text.parse::<ImageId>().unwrap().to_string(), text);
        }
        for text in ["", "0123456789ABCDEF", "0123456789abcde", &"g".repeat(64), "../../../../../.."] {
            assert!(text.parse::<ImageId>().is_err(), "{text}");
        }
    }
}
