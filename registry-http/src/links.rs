//! The addresses that answers point to.

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::UploadId;

use crate::external_url::ExternalUrl;

/// All but what RFC 3986 calls unreserved.
const QUERY_VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Makes addresses below one base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Links {
    /// What clients see, for whole addresses. Relative ones are right behind any proxy that keeps paths.
    pub(crate) external: Option<ExternalUrl>,
    /// What stands before `/v2/`: `""` or `/…`.
    pub(crate) prefix: String,
}

impl Links {
    fn to(&self, path: &str) -> String {
        let path = format!("{}/v2/{path}", self.prefix);
        self.external.as_ref().map_or_else(|| path.clone(), |external| external.join(&path))
    }

    pub(crate) fn blob(&self, repository: &RepositoryName, digest: &Digest) -> String {
        self.to(&format!("{repository}/blobs/{digest}"))
    }

    pub(crate) fn manifest(&self, repository: &RepositoryName, digest: &Digest) -> String {
        self.to(&format!("{repository}/manifests/{digest}"))
    }

    pub(crate) fn upload(&self, repository: &RepositoryName, id: UploadId) -> String {
        self.to(&format!("{repository}/blobs/uploads/{id}"))
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
        assert_eq!(
            Links { external: None, prefix: String::new() }.blob(&repository, &digest),
            format!("/v2/a/b/blobs/{digest}")
        );
        let links = Links { external: Some("https://r.example/".parse().unwrap()), prefix: "/mirror".to_owned() };
        assert_eq!(links.manifest(&repository, &digest), format!("https://r.example/mirror/v2/a/b/manifests/{digest}"));
        assert_eq!(
            links.next_page("_catalog", &[("last", "a/b&c"), ("n", "2")]),
            "</mirror/v2/_catalog?last=a%2Fb%26c&n=2>; rel=\"next\""
        );
    }
}
