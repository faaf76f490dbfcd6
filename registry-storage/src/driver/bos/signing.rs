//! Signatures of the form `bce-auth-v1`, as Baidu's "Generate authentication string" has them.
//!
//! ```text
//! bce-auth-v1/<access key>/<time>/<seconds>/<names of signed headers>/<signature>
//! ```
//!
//! The first four fields, signed with the secret key, are the key that signs the request.

use std::time::Duration;

use http::header::InvalidHeaderValue;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Request, Uri, header};
use reqsign_core::hash::hex_hmac_sha256;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::config::BosCredentials;
use crate::driver::object::address::encoded;

/// For how long the signature of a request counts.
const LIFETIME: Duration = Duration::from_secs(1800);

const BCE_DATE: HeaderName = HeaderName::from_static("x-bce-date");
/// What has the token of temporary keys, in a request's headers or in an address.
pub(super) const TOKEN: &str = "x-bce-security-token";
/// What has the signature, in a request's headers or in an address.
pub(super) const AUTHORIZATION: &str = "authorization";

/// Signs a request in its headers, for this host alone.
///
/// # Errors
/// If a key has what no header can have.
pub(super) fn sign(
    request: &mut Parts,
    credentials: &BosCredentials,
    now: OffsetDateTime,
) -> Result<(), InvalidHeaderValue> {
    request.headers.insert(header::HOST, host(&request.uri));
    request.headers.insert(BCE_DATE, HeaderValue::try_from(text(now))?);
    if let Some(token) = &credentials.session_token {
        request.headers.insert(TOKEN, HeaderValue::try_from(token)?);
    }
    let mut names: Vec<_> = request.headers.keys().map(HeaderName::as_str).filter(|name| is_signed(name)).collect();
    names.sort_unstable();
    let authorization = HeaderValue::try_from(authorization(request, &names, credentials, LIFETIME, now))?;
    request.headers.insert(AUTHORIZATION, authorization);
    Ok(())
}

/// Signs an address, for everybody who `GET`s it within a time, and returns what goes into its query as `authorization`.
/// Temporary keys have their token in the address already.
pub(super) fn of_address(uri: Uri, credentials: &BosCredentials, lifetime: Duration, now: OffsetDateTime) -> String {
    let (mut request, ()) = Request::new(()).into_parts();
    request.headers.insert(header::HOST, host(&uri));
    request.uri = uri;
    authorization(&request, &[header::HOST.as_str()], credentials, lifetime, now)
}

/// Says who allows a request with these headers, and for how long.
fn authorization(
    request: &Parts,
    names: &[&str],
    credentials: &BosCredentials,
    lifetime: Duration,
    now: OffsetDateTime,
) -> String {
    let prefix = format!("bce-auth-v1/{}/{}/{}", credentials.access_key, text(now), lifetime.as_secs());
    let signature = signature(request, names, &prefix, &credentials.secret_key);
    format!("{prefix}/{}/{signature}", names.join(";"))
}

/// Writes a time, in whole seconds.
fn text(now: OffsetDateTime) -> String {
    let now = now.replace_nanosecond(0).ok().and_then(|now| now.format(&Rfc3339).ok());
    now.expect("the time is one of this era")
}

/// Returns the `Host` of a request to an address.
fn host(uri: &Uri) -> HeaderValue {
    HeaderValue::try_from(uri.authority().map_or("", Authority::as_str)).expect("a host makes a header")
}

fn is_signed(name: &str) -> bool {
    matches!(name, "host" | "content-md5" | "content-type") || name.starts_with("x-bce-")
}

