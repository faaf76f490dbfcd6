//! Proxies that are believed.

use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Network, ValueError};

/// Proxies whose word on their clients is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum TrustedProxy {
    /// `10.0.0.0/8`, or an address alone: whoever connects from there.
    Network(IpNet),
    /// `unix`: whoever connects to the unix socket.
    Unix,
}

impl FromStr for TrustedProxy {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        Network::parse(text)
            .map(|network| Self::Network(network.get()))
            .ok_or_else(|| ValueError::new("an address, a network such as `10.0.0.0/8`, or `unix`", text))
    }
}

impl fmt::Display for TrustedProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}

impl TryFrom<String> for TrustedProxy {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl From<TrustedProxy> for String {
    fn from(proxy: TrustedProxy) -> Self {
        proxy.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read() {
        for (text, shown) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("::1", "::1/128"),
            ("127.0.0.1", "127.0.0.1/32"),
            ("unix", "unix"),
        ] {
            assert_eq!(text.parse::<TrustedProxy>().unwrap().to_string(), shown);
        }
        for text in ["", "10.0.0.0/33", "localhost", "10.0.0", "10.0.0.0/"] {
            assert!(text.parse::<TrustedProxy>().is_err(), "{text}");
        }
    }
}
