//! The Basic scheme: a name and a password in every request.
//!
//! Source: RFC 7617.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

/// The longest name of a user in bytes.
const USER_MAX_BYTES: usize = 255;
/// The longest password in bytes.
const PASSWORD_MAX_BYTES: usize = 1024;
/// The longest value that can hold both, with room for the scheme.
const HEADER_MAX_BYTES: usize = (USER_MAX_BYTES + 1 + PASSWORD_MAX_BYTES).div_ceil(3) * 4 + 16;

/// A name and a password that somebody claims to be theirs. Has no `Debug`, so that no log can have it.
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: Vec<u8>,
}

impl Credentials {
    /// Reads the value of an `Authorization` header; None if it is of another scheme, malformed or too long.
    pub(super) fn parse(header: &HeaderValue) -> Option<Self> {
        if header.len() > HEADER_MAX_BYTES {
            return None;
        }
        let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = STANDARD.decode(encoded.trim_matches(' ')).ok()?;
        let colon = decoded.iter().position(|byte| *byte == b':')?;
        let (user, password) = (&decoded[..colon], &decoded[colon + 1..]);
        let user = std::str::from_utf8(user).ok()?;
        let fits = (1..=USER_MAX_BYTES).contains(&user.len()) && password.len() <= PASSWORD_MAX_BYTES;
        let plain = !user.chars().any(char::is_control) && !password.iter().any(u8::is_ascii_control);
        (fits && plain).then(|| Self { user: user.to_owned(), password: password.to_owned() })
    }
}

/// Returns the challenge that asks for Basic credentials; None if the realm cannot stand in a header.
pub(super) fn challenge(realm: &str) -> Option<HeaderValue> {
    let quoted = realm.replace('\\', r"\\").replace('"', r#"\""#);
    HeaderValue::from_str(&format!("Basic realm=\"{quoted}\"")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str) -> Option<(String, Vec<u8>)> {
        let credentials = Credentials::parse(&HeaderValue::from_str(header).unwrap())?;
        Some((credentials.user, credentials.password))
    }

    fn encoded(text: impl AsRef<[u8]>) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn a_password_may_have_colons_and_any_text() {
        assert_eq!(parse("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), Some(("Aladdin".into(), b"open sesame".to_vec())));
        assert_eq!(parse("bAsIc  YTpi"), Some(("a".into(), b"b".to_vec())));
        assert_eq!(parse(&encoded("ü:p:ä:")), Some(("ü".into(), "p:ä:".into())));
        assert_eq!(parse(&encoded("a:")), Some(("a".into(), Vec::new())));
        assert!(parse(&encoded(format!("{}:{}", "u".repeat(255), "p".repeat(1024)))).is_some());
    }

    #[test]
    fn what_is_not_basic_is_refused() {
        for header in
            ["", "Basic", "Basic ", "Bearer YTpi", "Basic YTpi!", "Basic YTpi=", "Basic YWI=", "Basic YTpi YTpi"]
        {
            assert!(parse(header).is_none(), "{header}");
        }
        for text in ["nocolon", ":password", "a\n:b", "a:b\0c"] {
            assert!(parse(&encoded(text)).is_none(), "{text:?}");
        }
        assert!(parse(&encoded(b"\xff:b")).is_none());
        assert!(parse(&encoded(format!("{}:p", "u".repeat(256)))).is_none());
        assert!(parse(&encoded(format!("u:{}", "p".repeat(1025)))).is_none());
        assert!(parse(&encoded(format!("u:{}", "p".repeat(1 << 20)))).is_none());
    }

    #[test]
    fn the_realm_is_quoted() {
        assert_eq!(challenge(r#"my "own" \ realm"#).unwrap(), r#"Basic realm="my \"own\" \\ realm""#);
        assert!(challenge("a\r\nb").is_none());
    }
}