/// Returns the signature of a request with these headers.
fn signature(request: &Parts, names: &[&str], prefix: &str, secret_key: &str) -> String {
    let value = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let header = |name: &&str| format!("{}:{}", encoded(name), encoded(value(name).trim()));
    // Sorted as lines: where one name begins with another, that is not the order of the names.
    let mut headers: Vec<_> = names.iter().map(header).collect();
    headers.sort_unstable();
    let mut query: Vec<_> =
        request.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).collect();
    query.sort_unstable();
    let (method, path, query) = (request.method.as_str(), request.uri.path(), query.join("&"));
    let signed = format!("{method}\n{path}\n{query}\n{}", headers.join("\n"));
    let key = hex_hmac_sha256(secret_key.as_bytes(), prefix.as_bytes());
    hex_hmac_sha256(key.as_bytes(), signed.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "2016-06-01T12:00:00Z";

    fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    /// What Baidu's own `bce-python-sdk` 0.9.79 computed.
    #[test]
    fn the_vendor_computes_the_same() {
        let part = |uri: &str, host| {
            let headers = [
                ("host", host),
                ("content-length", "5"),
                ("content-type", "application/octet-stream"),
                ("x-bce-date", TIME),
            ];
            let names = headers.map(|(name, _)| name);
            signature(
                &request("PUT", uri, &headers),
                &names,
                &format!("bce-auth-v1/AKEXAMPLE/{TIME}/1800"),
                "SKEXAMPLE",
            )
        };
        assert_eq!(
            part("http://h/docker/registry/k?partNumber=1&uploadId=U1", "mybucket.bj.bcebos.com"),
            "3630715d9b4c3082a3b845ba876b0ddfd295b23f757b09f30c29605846ff635e"
        );
        assert_eq!(
            part("http://h/v1/mybucket/docker/registry/k?uploadId=U1&partNumber=1", "bj.bcebos.com"),
            "ef027d3f87d74d424f49982d81c8ef42c4f538bd962d0d32bd19d79d8533c873"
        );
        let get = request("GET", "http://h/docker/registry/k", &[("host", "mybucket.bj.bcebos.com")]);
        assert_eq!(
            signature(&get, &["host"], &format!("bce-auth-v1/AKEXAMPLE/{TIME}/1200"), "SKEXAMPLE"),
            "561f7e244939eb2cc1dee08cc40a7c1af3fb65272316385ac74914926c5c5445"
        );
    }

    /// The last of what the vendor computed is for an address.
    #[test]
    fn an_address_is_signed_for_its_time() {
        let credentials =
            BosCredentials { access_key: "AKEXAMPLE".into(), secret_key: "SKEXAMPLE".into(), session_token: None };
        let now = OffsetDateTime::parse(TIME, &Rfc3339).unwrap();
        let uri = Uri::from_static("http://mybucket.bj.bcebos.com/docker/registry/k");
        assert_eq!(
            of_address(uri, &credentials, Duration::from_secs(1200), now),
            "bce-auth-v1/AKEXAMPLE/2016-06-01T12:00:00Z/1200/host/\
             561f7e244939eb2cc1dee08cc40a7c1af3fb65272316385ac74914926c5c5445"
        );
    }

    #[test]
    fn a_request_is_signed_for_its_host_and_token() {
        let credentials =
            BosCredentials { access_key: "AK".into(), secret_key: "SK".into(), session_token: Some("token".into()) };
        let mut request = request("GET", "http://h:1/k", &[("range", "bytes=0-1"), ("x-bce-meta-a", "b")]);
        sign(&mut request, &credentials, OffsetDateTime::UNIX_EPOCH).unwrap();
        let authorization = request.headers["authorization"].to_str().unwrap().to_owned();
        let fields = "bce-auth-v1/AK/1970-01-01T00:00:00Z/1800/host;x-bce-date;x-bce-meta-a;x-bce-security-token/";
        assert!(authorization.starts_with(fields), "{authorization}");
        assert_eq!(request.headers["host"], "h:1");
        assert_eq!(request.headers["x-bce-security-token"], "token");
    }

    #[test]
    fn a_key_that_no_header_can_have_is_refused() {
        let credentials = BosCredentials { access_key: "A\nK".into(), secret_key: String::new(), session_token: None };
        let mut request = request("GET", "http://h/k", &[]);
        sign(&mut request, &credentials, OffsetDateTime::UNIX_EPOCH).unwrap_err();
    }
}
