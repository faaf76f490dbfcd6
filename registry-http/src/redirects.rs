//! Which clients are sent to the storage for the bytes of blobs.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

/// Who is redirected to the storage, where that has addresses for clients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Redirects {
    /// Nobody: the registry sends the bytes itself.
    #[default]
    Never,
    /// Every client.
    Always,
    /// Clients in these networks. Whose address is not known is not among them.
    Networks(Vec<IpNet>),
}

impl Redirects {
    /// How long an address of the storage counts, as in distribution.
    pub(crate) const LIFETIME: Duration = Duration::from_secs(20 * 60);

    /// Tells whether a client is redirected.
    pub(crate) fn applies_to(&self, client: Option<IpAddr>) -> bool {
        match (self, client) {
            (Self::Never, _) | (Self::Networks(_), None) => false,
            (Self::Always, _) => true,
            (Self::Networks(networks), Some(ip)) => {
                let ip = ip.to_canonical();
                networks.iter().any(|network| network.contains(&ip))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clients_of_the_networks_are_redirected() {
        let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|network| network.parse().unwrap());
        let redirects = Redirects::Networks(networks.to_vec());
        for (client, expected) in [
            (Some("10.1.2.3"), true),
            (Some("::ffff:10.1.2.3"), true),
            (Some("2001:db8::1"), true),
            (Some("192.0.2.1"), false),
            (Some("2001:db9::1"), false),
            (None, false),
        ] {
            let ip = client.map(|client| client.parse().unwrap());
            assert_eq!(redirects.applies_to(ip), expected, "{client:?}");
            assert!(Redirects::Always.applies_to(ip));
            assert!(!Redirects::Never.applies_to(ip));
        }
    }
}
