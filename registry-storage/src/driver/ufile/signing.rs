//! The signature of UCloud's file API.
//!
//! ```text
//! UCloud <public key>:base64(HMAC-SHA-1(private key,
//!     <METHOD>\n<Content-MD5>\n<Content-Type>\n<Date, or when the address expires>\n/<bucket>/<key>))
//! ```
//!
//! The key is not encoded, and parameters are not signed. No `Date` is sent, as by UCloud's own programs: the registry of UFile's
//! first driver could not, and the store does without. Source: `auth.go` of ufilesdk-dev/ufile-gosdk.

use std::borrow::Cow;
use std::fmt;

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use percent_encoding::percent_decode_str;
use reqsign_core::hash::base64_hmac_sha1;

/// Signs requests to one bucket.
pub(super) struct Signer {
    bucket: String,
    public_key: String,
    private_key: String,
}

impl Signer {
    pub(super) fn new(bucket: String, public_key: String, private_key: String) -> Self {
        Self { bucket, public_key, private_key }
    }

    pub(super) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Adds who asks.
    ///
    /// # Errors
    /// If the public key cannot be sent.
    pub(super) fn sign(&self, request: &mut Parts) -> Result<(), header::InvalidHeaderValue> {
        let date = request.headers.get(header::DATE).and_then(|date| date.to_str().ok()).unwrap_or_default();
        let signature = self.signature(&request.method, &request.headers, request.uri.path(), date);
        let mut authorization = HeaderValue::try_from(format!("UCloud {}:{signature}", self.public_key))?;
        authorization.set_sensitive(true);
        request.headers.insert(header::AUTHORIZATION, authorization);
        Ok(())
    }

    /// Returns what the query of an address has by which anybody can `GET` what is at a path until a time, which is in seconds
    /// since 1970.
    pub(super) fn address_query<'a>(&'a self, path: &str, expires_at: &'a str) -> [(&'static str, Cow<'a, str>); 3] {
        let signature = self.signature(&Method::GET, &HeaderMap::new(), path, expires_at);
        [
            ("UCloudPublicKey", self.public_key.as_str().into()),
            ("Signature", signature.into()),
            ("Expires", expires_at.into()),
        ]
    }

    /// Returns the signature of a request. `time` is when it was made, or when its address expires; it may be empty.
    fn signature(&self, method: &Method, headers: &HeaderMap, path: &str, time: &str) -> String {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let signed = format!(
            "{method}\n{}\n{}\n{time}\n/{}{}",
            text(&HeaderName::from_static("content-md5")),
            text(&header::CONTENT_TYPE),
            self.bucket,
            percent_decode_str(path).decode_utf8_lossy(),
        );
        base64_hmac_sha1(self.private_key.as_bytes(), signed.as_bytes())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, public_key, .. } = self;
        f.debug_struct("Signer").field("bucket", bucket).field("public_key", public_key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn signer() -> Signer {
        Signer::new("mybucket".into(), "PUBKEY".into(), "PRIVKEY".into())
    }

    /// What UCloud's `ufile-gosdk` and the `ufile` package for Python (3.2.11) computed.
    #[test]
    fn the_vendor_computes_the_same() {
        let octets = ("content-type", "application/octet-stream");
        let md5 = ("content-md5", "5d41402abc4b2a76b9719d911017c592");
        let date = ("date", "Wed, 01 Jun 2016 12:00:00 GMT");
        for (method, target, headers, signature) in [
            ("GET", "/docker/registry/k", &[][..], "DJeHRuQMRGEAHXXRWIWbOkhFaGE="),
            ("PUT", "/docker/registry/k", &[octets], "hZsmSGbug3uFHbO/rLdptW+oIs4="),
            ("PUT", "/docker/registry/k", &[octets, date, md5], "oIV1GW9Rtifve6oq7ut07K4Qdl4="),
            ("GET", "/?list&prefix=a", &[], "VJkbmevrqYhbla+9XOQ0YkSbEmI="),
            ("PUT", "/dst", &[], "ei6a6JYphs/gXS10cFU8+Y68rec="),
        ] {
            let mut request = Request::builder().method(method).uri(format!("http://h{target}"));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let mut request = request.body(()).unwrap().into_parts().0;
            signer().sign(&mut request).unwrap();
            let authorization = &request.headers[header::AUTHORIZATION];
            assert_eq!(authorization, &format!("UCloud PUBKEY:{signature}"), "{method} {target}");
        }
        let signer = signer();
        let query = signer.address_query("/docker/registry/k", "1464782400");
        let expected =
            [("UCloudPublicKey", "PUBKEY"), ("Signature", "gkBanRnY4cfqQ08p7SsPHVHqaYo="), ("Expires", "1464782400")];
        assert_eq!(query, expected.map(|(name, value)| (name, value.into())));
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", signer());
        assert!(shown.contains("PUBKEY") && !shown.contains("PRIVKEY"), "{shown}");
    }
}
