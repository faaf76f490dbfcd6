//! Content digests: `<algorithm>:<lower-case hex>`.
//!
//! Source: OCI image-spec `descriptor.md`, "Digests". Only the two registered algorithms are known; every other
//! algorithm is refused, because a digest that cannot be verified must not name anything.

use std::fmt;
use std::str::FromStr;

use sha2::digest::common::hazmat::SerializableState;
use sha2::{Digest as _, Sha256, Sha512};

/// A digest algorithm that this registry can verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256, the canonical algorithm.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// Every known algorithm.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    /// Returns the registered name, as it stands before the colon.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// Returns the length of a digest in bytes.
    pub const fn len_bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = DigestError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == s)
            .ok_or_else(|| DigestError::UnknownAlgorithm(shorten(s)))
    }
}

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// There is no colon between algorithm and hex.
    #[error("digest `{0}` has no `:`; expected `<algorithm>:<hex>`")]
    NoSeparator(String),
    /// The algorithm is not one that this registry can verify.
    #[error("digest algorithm `{0}` is not supported; expected sha256 or sha512")]
    UnknownAlgorithm(String),
    /// The hex part is of the wrong length or has a character outside `0-9a-f`.
    #[error(
        "digest `{digest}` is malformed; {algorithm} takes exactly {expected} characters of 0-9a-f after the colon"
    )]
    Malformed {
        /// The text as given, shortened.
        digest: String,
        /// The algorithm it names.
        algorithm: Algorithm,
        /// How many hex characters that algorithm takes.
        expected: usize,
    },
    /// A saved digester state does not fit its algorithm.
    #[error("saved {0} state is malformed")]
    State(Algorithm),
}

/// The verified-by-construction name of some content: an algorithm and its value.
///
/// Ordered by algorithm, then bytewise. `Display` and `FromStr` are inverse to each other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    algorithm: Algorithm,
    /// Zero beyond the algorithm's length.
    value: [u8; 64],
}

impl Digest {
    /// Computes the digest of `content`.
    pub fn of(algorithm: Algorithm, content: &[u8]) -> Self {
        let mut digester = Digester::new(algorithm);
        digester.update(content);
        digester.finish()
    }

    /// Returns the algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the raw value.
    pub fn as_bytes(&self) -> &[u8] {
        &self.value[..self.algorithm.len_bytes()]
    }

    /// Returns the lower-case hex part, without the algorithm.
    pub fn hex(&self) -> String {
        hex::encode(self.as_bytes())
    }

    fn new(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut value = [0; 64];
        value[..bytes.len()].copy_from_slice(bytes);
        Self { algorithm, value }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // On the way of every pull, so that each half of a byte is looked up at once.
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut buffer = [0; 128];
        let text = &mut buffer[..self.algorithm.len_bytes() * 2];
        for (digits, byte) in text.chunks_exact_mut(2).zip(self.as_bytes()) {
            digits[0] = DIGITS[usize::from(byte >> 4)];
            digits[1] = DIGITS[usize::from(byte & 15)];
        }
        fmt::Display::fmt(&self.algorithm, f)?;
        f.write_str(":")?;
        f.write_str(std::str::from_utf8(text).expect("hex is ASCII"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (algorithm, text) = s.split_once(':').ok_or_else(|| DigestError::NoSeparator(shorten(s)))?;
        let algorithm: Algorithm = algorithm.parse()?;
        let expected = algorithm.len_bytes() * 2;
        let malformed = || DigestError::Malformed { digest: shorten(s), algorithm, expected };
        if text.len() != expected {
            return Err(malformed());
        }
        let mut value = [0; 64];
        for (byte, digits) in value.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let (Some(high), Some(low)) = (half_byte(digits[0]), half_byte(digits[1])) else { return Err(malformed()) };
            *byte = high << 4 | low;
        }
        Ok(Self { algorithm, value })
    }
}

/// Returns what a lower-case hex digit stands for.
const fn half_byte(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Computes a digest over content that arrives in pieces, and can be saved between two pieces.
#[derive(Clone)]
pub struct Digester(State);

#[derive(Clone)]
enum State {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Digester {
    /// Starts over no content.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha512 => State::Sha512(Sha512::new()),
        })
    }

