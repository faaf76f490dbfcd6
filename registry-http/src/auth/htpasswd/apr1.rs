//! Apache's variant of the MD5-based crypt, `$apr1$`, found in files that older tools wrote.
//!
//! A thousand rounds of MD5 are quickly guessed through, so it is read and never written.

use md5::{Digest as _, Md5};

const MAGIC: &[u8] = b"$apr1$";
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// How many characters the encoded hash has.
pub(super) const ENCODED_BYTES: usize = 22;

/// Hashes a password. `salt` is at most 8 bytes.
pub(super) fn hash(password: &[u8], salt: &[u8]) -> [u8; ENCODED_BYTES] {
    let inner = Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize();
    let mut outer = Md5::new().chain_update(password).chain_update(MAGIC).chain_update(salt);
    for chunk in password.chunks(inner.len()) {
        outer.update(&inner[..chunk.len()]);
    }
    let mut bits = password.len();
    while bits != 0 {
        outer.update(if bits & 1 == 1 { &[0] } else { &password[..1] });
        bits >>= 1;
    }
    let mut value = outer.finalize();
    for round in 0..1000 {
        let mut next = Md5::new();
        next.update(if round % 2 == 1 { password } else { &value });
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        next.update(if round % 2 == 1 { &value } else { password });
        value = next.finalize();
    }
    encode(&value.into())
}

/// Writes the bytes in crypt's order, six bits a character, the lowest first.
fn encode(value: &[u8; 16]) -> [u8; ENCODED_BYTES] {
    const GROUPS: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];
    let mut encoded = [0; ENCODED_BYTES];
    let mut put = |at: usize, characters: usize, mut bits: u32| {
        for place in &mut encoded[at..at + characters] {
            *place = ALPHABET[(bits & 63) as usize];
            bits >>= 6;
        }
    };
    for (group, [high, middle, low]) in GROUPS.into_iter().enumerate() {
        put(group * 4, 4, u32::from_be_bytes([0, value[high], value[middle], value[low]]));
    }
    put(20, 2, u32::from(value[11]));
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_other_tools() {
        let long = "x".repeat(40);
        for (password, salt, expected) in [
            ("myPassword", "r31.....", "HqJZimcKQFAMYayBlzkrA/"),
            ("a", "ab", "MW8Wizufu9hz465GKNNrn."),
            (&long, "longsalt", "EiwSMDfLx2UWiEfGIujuW."),
            ("", "zZ", "mnBViI5a5z36huCDXyYVL."),
        ] {
            let hash = hash(password.as_bytes(), salt.as_bytes());
            assert_eq!(std::str::from_utf8(&hash).unwrap(), expected, "{password}");
        }
    }
}
