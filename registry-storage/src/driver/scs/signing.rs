//! The signature of Sohu Cloud Storage.
//!
//! ```text
//! base64(HMAC-SHA-1(secret key,
//!     <method in lower case>\n<Content-MD5>\n<Content-Type>\n<Date, or when the address expires>\n
//!     <x-scs-…>:<value>\n  (in the order of the names)
//!     /<bucket>/<key>))
//! ```
//!
//! Of the parameters only `acl` and `location` are signed, which nothing here asks for. Those without a value are sent without
//! `=`. Source: `scsutil/scs/sign.go` in domeos/docker-registry-driver-sohustorage.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqsign_core::Error;
use reqsign_core::hash::base64_hmac_sha1;

use crate::driver::object::address::encoded;
use crate::driver::s3::signing::Sign;

/// What is encoded in the path that is signed.
const RESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/').remove(b':');
const OWN_HEADERS: &str = "x-scs-";

/// Signs requests with a key.
pub(super) struct ScsSign {
    access_key: String,
    secret_key: String,
}

impl ScsSign {
    pub(super) fn new(access_key: String, secret_key: String) -> Self {
        Self { access_key, secret_key }
    }

    /// Returns the signature of a request. `time` is when it was made, or when its address expires.
    fn signature(&self, method: &Method, headers: &HeaderMap, path: &str, time: &str) -> String {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let own = headers.keys().filter(|name| name.as_str().starts_with(OWN_HEADERS));
        let own: BTreeMap<_, _> = own.map(|name| (name.as_str(), text(name))).collect();
        let own: String = own.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let path = percent_decode_str(path).decode_utf8_lossy();
        let signed = format!(
            "{}\n{}\n{}\n{time}\n{own}{}",
            method.as_str().to_lowercase(),
            text(&HeaderName::from_static("content-md5")),
            text(&header::CONTENT_TYPE),
            utf8_percent_encode(&path, RESERVED),
        );
        base64_hmac_sha1(self.secret_key.as_bytes(), signed.as_bytes())
    }

    fn sign_until(&self, request: &mut Parts, expires_at: u64) {
        let signature = self.signature(&request.method, &request.headers, request.uri.path(), &expires_at.to_string());
        let query = format!(
            "Expires={expires_at}&SOHUCSAccessKeyId={}&Signature={}",
            encoded(&self.access_key),
            encoded(&signature)
        );
        let target = match request.uri.query() {
            None | Some("") => format!("{}?{query}", request.uri.path()),
            Some(own) => format!("{}?{own}&{query}", request.uri.path()),
        };
        request.uri = with_target(&request.uri, &target);
    }

    fn sign_at(&self, request: &mut Parts, date: &str) -> reqsign_core::Result<()> {
        let signature = self.signature(&request.method, &request.headers, request.uri.path(), date);
        let invalid = |error| Error::request_invalid("the access key cannot be sent").with_source(error);
        let mut authorization = HeaderValue::try_from(format!("{}:{signature}", self.access_key)).map_err(invalid)?;
        authorization.set_sensitive(true);
        request.headers.insert(header::AUTHORIZATION, authorization);
        request.headers.insert(header::DATE, HeaderValue::try_from(date).map_err(invalid)?);
        Ok(())
    }
}

#[async_trait]
impl Sign for ScsSign {
    async fn sign(&self, request: &mut Parts, expires_in: Option<Duration>) -> reqsign_core::Result<()> {
        let now = SystemTime::now();
        let query = request.uri.query().unwrap_or_default();
        let parameters: Vec<_> = query.split('&').map(|pair| pair.strip_suffix('=').unwrap_or(pair)).collect();
        let target = format!("{}?{}", request.uri.path(), parameters.join("&"));
        request.uri = with_target(&request.uri, target.trim_end_matches('?'));
        match expires_in {
            None => self.sign_at(request, &httpdate::fmt_http_date(now).replace("GMT", "UTC"))?,
            Some(time) => {
                let expires_at = now.duration_since(UNIX_EPOCH).unwrap_or_default() + time;
                self.sign_until(request, expires_at.as_secs());
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ScsSign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScsSign").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// Returns an address with another path and query.
fn with_target(uri: &Uri, target: &str) -> Uri {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).expect("it is made of encoded parts"));
    Uri::from_parts(parts).expect("an address stays one with another path")
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const DATE: &str = "Wed, 01 Jun 2016 12:00:00 UTC";

    fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(format!("http://h{target}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn sign() -> ScsSign {
        ScsSign::new("AKEXAMPLE".into(), "SKEXAMPLE".into())
    }

    /// What `scsutil/scs` of the Sohu registry computed.
    #[test]
    fn the_sohu_registry_computes_the_same() {
        let octets = ("content-type", "application/octet-stream");
        let md5 = ("content-md5", "5d41402abc4b2a76b9719d911017c592");
        for (method, target, headers, signature) in [
            ("GET", "/mybucket/docker/registry/v2/blobs/a%20b%2Bc", &[][..], "/iW9k8tZaWlKznjj9TlQySaYHs8="),
            ("PUT", "/mybucket/k", &[octets], "aH05eqWnMH/fc8GvdfCc8M/UdWU="),
            ("PUT", "/mybucket/dst", &[("x-scs-copy-source", "/mybucket/src")], "XwDhu7QnuBhmN9n1s2nHvFqimeY="),
            ("POST", "/mybucket/k?uploads", &[octets], "JJSIfApn3TZ2+e7G/tSUI7ieaLE="),
            ("PUT", "/mybucket/k?partNumber=1&uploadId=U1", &[md5], "yHtqyipXDCQzUNMmSl8/HQyv918="),
        ] {
            let mut request = request(method, target, headers);
            sign().sign_at(&mut request, DATE).unwrap();
            assert_eq!(request.headers[header::AUTHORIZATION], format!("AKEXAMPLE:{signature}"), "{method} {target}");
            assert_eq!(request.headers[header::DATE], DATE);
        }
        let mut request = request("GET", "/mybucket/docker/registry/v2/blobs/x", &[]);
        sign().sign_until(&mut request, 1_464_782_400);
        assert_eq!(
            request.uri.query(),
            Some("Expires=1464782400&SOHUCSAccessKeyId=AKEXAMPLE&Signature=y325ZU7kx0POjNSF4o74lYGSBMs%3D")
        );
    }

    #[tokio::test]
    async fn parameters_without_a_value_have_no_sign() {
        for (target, sent) in [("/b/?max-keys=1&uploads=", "/b/?max-keys=1&uploads"), ("/b/k", "/b/k")] {
            let mut request = request("GET", target, &[]);
            sign().sign(&mut request, None).await.unwrap();
            assert_eq!(request.uri, format!("http://h{sent}").as_str());
            assert!(request.headers[header::DATE].to_str().unwrap().ends_with(" UTC"));
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", sign());
        assert!(shown.contains("AKEXAMPLE") && !shown.contains("SKEXAMPLE"), "{shown}");
    }
}
