//! The signature of Baidu, computed from what Baidu says of it.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{HeaderMap, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqsign_core::hash::hex_hmac_sha256;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::subject::{ACCESS_KEY, SECRET_KEY, SESSION_TOKEN};

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What is signed if nothing is said of that.
const DEFAULT_HEADERS: [&str; 4] = ["content-length", "content-md5", "content-type", "host"];

/// Checks a signature in `Authorization`, or in the address: whose it is, when it counts, and that it covers the host and all
/// of BOS's headers.
pub(super) fn verify(request: &Request<Bytes>) -> Result<(), &'static str> {
    let said = |name| match text(request.headers(), name) {
        header if header.is_empty() => parameter(request, name),
        header => header,
    };
    let authorization = said("authorization");
    let fields: Vec<_> = authorization.split('/').collect();
    let &["bce-auth-v1", access_key, time, seconds, names, signature] = &fields[..] else {
        return Err("InvalidHTTPAuthHeader");
    };
    if access_key != ACCESS_KEY {
        return Err("InvalidAccessKeyId");
    }
    let token = said("x-bce-security-token");
    if !token.is_empty() && token != SESSION_TOKEN {
        return Err("InvalidSecurityToken");
    }
    let (Ok(signed_at), Ok(seconds)) = (OffsetDateTime::parse(time, &Rfc3339), seconds.parse()) else {
        return Err("InvalidHTTPAuthHeader");
    };
    let age = OffsetDateTime::now_utc() - signed_at;
    if age > Duration::seconds(seconds) || age < Duration::minutes(-5) {
        return Err("RequestExpired");
    }
    let named: BTreeSet<_> = names.split(';').filter(|name| !name.is_empty()).collect();
    let all: BTreeSet<_> = request.headers().keys().map(|name| name.as_str()).collect();
    let signed: BTreeSet<_> = match named.is_empty() {
        true => all.iter().filter(|name| DEFAULT_HEADERS.contains(name) || is_own(name)).copied().collect(),
        false => named,
    };
    let covers_all = signed.contains("host") && all.iter().all(|name| !is_own(name) || signed.contains(name));
    let prefix = format!("bce-auth-v1/{access_key}/{time}/{seconds}");
    match covers_all && signature == sign(request, &prefix, &signed, SECRET_KEY) {
        true => Ok(()),
        false => Err("SignatureDoesNotMatch"),
    }
}

fn is_own(name: &str) -> bool {
    name.starts_with("x-bce-")
}

fn pairs(request: &Request<Bytes>) -> impl Iterator<Item = (String, String)> {
    let pairs = request.uri().query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(name, value)| (decode(name), decode(value)))
}

/// Returns what the query says, or nothing.
fn parameter(request: &Request<Bytes>, name: &str) -> String {
    pairs(request).find_map(|(found, value)| (found == name).then_some(value)).unwrap_or_default()
}

fn sign(request: &Request<Bytes>, prefix: &str, names: &BTreeSet<&str>, secret: &str) -> String {
    let headers: BTreeSet<_> =
        names.iter().map(|name| format!("{}:{}", encode(name), encode(text(request.headers(), name).trim()))).collect();
    let headers: Vec<_> = headers.into_iter().collect();
    let signed = pairs(request).filter(|(name, _)| name != "authorization");
    let mut query: Vec<_> = signed.map(|(name, value)| format!("{}={}", encode(&name), encode(&value))).collect();
    query.sort();
    let path: Vec<_> = request.uri().path().split('/').map(|segment| encode(&decode(segment))).collect();
    let described = [request.method().as_str(), &path.join("/"), &query.join("&"), &headers.join("\n")].join("\n");
    let key = hex_hmac_sha256(secret.as_bytes(), prefix.as_bytes());
    hex_hmac_sha256(key.as_bytes(), described.as_bytes())
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// What Baidu's own `bce-python-sdk` 0.9.79 computed for the upload of a part.
#[test]
fn the_vendor_computes_the_same() {
    let request = Request::put("http://h/docker/registry/k?partNumber=1&uploadId=U1")
        .header("host", "mybucket.bj.bcebos.com")
        .header("content-length", "5")
        .header("content-type", "application/octet-stream")
        .header("x-bce-date", "2016-06-01T12:00:00Z")
        .body(Bytes::new())
        .unwrap();
    let names = ["content-length", "content-type", "host", "x-bce-date"].into();
    let signed = sign(&request, "bce-auth-v1/AKEXAMPLE/2016-06-01T12:00:00Z/1800", &names, "SKEXAMPLE");
    assert_eq!(signed, "3630715d9b4c3082a3b845ba876b0ddfd295b23f757b09f30c29605846ff635e");
}
