//! Who the client is and how it reached the registry, as far as proxies in between can be believed.
//!
//! Anybody can write `Forwarded` or `X-Forwarded-*`, so they count only where the peer is a configured proxy, and only
//! as far as what such proxies wrote: entries are read from the right, and the first that is not a trusted proxy is the
//! client. By default no proxy is trusted.
//!
//! Source: RFC 7239 for `Forwarded`; the `X-Forwarded-*` headers by custom.

use std::net::IpAddr;

use http::header::{FORWARDED, HOST, HeaderMap, HeaderName};
use http::uri::{Authority, Scheme, Uri};
use ipnet::IpNet;

use crate::server::{ConnectionInfo, PeerAddress};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The proxies whose word on their clients is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    /// The networks that they are in.
    pub networks: Vec<IpNet>,
    /// Whatever connects to a Unix socket is one of them.
    pub unix: bool,
}

impl TrustedProxies {
    /// Tells whether the peer of a connection is a trusted proxy.
    pub fn trusts(&self, peer: &PeerAddress) -> bool {
        match peer {
            PeerAddress::Tcp(address) => self.trusts_ip(address.ip()),
            PeerAddress::Unix => self.unix,
            PeerAddress::Unknown => false,
        }
    }

    fn trusts_ip(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.networks.iter().any(|network| network.contains(&ip))
    }
}

/// The client's end of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAddress<'a> {
    /// The client's IP address. None for a local process on a Unix socket.
    pub ip: Option<IpAddr>,
    /// The scheme that the client used.
    pub scheme: Scheme,
    host: Host<'a>,
}

/// The host, with a port if there was one, that the client says it spoke to. It is as the client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Host<'a> {
    /// Where the request has it: few need it.
    Of(&'a Uri, &'a HeaderMap),
    /// As a proxy says.
    Told(&'a str),
}

impl<'a> ClientAddress<'a> {
    /// Finds the client of a request by its connection, target and headers. Malformed entries end the search where they
    /// stand; they are never an error.
    pub fn of(proxies: &TrustedProxies, connection: &ConnectionInfo, target: &'a Uri, headers: &'a HeaderMap) -> Self {
        let scheme = if connection.tls { Scheme::HTTPS } else { Scheme::HTTP };
        let direct = Self { ip: connection.peer.ip(), scheme, host: Host::Of(target, headers) };
        if !proxies.trusts(&connection.peer) {
            return direct;
        }
        let hops = if headers.contains_key(FORWARDED) { forwarded(headers) } else { x_forwarded(headers) };
        direct.behind(proxies, hops)
    }

    /// Returns the host, with a port if there was one, that the client says it spoke to. None if it did not say, or if that is
    /// not fit to stand in a URL.
    pub fn authority(&self) -> Option<Authority> {
        authority(match self.host {
            // HTTP/2 has the host in the target, HTTP/1.1 in a header.
            Host::Of(target, headers) => {
                target.authority().map(Authority::as_str).or_else(|| headers.get(HOST)?.to_str().ok())?
            }
            Host::Told(host) => host,
        })
    }

    /// Walks from the nearest hop to the client.
    fn behind(mut self, proxies: &TrustedProxies, hops: Vec<Hop<'a>>) -> Self {
        for hop in hops {
            self.scheme = hop.scheme.unwrap_or(self.scheme);
            self.host = hop.host.map_or(self.host, Host::Told);
            let Some(ip) = hop.from else { break };
            self.ip = Some(ip);
            if !proxies.trusts_ip(ip) {
                break;
            }
        }
        self
    }
}

/// What one proxy wrote about the request that it took.
#[derive(Debug, Default)]
struct Hop<'a> {
    /// Where it came from; None if the proxy does not tell.
    from: Option<IpAddr>,
    scheme: Option<Scheme>,
    host: Option<&'a str>,
}