    /// Continues from what [`save`](Self::save) returned.
    ///
    /// # Errors
    /// [`DigestError::State`] if `state` was not saved by a digester of this algorithm.
    pub fn resume(algorithm: Algorithm, state: &[u8]) -> Result<Self, DigestError> {
        let malformed = |_| DigestError::State(algorithm);
        let invalid = |_| DigestError::State(algorithm);
        Ok(Self(match algorithm {
            Algorithm::Sha256 => {
                State::Sha256(Sha256::deserialize(state.try_into().map_err(malformed)?).map_err(invalid)?)
            }
            Algorithm::Sha512 => {
                State::Sha512(Sha512::deserialize(state.try_into().map_err(malformed)?).map_err(invalid)?)
            }
        }))
    }

    /// Returns the algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        match self.0 {
            State::Sha256(_) => Algorithm::Sha256,
            State::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// Takes the next piece of content.
    pub fn update(&mut self, content: &[u8]) {
        match &mut self.0 {
            State::Sha256(hasher) => hasher.update(content),
            State::Sha512(hasher) => hasher.update(content),
        }
    }

    /// Returns the state after the content taken so far, for [`resume`](Self::resume). It is not a secret.
    pub fn save(&self) -> Vec<u8> {
        match &self.0 {
            State::Sha256(hasher) => hasher.serialize().to_vec(),
            State::Sha512(hasher) => hasher.serialize().to_vec(),
        }
    }

    /// Returns the digest of all content taken.
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(hasher) => Digest::new(Algorithm::Sha256, &hasher.finalize()),
            State::Sha512(hasher) => Digest::new(Algorithm::Sha512, &hasher.finalize()),
        }
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Digester").field(&self.algorithm()).finish()
    }
}

/// Keeps an echoed text within bounds: what a client sends comes back in an error, but not by the megabyte.
pub(crate) fn shorten(text: &str) -> String {
    const LIMIT: usize = 160;
    match text.char_indices().nth(LIMIT) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn known_digests() {
        assert_eq!(Digest::of(Algorithm::Sha256, b"").to_string(), EMPTY);
        let sha512 = Digest::of(Algorithm::Sha512, b"abc").to_string();
        assert!(sha512.starts_with("sha512:ddaf35a193617abacc417349ae204131"), "{sha512}");
        assert_eq!(sha512.parse::<Digest>().unwrap().to_string(), sha512);
    }

    #[test]
    fn refuses_what_is_not_a_digest() {
        let upper = EMPTY.to_uppercase().replace("SHA256", "sha256");
        let long = format!("{EMPTY}0");
        for text in [
            "",
            ":",
            "sha256",
            "sha256:",
            "sha256:abc",
            "sha256:baddigeststring",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            "sha256:../../x",
            "SHA256:00",
            &upper,
            &long,
            &EMPTY.replace("sha256", "sha512"),
            &EMPTY.replace('e', "é"),
        ] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_saved_state_continues_where_it_was() {
        for algorithm in Algorithm::ALL {
            let content: Vec<u8> = (0..1000u32).flat_map(u32::to_le_bytes).collect();
            for cut in [0, 1, 63, 64, 127, 128, 129, 3999, 4000] {
                let mut first = Digester::new(algorithm);
                first.update(&content[..cut]);
                let mut second = Digester::resume(algorithm, &first.save()).unwrap();
                second.update(&content[cut..]);
                assert_eq!(second.finish(), Digest::of(algorithm, &content));
            }
            assert_eq!(
                Digester::resume(algorithm, b"short").unwrap_err(),
                DigestError::State(algorithm),
                "a foreign state is refused"
            );
        }
    }
}
