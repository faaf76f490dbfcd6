//! Image names as people write them: `[host[:port]/][namespace/]name[:tag][@digest]`.
//!
//! Source: the grammar of Docker references. Nothing is filled in: a name without a host or tag has none, whatever a
//! client takes as its default.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use super::digest::{Digest, shorten};
use super::reference::{ReferenceError, RepositoryName, Tag};

/// The longest host in bytes, port included.
pub const HOST_MAX_BYTES: usize = 255;

/// A full image name. `Display` and `FromStr` are inverse to each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageName {
    // Private, because not every combination can be written: without a host, `localhost/a` would read differently.
    host: Option<Host>,
    repository: RepositoryName,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl ImageName {
    /// Returns the registry's host, if the name says one.
    pub const fn host(&self) -> Option<&Host> {
        self.host.as_ref()
    }

    /// Returns the repository.
    pub const fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// Returns the tag, if the name says one.
    pub const fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// Returns the digest, if the name says one. It counts more than the tag.
    pub const fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }
}

impl FromStr for ImageName {
    type Err = ImageNameError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (rest, digest) = match s.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse().map_err(ReferenceError::Digest)?)),
            None => (s, None),
        };
        let (host, rest) = match rest.split_once('/') {
            Some((first, path)) if is_host(first) => (Some(first.parse()?), path),
            _ => (None, rest),
        };
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag.parse()?)),
            None => (rest, None),
        };
        Ok(Self { host, repository: repository.parse()?, tag, digest })
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            write!(f, "{host}/")?;
        }
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// The host of a registry as it stands in image names, with its port if it has one: `registry.example.com`,
/// `localhost:5000`, `[::1]:5000`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host(Box<str>);

impl Host {
    /// Returns the host as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Host {
    type Err = ImageNameError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (name, port) = match s.rsplit_once(':') {
            // The colon is one of an address.
            Some((_, last)) if last.ends_with(']') => (s, None),
            Some((name, port)) => (name, Some(port)),
            None => (s, None),
        };
        let valid_name = match name.strip_prefix('[') {
            Some(address) => address.strip_suffix(']').is_some_and(is_ipv6),
            None => name.split('.').all(is_label),
        };
        let valid_port =
            port.is_none_or(|port| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok());
        if s.len() <= HOST_MAX_BYTES && is_host(s) && valid_name && valid_port {
            Ok(Self(s.into()))
        } else {
            Err(ImageNameError::Host(shorten(s)))
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not an image name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageNameError {
    /// What stands before the first slash can only be a host, and is not a valid one.
    #[error("host `{0}` is invalid; expected a domain name, IPv4 address or `[IPv6 address]`, and maybe `:port`")]
    Host(String),
    /// The repository, tag or digest is invalid.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
}

/// Tells a host from the first component of a repository name: by what no component can have, by a dot, or by being
/// `localhost`.
fn is_host(first: &str) -> bool {
    first == "localhost" || first.bytes().any(|b| b == b'.' || b == b':' || b.is_ascii_uppercase())
}

fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

/// Without a zone and without an IPv4 address inside, which the grammar leaves out.
fn is_ipv6(address: &str) -> bool {
    !address.contains('.') && address.parse::<Ipv6Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn image_names() {
        let pinned = format!("localhost:5000/a/b:1@{DIGEST}");
        let by_digest = format!("a@{DIGEST}");
        let digest = Some(DIGEST);
        for (text, host, repository, tag, digest) in [
            ("alpine", None, "alpine", None, None),
            ("alpine:3.20", None, "alpine", Some("3.20"), None),
            ("library/alpine", None, "library/alpine", None, None),
            ("localhost", None, "localhost", None, None),
            ("localhost:5000", None, "localhost", Some("5000"), None),
            ("localhost/a", Some("localhost"), "a", None, None),
            ("localhost:5000/a", Some("localhost:5000"), "a", None, None),
            ("registry.example.com/a/b:c", Some("registry.example.com"), "a/b", Some("c"), None),
            ("Registry/a", Some("Registry"), "a", None, None),
            ("10.0.0.1:5000/a", Some("10.0.0.1:5000"), "a", None, None),
            ("[::1]/a", Some("[::1]"), "a", None, None),
            ("[2001:db8::1]:5000/a:b", Some("[2001:db8::1]:5000"), "a", Some("b"), None),
            ("a.b", None, "a.b", None, None),
            ("a/b.c/d", None, "a/b.c/d", None, None),
            (&by_digest, None, "a", None, digest),
            (&pinned, Some("localhost:5000"), "a/b", Some("1"), digest),
        ] {
            let name: ImageName = text.parse().unwrap();
            assert_eq!(name.host().map(Host::as_str), host, "{text}");
            assert_eq!(name.repository().as_str(), repository, "{text}");
            assert_eq!(name.tag().map(Tag::as_str), tag, "{text}");
            assert_eq!(name.digest().map(Digest::to_string).as_deref(), digest, "{text}");
            assert_eq!(name.to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_not_an_image_name() {
        let two_digests = format!("a@{DIGEST}@{DIGEST}");
        let long_host = format!("{}/a", "a.".repeat(HOST_MAX_BYTES));
        for text in [
            "",
            "/",
            ":",
            "@",
            "a:",
            "a@",
            ":a",
            "/a",
            "a/",
            "a//b",
            "A",
            "a:b:c",
            "a:b/c:d/e",
            "a b",
            "a@sha256:x",
            "a@b",
            "localhost/",
            "localhost:/a",
            "localhost:x/a",
            "localhost:65536/a",
            "localhost:+1/a",
            "-a.b/c",
            "a-.b/c",
            "a..b/c",
            ".a/b",
            "a_b.c/d",
            "[::1/a",
            "::1/a",
            "[]/a",
            "[::1]x/a",
            "[::1%25lo]/a",
            "[::ffff:1.2.3.4]/a",
            "[1.2.3.4]/a",
            "http://localhost/a",
            "user@localhost/a",
            &two_digests,
            &long_host,
        ] {
            assert!(text.parse::<ImageName>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_alone_must_read_as_one() {
        for text in ["localhost", "a.b", "A", "a:1", "[::1]"] {
            assert_eq!(text.parse::<Host>().unwrap().as_str(), text);
        }
        for text in ["", "a", "a/b", "a.b/c", "localhost:"] {
            assert_eq!(text.parse::<Host>(), Err(ImageNameError::Host(text.to_owned())));
        }
    }
}
