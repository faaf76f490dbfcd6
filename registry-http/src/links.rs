//! The addresses that answers point to.

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::UploadId;

/// All but what RFC 3986 calls unreserved.
const QUERY_VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Makes addresses below one base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Links {
    /// Scheme and host, or nothing for addresses that are relative to the request's.
    origin: String,
    /// What stands before `/v2/`: `""` or `/…`.
    prefix: String,
}

impl Links {
    /// Makes addresses without scheme and host, which are right behind any proxy that keeps paths.
    pub fn relative(prefix: &str) -> Self {
        Self { origin: String::new(), prefix: prefix.to_owned() }
    }

    /// Makes whole addresses. `origin` is scheme and host, as in `https://registry.example`.
    pub fn absolute(origin: &str, prefix: &str) -> Self {
        Self { origin: origin.trim_end_matches('/').to_owned(), prefix: prefix.to_owned() }
    }

    fn base(&self) -> String {
        format!("{}{}", self.origin, self.prefix)
    }

    pub(crate) fn blob(&self, repository: &RepositoryName, digest: &Digest) -> String {
        format!("{}/v2/{repository}/blobs/{digest}", self.base())
    }

    pub(crate) fn manifest(&self, repository: &RepositoryName, digest: &Digest) -> String {
        format!("{}/v2/{repository}/manifests/{digest}", self.base())
    }

    pub(crate) fn upload(&self, repository: &RepositoryName, id: UploadId) -> String {
        format!("{}/v2/{repository}/blobs/uploads/{id}", self.base())
    }

    /// The value of a `Link` header to the next page of a list (RFC 8288). Always relative, as in distribution.
    pub(crate) fn next_page(&self, path: &str, parameters: &[(&str, &str)]) -> String {
        let mut link = format!("<{}/v2/{path}", self.prefix);
        for (index, (key, value)) in parameters.iter().enumerate() {
            let separator = if index == 0 { '?' } else { '&' };
            let value = utf8_percent_encode(value, QUERY_VALUE);
            write!(link, "{separator}{key}={value}").expect("writing to a string cannot fail");
        }
        link.push_str(">; rel=\"next\"");
        link
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let repository = "a/b".parse().unwrap();
        let digest = Digest::of(registry_core::protocol::digest::Algorithm::Sha256, b"");
        assert_eq!(Links::relative("").blob(&repository, &digest), format!("/v2/a/b/blobs/{digest}"));
        let links = Links::absolute("https://r.example/", "/mirror");
        assert_eq!(
            links.manifest(&repository, &digest),
            format!("https://r.example/mirror/v2/a/b/manifests/{digest}")
        );
        assert_eq!(
            links.next_page("_catalog", &[("last", "a/b&c"), ("n", "2")]),
            "</mirror/v2/_catalog?last=a%2Fb%26c&n=2>; rel=\"next\""
        );
    }
}