/// Reads `Forwarded` from the right.
fn forwarded(headers: &HeaderMap) -> Vec<Hop<'_>> {
    let elements = headers.get_all(FORWARDED).iter().flat_map(|value| split(value.as_bytes(), b','));
    let elements: Vec<&[u8]> = elements.collect();
    let hop = |element| {
        let mut hop = Hop::default();
        for pair in split(element, b';') {
            let Some((name, value)) = std::str::from_utf8(pair).ok().and_then(|pair| pair.split_once('=')) else {
                return Hop::default();
            };
            let value = unquoted(value.trim());
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => hop.from = ip(value),
                "proto" => hop.scheme = scheme(value),
                "host" => hop.host = Some(value).filter(|value| authority(value).is_some()),
                _ => {}
            }
        }
        hop
    };
    elements.into_iter().rev().map(hop).collect()
}

/// Reads `X-Forwarded-*` from the right. The lists of schemes and hosts belong to that of addresses from their right
/// ends; a list that is shorter says the same of everything before.
fn x_forwarded(headers: &HeaderMap) -> Vec<Hop<'_>> {
    let list = |name| -> Vec<&str> {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let mut items: Vec<_> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
        items.reverse();
        items
    };
    let (addresses, schemes, hosts) = (list(X_FORWARDED_FOR), list(X_FORWARDED_PROTO), list(X_FORWARDED_HOST));
    // Some proxies tell the scheme or host and no address: that is one hop too.
    let hops = addresses.len().max(usize::from(!schemes.is_empty() || !hosts.is_empty()));
    let hop = |index: usize| Hop {
        from: addresses.get(index).and_then(|text| ip(text)),
        scheme: schemes.get(index).and_then(|text| scheme(text)),
        host: hosts.get(index).copied().filter(|text| authority(text).is_some()),
    };
    (0..hops).map(hop).collect()
}

/// Splits at a separator outside quotes.
fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |byte| {
        if std::mem::take(&mut escaped) {
            return false;
        }
        match byte {
            b'"' => quoted = !quoted,
            b'\\' => escaped = quoted,
            _ => {}
        }
        *byte == separator && !quoted
    })
}

/// Takes the quotes off. Nothing that is of use here has an escaped character.
fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

/// Reads an address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn ip(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.split_once(']')).map_or(text, |(ip, _)| ip);
    let parsed = bare.parse::<IpAddr>().ok().or_else(|| Some(text.parse::<std::net::SocketAddr>().ok()?.ip()));
    parsed.map(|ip| ip.to_canonical())
}

fn scheme(text: &str) -> Option<Scheme> {
    match text.to_ascii_lowercase().as_str() {
        "http" => Some(Scheme::HTTP),
        "https" => Some(Scheme::HTTPS),
        _ => None,
    }
}

