//! What the programs share that kill registries: a client that knows of the kills, random choices, and the servers.

pub(crate) mod http;
pub(crate) mod random;
pub(crate) mod server;

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// Returns the digest of bytes as the registry names it.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
        text
    })
}
