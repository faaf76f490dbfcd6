//! The kinds of password hashes that a file can have.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};
use subtle::ConstantTimeEq as _;

use super::apr1;

/// Higher costs than this would take more than ten seconds for every check.
const BCRYPT_MAX_COST: u32 = 17;

/// The hash of a password. Has no `Debug`, so that no log can have it.
pub(super) enum PasswordHash {
    /// `$2y$`, `$2a$` or `$2b$`.
    Bcrypt(String),
    /// `$apr1$`.
    Apr1 { salt: Vec<u8>, hash: [u8; apr1::ENCODED_BYTES] },
    /// `{SHA}`.
    Sha1([u8; 20]),
}

impl PasswordHash {
    /// Reads what stands after the name; None if it is of a kind that is not read, or malformed.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix("$apr1$") {
            let (salt, hash) = rest.split_once('$')?;
            let salt = (salt.len() <= 8).then(|| salt.as_bytes().to_vec())?;
            return Some(Self::Apr1 { salt, hash: hash.as_bytes().try_into().ok()? });
        }
        if let Some(encoded) = text.strip_prefix("{SHA}") {
            return Some(Self::Sha1(STANDARD.decode(encoded).ok()?.try_into().ok()?));
        }
        let known = ["$2y$", "$2a$", "$2b$"].iter().any(|prefix| text.starts_with(prefix));
        let parts: bcrypt::HashParts = if known { text.parse().ok()? } else { return None };
        (4..=BCRYPT_MAX_COST).contains(&parts.get_cost()).then(|| Self::Bcrypt(text.to_owned()))
    }

    /// Makes a hash that takes as long to check as `like`, and that no password has.
    pub(super) fn dummy(like: Option<&Self>) -> Self {
        match like {
            Some(Self::Apr1 { .. }) => Self::Apr1 { salt: vec![b'.'; 8], hash: [0; apr1::ENCODED_BYTES] },
            Some(Self::Sha1(_)) => Self::Sha1([0; 20]),
            bcrypt => {
                let cost = bcrypt.and_then(Self::bcrypt_cost).unwrap_or(bcrypt::DEFAULT_COST);
                Self::Bcrypt(format!("$2y${cost:02}${}", ".".repeat(53)))
            }
        }
    }

    /// Returns the cost of a bcrypt hash.
    pub(super) fn bcrypt_cost(&self) -> Option<u32> {
        match self {
            Self::Bcrypt(text) => Some(text.parse::<bcrypt::HashParts>().ok()?.get_cost()),
            _ => None,
        }
    }

    /// Checks a password, in a time that depends on the kind of hash alone. bcrypt regards the first 72 bytes, as it
    /// does in every other program. Takes up to seconds of computing: not for a thread that serves others.
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        match self {
            Self::Bcrypt(text) => bcrypt::verify(password, text).unwrap_or(false),
            Self::Apr1 { salt, hash } => apr1::hash(password, salt).ct_eq(hash).into(),
            Self::Sha1(hash) => Sha1::digest(password).as_slice().ct_eq(hash).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_knows_its_password() {
        for (password, text) in [
            ("rasmuslerdorf", "$2y$07$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq"),
            ("rasmuslerdorf", "$2a$07$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq"),
            ("rasmuslerdorf", "$2b$07$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq"),
            ("correct horse", "$2y$05$L4x5KjYRYTtu43h/MMicMeeWC1kUQ5iROMb0nhFg3uVoAJGH30hBy"),
            ("myPassword", "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/"),
            ("password", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="),
        ] {
            let hash = PasswordHash::parse(text).unwrap();
            assert!(hash.verify(password.as_bytes()), "{text}");
            for wrong in ["", "Password", &password[1..], &format!("{password} ")] {
                assert!(!hash.verify(wrong.as_bytes()), "{text}: {wrong}");
            }
            let dummy = PasswordHash::dummy(Some(&hash));
            assert!(!dummy.verify(password.as_bytes()), "nobody has the dummy's password");
            assert_eq!(dummy.bcrypt_cost(), hash.bcrypt_cost());
        }
    }

    #[test]
    fn bcrypt_regards_72_bytes() {
        let password = "p".repeat(80);
        let hash = PasswordHash::parse(&bcrypt::hash(&password[..72], 4).unwrap()).unwrap();
        assert!(hash.verify(password.as_bytes()));
        assert!(!hash.verify(&password.as_bytes()[..71]));
    }

    #[test]
    fn other_kinds_are_not_read() {
        for text in [
            "",
            "password",
            "$1$salt$hash",
            "$5$x$y",
            "$6$x$y",
            "rqXexS6ZhobKA",
            "{SHA}",
            "{SHA}AAAA",
            "{SSHA}AAAA",
            "$apr1$",
            "$apr1$toolongsalt$HqJZimcKQFAMYayBlzkrA/",
            "$apr1$salt$short",
            "$2y$",
            "$2y$07$short",
            "$2x$07$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq",
            "$2y$31$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq",
            "$2y$03$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq",
        ] {
            assert!(PasswordHash::parse(text).is_none(), "{text}");
        }
    }
}