/// Reads a host that is fit to stand in a URL.
fn authority(text: &str) -> Option<Authority> {
    text.parse::<Authority>().ok().filter(|authority| !authority.as_str().contains('@') && !authority.host().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> TrustedProxies {
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap()).to_vec();
        TrustedProxies { networks, unix: false }
    }

    fn header_map(headers: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        map.insert(HOST, "registry:5000".parse().unwrap());
        for (name, value) in headers {
            map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        map
    }

    fn ip_behind(proxies: &TrustedProxies, peer: PeerAddress, headers: &[(&str, &str)]) -> Option<IpAddr> {
        let connection = ConnectionInfo { peer, tls: false };
        ClientAddress::of(proxies, &connection, &Uri::from_static("/v2/"), &header_map(headers)).ip
    }

    fn client(peer: &str, headers: &[(&str, &str)]) -> (String, String, String) {
        let connection = ConnectionInfo { peer: PeerAddress::tcp(peer.parse().unwrap()), tls: false };
        let (target, headers) = (Uri::from_static("/v2/"), header_map(headers));
        let client = ClientAddress::of(&proxies(), &connection, &target, &headers);
        (client.ip.unwrap().to_string(), client.scheme.to_string(), client.authority().unwrap().to_string())
    }

    fn expected(ip: &str, scheme: &str, host: &str) -> (String, String, String) {
        (ip.to_owned(), scheme.to_owned(), host.to_owned())
    }

    #[test]
    fn nobody_is_believed_who_is_not_configured() {
        let headers = [
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil"),
            ("forwarded", "for=1.1.1.1;proto=https;host=evil"),
        ];
        assert_eq!(client("192.0.2.7:80", &headers), expected("192.0.2.7", "http", "registry:5000"));
        let nobody = ip_behind(&TrustedProxies::default(), PeerAddress::tcp("10.0.0.1:1".parse().unwrap()), &headers);
        assert_eq!(nobody, Some("10.0.0.1".parse().unwrap()), "the default trusts nobody");
    }

    #[test]
    fn a_trusted_proxy_tells_of_its_client() {
        let headers =
            [("x-forwarded-for", "192.0.2.7"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "r.example")];
        assert_eq!(client("10.0.0.1:80", &headers), expected("192.0.2.7", "https", "r.example"));
        assert_eq!(client("[::ffff:10.0.0.1]:80", &headers), expected("192.0.2.7", "https", "r.example"));
        let forwarded = [("forwarded", r#"for="[2001:db8::1]:4711";proto=https;host="r.example:8443";by=10.0.0.1"#)];
        assert_eq!(client("[fd00::1]:80", &forwarded), expected("2001:db8::1", "https", "r.example:8443"));
        let host_only = [("x-forwarded-proto", "https")];
        assert_eq!(client("10.0.0.1:80", &host_only), expected("10.0.0.1", "https", "registry:5000"));
    }

    #[test]
    fn what_a_client_wrote_itself_is_not_believed() {
        // The client sent the left part; the proxy added the right one.
        let headers = [("x-forwarded-for", "1.1.1.1, 192.0.2.7"), ("x-forwarded-host", "evil, r.example")];
        assert_eq!(client("10.0.0.1:80", &headers), expected("192.0.2.7", "http", "r.example"));
        let lines = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "192.0.2.7, 10.9.9.9")];
        assert_eq!(client("10.0.0.1:80", &lines), expected("192.0.2.7", "http", "registry:5000"));
        let forwarded = [("forwarded", "for=1.1.1.1;host=evil, for=192.0.2.7;proto=https")];
        assert_eq!(client("10.0.0.1:80", &forwarded), expected("192.0.2.7", "https", "registry:5000"));
        let quoted = [("forwarded", r#"for="a\",b", for="192.0.2.7:80""#)];
        assert_eq!(client("10.0.0.1:80", &quoted).0, "192.0.2.7");
    }

    #[test]
    fn the_search_ends_at_what_cannot_be_read() {
        for entry in ["unknown", "_hidden", "", "300.1.1.1", "1.1.1.1.1"] {
            let headers = [("x-forwarded-for", format!("1.1.1.1, {entry}, 10.2.2.2"))];
            let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
            assert_eq!(client("10.0.0.1:80", &headers).0, "10.2.2.2", "{entry}");
        }
        for (scheme, host) in [("gopher", "a b"), ("javascript", "user@evil"), ("", "")] {
            let headers = [("x-forwarded-for", "192.0.2.7"), ("x-forwarded-proto", scheme), ("x-forwarded-host", host)];
            assert_eq!(client("10.0.0.1:80", &headers), expected("192.0.2.7", "http", "registry:5000"));
        }
    }

    #[test]
    fn what_cannot_stand_in_a_url_is_no_host() {
        for host in ["", "a b", "user@evil", "a/b", "a:b:c"] {
            let client = ClientAddress { ip: None, scheme: Scheme::HTTP, host: Host::Told(host) };
            assert_eq!(client.authority(), None, "{host}");
        }
    }

    #[test]
    fn a_unix_peer_is_believed_only_if_configured() {
        let headers = [("x-forwarded-for", "192.0.2.7")];
        assert_eq!(ip_behind(&proxies(), PeerAddress::Unix, &headers), None);
        let unix = TrustedProxies { unix: true, ..proxies() };
        assert_eq!(ip_behind(&unix, PeerAddress::Unix, &headers), Some("192.0.2.7".parse().unwrap()));
        assert_eq!(ip_behind(&unix, PeerAddress::Unknown, &headers), None);
    }
}
