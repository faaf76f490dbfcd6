//! Where a listener listens.

use std::str::FromStr;

use registry_http::server;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ValueError;

/// The address of a listener: `HOST:PORT`, `:PORT` for every interface, or the path of a unix socket.
///
/// A path is known by the `/` in it, so a socket in the working directory is `./NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct ListenAddress(server::ListenAddress);

impl ListenAddress {
    /// Makes an address from what the server takes.
    pub fn new(address: server::ListenAddress) -> Self {
        Self(address)
    }

    /// Returns what the server takes.
    pub fn get(&self) -> &server::ListenAddress {
        &self.0
    }
}

impl FromStr for ListenAddress {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let error = |_| ValueError::new("`HOST:PORT`, `:PORT`, or the path of a unix socket with a `/` in it", text);
        if text.contains('/') && !text.contains("://") && !text.contains('\0') {
            return Ok(Self(server::ListenAddress::Unix(text.into())));
        }
        server::ListenAddress::tcp(text).map(Self).map_err(error)
    }
}

impl TryFrom<String> for ListenAddress {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl From<ListenAddress> for String {
    fn from(address: ListenAddress) -> Self {
        match address.0 {
            server::ListenAddress::Unix(path) => path.display().to_string(),
            tcp => tcp.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown() {
        for (text, is_unix) in [
            (":5000", false),
            ("localhost:5001", false),
            ("[::1]:5000", false),
            ("/run/registry.sock", true),
            ("./registry.sock", true),
        ] {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!(matches!(address.get(), server::ListenAddress::Unix(_)), is_unix, "{text}");
            assert_eq!(String::from(address), text);
        }
        for text in ["", "5000", "localhost", ":http", "http://a:1", "/a\0b"] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }
}
